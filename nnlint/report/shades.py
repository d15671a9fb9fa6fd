"""The colours of a matrix of who changes whom, on a terminal and on paper."""

from __future__ import annotations

import math

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
