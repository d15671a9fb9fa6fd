"""Verdicts as text: the matrix as a heat map, the culprit's code frame."""

from __future__ import annotations

import linecache
import math
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

SHADES = ("#fff0b3", "#fed976", "#feb24c", "#fc6d33", "#d7191c", "#7f0018")
"""Weak to strong, a decade each, for entries that should be zero; exact zeros are drawn
empty, so that one spot cannot be missed."""
OWN, BEFORE = "#9ad0c2", "#d9efe8"
"""What an example or a step does to itself, and what earlier steps may do to later ones."""
ZERO = "·"


def ink(shade: str) -> str:
    """The colour of text that can be read on a shade."""
    red, green, blue = _channels(shade)
    return "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < 140 else "#202020"


def is_wrong(i: int, j: int, causal: bool) -> bool:
    """Whether an entry should be zero: another example, or a later step."""
    return j > i if causal else i != j


def shade_of(value: float, i: int, j: int, strongest: float, causal: bool) -> str:
    """The colour of a positive entry."""
    if is_wrong(i, j, causal):
        return scale(value, strongest)
    return OWN if i == j else BEFORE


def scale(value: float, strongest: float) -> str:
    """The colour of a strength: logarithmic over five decades, mixed between the shades."""
    if not math.isfinite(value) or value >= strongest:
        return SHADES[-1]
    position = max(0.0, len(SHADES) - 1 - math.log10(strongest / value))
    lower = int(position)
    pairs = zip(_channels(SHADES[lower]), _channels(SHADES[lower + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (position - lower)):02x}" for a, b in pairs)


def _channels(colour: str) -> list[int]:
    return [int(colour[n : n + 2], 16) for n in (1, 3, 5)]


def strongest_wrong(matrix: list[list[float]], causal: bool) -> float:
    """The largest finite entry that should be zero; 1 where there is none."""
    wrong = (
        v
        for i, row in enumerate(matrix)
        for j, v in enumerate(row)
        if is_wrong(i, j, causal) and math.isfinite(v)
    )
    return max(wrong, default=1.0) or 1.0


def number(value: float) -> str:
    """A matrix entry in at most seven characters."""
    if value == 0:
        return ZERO
    if not math.isfinite(value):
        return "inf"
    return f"{value:.2g}" if 1e-3 <= value < 1e4 else f"{value:.0e}"


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


def code_frame(culprit: dict[str, Any], around: int = 2, name: str = "") -> str:
    """The lines around the culprit with its expression underlined."""
    place = culprit["place"]
    row, end_row = place["row"], place["end_row"]
    first = max(1, row - around)
    module = f", in {_module(place['module'])}" if place["module"].strip() else ""
    lines = [
        f"  --> {name or place['filename']}:{row}: {culprit['kind']} by {culprit['operation']}{module}"
    ]
    width = len(str(end_row + around))
    for number_ in range(first, end_row + around + 1):
        text = linecache.getline(place["filename"], number_).rstrip("\n")
        if not text and number_ > end_row:
            break
        lines.append(f"{number_:>{width + 2}} | {text}")
        if number_ == row:
            start, end = _underlined(place, text)
            lines.append(" " * (width + 2) + " | " + " " * start + "^" * max(1, end - start))
    shapes = culprit.get("shapes") or []
    if len(shapes) > 1:
        read = ", ".join(_shape(s) for s in shapes[:-1])
        lines.append(" " * (width + 3) + f"= {read} → {_shape(shapes[-1])}")
    return "\n".join(lines)


def _module(text: str) -> str:
    """`layer.0 (Block)`, or the class alone where it is the model itself."""
    return text.strip("()") if text.startswith("(") else text


def _shape(shape: list[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def _underlined(place: dict[str, Any], text: str) -> tuple[int, int]:
    indent = len(text) - len(text.lstrip())
    if not place["column"]:
        return indent, len(text)
    # columns count bytes of UTF-8 in Python's own tables
    raw = text.encode("utf-8")
    start = len(raw[: place["column"] - 1].decode("utf-8", "replace"))
    if place["end_row"] != place["row"]:
        return start, len(text)
    return start, len(raw[: place["end_column"] - 1].decode("utf-8", "replace"))
