"""Whether the features of a table are the pixels of small pictures."""

from __future__ import annotations

import numpy as np

from nnlint.audit.samples import Array

_SMALLEST = 16
_MOST_ROWS = 1000
_CLEARER = 0.15
"""By how much pixels agree more with the pixel below than with one far away."""


def are_pixels(table: Array) -> bool:
    """Whether columns are pixels: of one scale, a square of them, like the pixel below them."""
    width = table.shape[1]
    if width < _SMALLEST:
        return False
    shown = np.nan_to_num(np.asarray(table[:_MOST_ROWS], float))
    low, high = shown.min(0), shown.max(0)
    moving = high > low
    if moving.sum() < _SMALLEST // 2:
        return False
    # one scale: pixels share their range, features of measurements do not
    if len(np.unique(low[moving])) > 0.5 * moving.sum() and low.min() != 0:
        return False
    if (high[moving] >= 0.4 * high.max()).mean() < 0.5:
        return False
    for channels in (1, 3):
        side = round((width / channels) ** 0.5)
        if side * side * channels == width and _agree(shown, side * channels, moving):
            return True
    return False


def _agree(table: Array, step: int, moving: Array) -> bool:
    spread = table.std(0)
    scaled = (table - table.mean(0)) / np.where(spread > 0, spread, 1)
    width = table.shape[1]

    def agreement(distance: int) -> float:
        a, b = np.arange(width - distance), np.arange(distance, width)
        both = moving[a] & moving[b]
        if not both.any():
            return 0.0
        return float((scaled[:, a[both]] * scaled[:, b[both]]).mean())

    return agreement(step) > agreement(step * 3 + step // 2) + _CLEARER
