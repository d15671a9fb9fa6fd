"""A file's text, and how its rows map to what the user sees."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

from nnlint.finding import Position


class SourceError(Exception):
    """A file that cannot be linted, with the code of the finding that says so."""

    def __init__(self, code: str, message: str, position: Position = Position(1, 1)) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.position = position
        self.cell: int | None = None
        self.text = ""
        """What stands in the notebook's cell that the error is about."""
        self.newer = False
        """Whether a newer Python than the one that nnlint runs on can read it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell of a notebook, as rows of the joined text."""

    number: int
    first_row: int
    row_count: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's text, and how its rows map to what the user sees."""

    path: Path
    display: str
    """The name as the user gave it."""
    text: str
    raw: bytes
    cells: tuple[Cell, ...] | None
    """Cells of a notebook, whose code is joined in `text`; None for a Python file."""
    with_commands: str | None = None
    """The text of cells as it was written, where `text` lacks commands that no Python has."""

    @property
    def written(self) -> str:
        """The text as its author wrote it, row by row that of `text`."""
        return self.text if self.with_commands is None else self.with_commands

    @property
    def blanked(self) -> frozenset[int]:
        """Rows of `text` that are not what was written."""
        if self.with_commands is None:
            return frozenset()
        pairs = zip(
            self.text.split("\n"), with_line_feeds(self.with_commands).split("\n"), strict=False
        )
        return frozenset(row for row, (read, own) in enumerate(pairs, 1) if read != own)

    def without(self, broken: Cell) -> SourceFile:
        """The notebook with a cell's code left out, its rows kept."""
        rows = self.text.split("\n")
        start = broken.first_row - 1
        rows[start : start + broken.row_count] = [""] * broken.row_count
        return replace(self, text="\n".join(rows))

    def position(self, row: int, column: int) -> tuple[int | None, Position]:
        """The cell, and the place in it, of a row and column of `text`."""
        if self.cells is None:
            return None, Position(row, column)
        index = bisect_right([c.first_row for c in self.cells], row) - 1
        cell = self.cells[max(index, 0)]
        return cell.number, Position(row - cell.first_row + 1, column)


def with_line_feeds(text: str) -> str:
    """A text in which all lines end in `\\n`, as Python's parser divides and counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
