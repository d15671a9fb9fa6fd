"""The source lines around a finding, with what is marked in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlint.finding import Finding, Position, Related
from nnlint.report.style import GUTTER, LEVELS, RELATED, Styler, pieces, width_of, wrapped
from nnlint.source.file import SourceError, with_line_feeds
from nnlint.source.reading import read_source
from nnlint.text import plain

LONGEST_LINE = 200
"""Columns of a source line that are shown where there is no terminal to fit."""


class Sources:
    """The lines of source files, read when they are asked for.

    Parameters:
        texts: the content of files that is not what is on disk, by name.
    """

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._read: dict[str, tuple[list[str], dict[int, tuple[int, int]]]] = {}

    def lines(self, filename: str, cell: int | None) -> Sequence[str]:
        """The lines of a file or of a notebook's cell; none when it cannot be read."""
        if filename not in self._read:
            self._read[filename] = self._load(filename)
        lines, cells = self._read[filename]
        if cell is None:
            return lines
        first, rows = cells.get(cell, (1, 0))
        return lines[first - 1 : first - 1 + rows]

    def _load(self, filename: str) -> tuple[list[str], dict[int, tuple[int, int]]]:
        try:
            source = read_source(Path(filename), filename, self._texts.get(filename))
        except (SourceError, OSError):
            return [], {}
        cells = {c.number: (c.first_row, c.row_count) for c in source.cells or ()}
        return with_line_feeds(source.text).split("\n"), cells


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the source that is pointed at."""

    start: Position
    end: Position
    label: str
    symbol: str
    style: str


def mark_of(at: Finding | Related) -> Mark:
    """What is pointed at by a finding, or by one of its related places."""
    if isinstance(at, Finding):
        return Mark(at.start, at.end, "", "^", LEVELS[at.level])
    return Mark(at.start, at.end, plain(at.message), "-", RELATED)


def marks_near(finding: Finding) -> dict[Related, Mark]:
    """The marks of the related places that are shown in a finding's own frame."""
    here = finding.filename, finding.cell
    return {r: mark_of(r) for r in finding.related if (r.filename, r.cell) == here}


@dataclass(frozen=True, slots=True)
class Frame:
    """How frames are drawn."""

    style: Styler
    width: int | None
    gutter: int
    """Columns of the row numbers."""

    def draw(self, lines: Sequence[str], marks: Iterable[Mark], rows: set[int]) -> Iterator[str]:
        """The marked rows of a file, and `rows` as context around them."""
        by_row: dict[int, list[Mark]] = {}
        for mark in marks:
            by_row.setdefault(mark.start.row, []).append(mark)
        shown = sorted(r for r in rows | set(by_row) if 1 <= r <= len(lines))
        if not shown:
            return
        yield self._bar()
        before = shown[0]
        for row in shown:
            if row > before + 1:
                yield self.style("." * 3, GUTTER)
            before = row
            yield from self._row(row, lines[row - 1], by_row.get(row, []))
        yield self._bar()

    def _bar(self, number: str = "") -> str:
        return self.style(f"{number:>{self.gutter}} |", GUTTER)

    def _row(self, row: int, text: str, marks: list[Mark]) -> Iterator[str]:
        shown = pieces(text.rstrip())
        room = (self.width - self.gutter - 3) if self.width else LONGEST_LINE
        first, last = window(shown, marks, max(room, 20))
        left, right = "…" * (first > 0), "…" * (last < len(shown))
        line = left + "".join(shown[first:last]) + right
        yield f"{self._bar(str(row))} {line}".rstrip()
        for mark in sorted(marks, key=lambda m: (m.symbol != "^", -m.start.column)):
            begin = min(max(mark.start.column - 1, first), len(shown))
            same_row = mark.end.row == mark.start.row
            end = min(mark.end.column - 1 if same_row else len(shown), last)
            indent = len(left) + width_of("".join(shown[first:begin]))
            length = max(1, width_of("".join(shown[begin:end])))
            yield from self._mark(mark, indent, length)

    def _mark(self, mark: Mark, indent: int, length: int) -> Iterator[str]:
        taken = self.gutter + 3 + indent
        symbols = self.style(mark.symbol * length, mark.style)
        pad = f"{self._bar()} {' ' * indent}"
        if not mark.label:
            yield pad + symbols
        elif self.width is None or taken + length + 1 + width_of(mark.label) <= self.width:
            yield f"{pad}{symbols} {self.style(mark.label, mark.style)}"
        else:
            yield pad + symbols
            if taken + 20 > self.width:
                pad, taken = f"{self._bar()}   ", self.gutter + 5
            for part in wrapped(mark.label, self.width, taken, taken):
                yield pad + self.style(part, mark.style)


def window(shown: Sequence[str], marks: Sequence[Mark], room: int) -> tuple[int, int]:
    """The part of a line that fits, with what is marked in it."""
    widths = [1 if p.isascii() and len(p) == 1 else width_of(p) for p in shown]
    if sum(widths) <= room:
        return 0, len(shown)
    at = min((m.start.column - 1 for m in marks), default=0)
    first = 0
    if sum(widths[: at + 1]) > room * 2 // 3:
        first = max(0, at - room // 4)
    taken, last = 2, first
    while last < len(shown) and taken + widths[last] <= room:
        taken += widths[last]
        last += 1
    return first, last


def context_rows(place: Finding | Related, lines: Sequence[str]) -> set[int]:
    """The marked row with the ones before and after it, unless they are empty."""
    row = place.start.row
    near = {r for r in (row - 1, row + 1) if 1 <= r <= len(lines) and lines[r - 1].strip()}
    return near | {row}
