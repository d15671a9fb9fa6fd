"""The source lines around a finding."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from nnlint.finding import Finding, Related
from nnlint.source.file import SourceError, read_source


@lru_cache(maxsize=256)
def _lines(filename: str) -> tuple[tuple[str, ...], dict[int, int]]:
    try:
        source = read_source(Path(filename), filename)
    except SourceError:
        return (), {}
    cells = {cell.number: cell.first_row for cell in source.cells or ()}
    return tuple(source.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")), cells


def source_lines(place: Finding | Related, around: int) -> list[tuple[int, str]]:
    """Rows and texts from `around` lines before the start to as many after it."""
    lines, cells = _lines(place.filename)
    offset = cells.get(place.cell or 0, 1) - 1
    first = max(1, place.start.row - around)
    last = place.start.row + around
    return [
        (row, lines[row + offset - 1])
        for row in range(first, last + 1)
        if 0 < row + offset <= len(lines)
    ]
