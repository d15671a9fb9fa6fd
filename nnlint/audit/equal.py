"""Samples with the same input, and how many of those chance alone would give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array

if TYPE_CHECKING:
    from nnlint.audit.table import Collected

_LIKELY = 0.2
"""Pairs expected by chance, for each that there are, from which on they say nothing."""


@dataclass(frozen=True, slots=True)
class Equal:
    """Groups of samples, over all splits, whose inputs are the same."""

    groups: tuple[Array, ...]
    by_chance: bool
    """Whether so many equal rows are to be expected of so few different values."""


def equal_inputs(data: Collected) -> Equal:
    """Find the samples that are there more than once; blank ones are another matter."""
    whole = data.joined("digests")
    assert whole is not None
    comparable = np.ones(len(whole), bool)
    if data.kind is not Kind.TABLE:
        comparable = data.neighbours.comparable
    _, codes, sizes = np.unique(whole, return_inverse=True, return_counts=True)
    several = np.flatnonzero((sizes[codes] > 1) & comparable)
    order = several[np.argsort(codes[several], kind="stable")]
    if not len(order):
        return Equal((), False)
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    groups = tuple(g for g in np.split(order, cuts) if len(g) > 1)
    pairs = sum(len(g) * (len(g) - 1) / 2 for g in groups)
    chance = data.kind is Kind.TABLE and expected_pairs(data) > _LIKELY * pairs
    return Equal(groups, chance)


def expected_pairs(data: Collected) -> float:
    """Pairs of equal rows if all columns were independent of one another."""
    vectors = np.concatenate([p.vectors for p in data.splits])
    count = len(vectors)
    logarithm = 0.0
    for column in vectors.T:
        _, sizes = np.unique(column, return_counts=True)
        logarithm += float(np.log((sizes.astype(float) ** 2).sum() / count**2))
    return float(count * (count - 1) / 2 * np.exp(logarithm))
