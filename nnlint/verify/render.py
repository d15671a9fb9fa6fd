"""Verdicts as text: the matrix as a heat map, the culprit's code frame."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from nnlint.finding import Position
from nnlint.report.frame import Frame, Mark
from nnlint.report.shades import ink, is_wrong, number, shade_of, strongest_wrong
from nnlint.report.style import Styler


def matrix_text(matrix: list[list[float]], label: str = "example") -> str:
    """The matrix in plain text, for assertion messages and logs."""
    count = len(matrix)
    width = max(6, *(len(number(v)) + 1 for row in matrix for v in row))
    lines = [f"output of {label} (row) when {label} (column) changes:"]
    lines.append("    " + "".join(f"{j:>{width}}" for j in range(count)))
    for i, row in enumerate(matrix):
        lines.append(f"{i:>3} " + "".join(f"{number(v):>{width}}" for v in row))
    return "\n".join(lines)


def heat_map(
    matrix: list[list[float]], label: str = "example", causal: bool = False
) -> RenderableType:
    """The matrix as coloured cells; entries that should be empty are framed by brackets."""
    strongest = strongest_wrong(matrix, causal)
    cells = [
        [
            f"[{number(v)}]" if v > 0 and is_wrong(i, j, causal) else number(v)
            for j, v in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]
    width = max(7, *(len(cell) + 1 for row in cells for cell in row))
    lines = [Text(f"     {label} changed", style="dim")]
    lines.append(Text("     " + "".join(f"{j:^{width}}" for j in range(len(matrix[0]))), "dim"))
    for i, row in enumerate(matrix):
        line = Text()
        line.append(f"{i:>3}  ", style="dim")
        for j, value in enumerate(row):
            style = "dim"
            if value > 0:
                shade = shade_of(value, i, j, strongest, causal)
                style = f"{'bold ' if is_wrong(i, j, causal) else ''}{ink(shade)} on {shade}"
            line.append(f"{cells[i][j]:^{width}}", style=style)
        lines.append(line)
    return Group(*lines)


def code_frame(
    culprit: dict[str, Any], around: int = 2, name: str = "", width: int | None = None
) -> str:
    """The lines around the culprit with its expression underlined.

    Parameters:
        name: what to call its file; empty for its whole name.
        width: columns there are; None breaks and cuts nothing.
    """
    place = culprit["place"]
    row, last = place["row"], place["end_row"]
    module = f", in {_module(place['module'])}" if place["module"].strip() else ""
    what = f"{culprit['kind']} by {culprit['operation']}{module}"
    lines = [line.rstrip("\n") for line in linecache.getlines(place["filename"])]
    near = range(max(1, row - around), min(last + around, len(lines)) + 1)
    told = [r for r in near if lines[r - 1].strip()]
    rows = set(range(told[0], told[-1] + 1)) if told else set()
    gutter = len(str(last + around))
    frame = Frame(Styler(False), width, gutter)
    drawn = frame.draw(lines, [mark_of(place, lines)], rows)
    head = f"{' ' * gutter}--> {name or place['filename']}:{row}: {what}"
    return "\n".join([head, *drawn, *_shapes(culprit, gutter)])


def mark_of(place: dict[str, Any], lines: Sequence[str]) -> Mark:
    """The expression at a place that a probe names, as it is marked in the lines of its file."""
    row, last = place["row"], place["end_row"]
    text = lines[row - 1] if row <= len(lines) else ""
    start, end = len(text) - len(text.lstrip()) + 1, len(text) + 1
    if place["column"]:
        start = _characters(text, place["column"])
        if last == row:
            end = max(_characters(text, place["end_column"]), start + 1)
    return Mark(Position(row, start), Position(row, end), "", "^", "")


def _characters(text: str, column: int) -> int:
    """A column in characters: columns count bytes of UTF-8 in Python's own tables."""
    return len(text.encode("utf-8")[: column - 1].decode("utf-8", "replace")) + 1


def _shapes(culprit: dict[str, Any], gutter: int) -> Iterator[str]:
    shapes = culprit.get("shapes") or []
    if len(shapes) > 1:
        read = ", ".join(_shape(s) for s in shapes[:-1])
        yield f"{' ' * gutter} = {read} → {_shape(shapes[-1])}"


def _module(text: str) -> str:
    """`layer.0 (Block)`, or the class alone where it is the model itself."""
    return text.strip("()") if text.startswith("(") else text


def _shape(shape: list[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"
