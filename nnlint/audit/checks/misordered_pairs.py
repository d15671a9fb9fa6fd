"""Masks, or labels, that belong to another sample: the lists of both were ordered differently.

A mask fits its picture when it explains the picture's brightness. Where the masks of neighbours
fit clearly better than the own ones, the lists are shifted against each other; where the own ones
fit no better than any, they are mixed up. Labels are compared with those of near samples in the
same way: shifted by one they agree with their neighbours, as they stand they do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected, Masks, Part
from nnlint.audit.telling import about
from nnlint.finding import Level

KIND = "misordered-pairs"
_FEWEST = 12
_SHIFTS = (-2, -1, 1, 2)
_CLEARLY = 4.0
"""Standard errors."""


def check(data: Collected) -> Iterator[AuditFinding]:
    """Shift masks and labels against inputs, and see whether they fit better."""
    for number, part in enumerate(data.splits):
        if part.masks is not None and len(part.masks.small) >= _FEWEST:
            yield from _masks(part, part.masks, data.seed)
        if part.labels is not None and part.label_is_class and part.count >= 100:
            yield from _labels(data, part, number)


def fit(images: Array, masks: Array) -> Array:
    """How much of each picture's variance is between the classes of a mask: 0 to 1."""
    out = np.zeros(len(images))
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        flat = np.nan_to_num(image.ravel().astype(float))
        total = flat.var()
        if total <= 0:
            continue
        _, codes = np.unique(mask.ravel(), return_inverse=True)
        sizes = np.bincount(codes)
        means = np.bincount(codes, flat) / sizes
        out[row] = (sizes * (means - flat.mean()) ** 2).sum() / len(flat) / total
    return out


def _masks(part: Part, masks: Masks, seed: int) -> Iterator[AuditFinding]:
    images, drawn = masks.small_images, masks.small
    own = fit(images, drawn)
    best, by = 0, 0.0
    for shift in _SHIFTS:
        gain = fit(images, np.roll(drawn, shift, axis=0)) - own
        error = gain.std() / len(gain) ** 0.5
        if gain.mean() > max(by, _CLEARLY * error) and gain.mean() > 0.02:
            best, by = shift, float(gain.mean())
    if best:
        way = f"{abs(best)} {'later' if best < 0 else 'earlier'}"
        message = f"masks fit the picture that is {way} in the list better than their own"
        message = f"each picture is explained better by the mask {way} in the list than by its own"
        yield about(part, [], KIND, Level.ERROR, message)
        return
    order = np.random.default_rng(seed).permutation(len(drawn))
    gain = own - fit(images, drawn[order])
    error = gain.std() / len(gain) ** 0.5
    if gain.mean() < 2 * error and own.mean() < 0.1 and len(drawn) >= 2 * _FEWEST:
        message = (
            "masks fit their own pictures no better than those of others "
            f"({own.mean():.0%} of the brightness explained): they may belong to other pictures"
        )
        message = message.replace(
            "they may belong to other pictures", "look whether they are paired"
        )
        yield about(part, [], KIND, Level.WARNING, message)


def _labels(data: Collected, part: Part, number: int) -> Iterator[AuditFinding]:
    labels = part.labels
    assert labels is not None
    whole = data.joined("labels")
    assert whole is not None
    # in a sorted list a shift changes next to nothing
    in_order = np.argsort(part.indices, kind="stable")
    runs = labels[in_order]
    if (runs[1:] == runs[:-1]).mean() > 0.6 or not data.neighbours.rows.size:
        return
    start = data.offsets[number]
    nearest = data.neighbours.rows[start : start + part.count, 0] - start
    inside = (nearest >= 0) & (nearest < part.count)
    position = np.empty(part.count, int)
    position[in_order] = np.arange(part.count)
    a, b = position[np.flatnonzero(inside)], position[nearest[inside]]
    if len(a) < 50:
        return
    shares = np.unique(runs, return_counts=True)[1] / len(runs)
    chance = float((shares**2).sum())

    def agreement(shift: int) -> float:
        moved = np.roll(runs, shift)
        return float((moved[a] == moved[b]).mean())

    own = agreement(0)
    shifts = {shift: agreement(shift) for shift in _SHIFTS}
    best = max(shifts, key=lambda shift: shifts[shift])
    if shifts[best] > max(0.6, own + 0.3) and own < chance + 0.3 * (1 - chance):
        way = f"{abs(best)} {'later' if best < 0 else 'earlier'}"
        message = (
            f"labels are out of step: taken from the sample {way}, {shifts[best]:.0%} agree "
            f"with the nearest sample's, as they stand {own:.0%}"
        )
        yield about(part, [], KIND, Level.ERROR, message)
