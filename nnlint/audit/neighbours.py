"""Which samples are close to which: one graph of nearest neighbours for all checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array

if TYPE_CHECKING:
    from nnlint.audit.table import Collected

COUNT = 10
"""Neighbours of each sample."""
_DIMENSIONS = 40
_FEWEST = 5
_HASH_BITS = 6
"""Bits in which perceptual hashes of near duplicates may differ."""
_CROWDED = 40
"""Samples of one part of a hash beyond which they are not compared each with each."""


@dataclass(slots=True)
class Neighbours:
    """For each sample of all splits its nearest others, without those equal to it."""

    features: Array
    """What distances are between: each feature scaled, pictures without their brightness."""
    rows: Array
    """The nearest others, the nearest first."""
    distances: Array
    typical: float
    """The median distance to the nearest other."""
    comparable: Array
    """Samples that hold something: no blank pictures, no empty texts, no NaN."""

    @classmethod
    def of(cls, data: Collected) -> Neighbours:
        """Find the neighbours of all samples."""
        from sklearn.neighbors import NearestNeighbors

        features, comparable = scaled(data)
        count = len(features)
        nearest = min(COUNT, count - 1)
        if nearest < 1:
            nothing = np.zeros((count, 0))
            return cls(features, nothing.astype(int), nothing, 0.0, comparable)
        narrow = _narrowed(features, data.seed)
        search = NearestNeighbors(
            n_neighbors=nearest + 1, algorithm="brute" if narrow.shape[1] > 15 else "auto"
        )
        distances, rows = search.fit(narrow).kneighbors(narrow)
        distances, rows = _without_self(distances, rows)
        first = distances[comparable, 0]
        positive = first[first > 1e-6 * max(1.0, float(np.abs(narrow).max(initial=0)))]
        typical = float(np.median(positive)) if len(positive) >= _FEWEST else 0.0
        return cls(features, rows, distances, typical, comparable)

    @property
    def dimension(self) -> float:
        """In how many dimensions the samples really lie: how fast neighbours become more.

        Between the middle neighbour and the last, since duplicates are among the first.
        """
        apart = self.distances[self.comparable]
        count = apart.shape[1]
        middle = count // 2
        if count < 4 or not len(apart):
            return float(self.features.shape[1])
        apart = apart[apart[:, middle - 1] > 1e-9]
        if len(apart) < _FEWEST:
            return float(self.features.shape[1])
        growth = float(np.median(np.log(apart[:, -1] / apart[:, middle - 1])))
        found = np.log(count / middle) / growth if growth > 0 else 1.0
        return float(np.clip(found, 1, self.features.shape[1]))

    def distance(self, a: Array, b: Array) -> Array:
        """Distances of pairs, in all dimensions."""
        out: Array = np.linalg.norm(self.features[a] - self.features[b], axis=1)
        return out


def _without_self(distances: Array, rows: Array) -> tuple[Array, Array]:
    own = rows == np.arange(len(rows))[:, None]
    # among equal samples, a sample is not always its own nearest
    own[~own.any(1), -1] = True
    keep = ~own
    shape = (len(rows), rows.shape[1] - 1)
    return distances[keep].reshape(shape), rows[keep].reshape(shape)


def scaled(data: Collected) -> tuple[Array, Array]:
    """All samples as vectors whose distances mean something, and which hold anything."""
    vectors = np.concatenate([p.vectors for p in data.splits]).astype(np.float64)
    numbers = np.concatenate([p.numbers for p in data.splits])
    if data.kind is Kind.IMAGE:
        spread = vectors.std(1, keepdims=True)
        shown = (vectors - vectors.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
        blank = (spread[:, 0] <= 1e-6 * np.maximum(1e-12, np.abs(vectors).max(1))) | (
            numbers[:, 4:].sum(1) > 0
        )
        return shown.astype(np.float32) / max(1, shown.shape[1]) ** 0.5, ~blank
    if data.kind in (Kind.TEXT, Kind.IDS):
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(length, 1e-12)).astype(np.float32), length[:, 0] > 1e-9
    if not vectors.size:
        return vectors, np.zeros(len(vectors), bool)
    finite = np.isfinite(vectors)
    filled = np.where(finite, vectors, np.nan)
    with np.errstate(all="ignore"):
        middle = np.nan_to_num(np.nanmedian(filled, 0))
        quarters = np.nanpercentile(filled, (5, 95), axis=0)
        spread = np.nan_to_num((quarters[1] - quarters[0]) / 3.29)
        spread = np.where(spread > 0, spread, np.nan_to_num(np.nanstd(filled, 0)))
    shown = np.where(finite, (vectors - middle) / np.where(spread > 0, spread, 1), 0)
    # far values would hide all else
    return np.clip(shown, -8, 8), np.asarray(finite.all(1))


def _narrowed(features: Array, seed: int) -> Array:
    """Features in fewer dimensions where there are many: distances only shrink."""
    if features.shape[1] <= _DIMENSIONS or len(features) <= _DIMENSIONS:
        return features
    from sklearn.decomposition import PCA

    sample = np.random.default_rng(seed).permutation(len(features))[:5000]
    model = PCA(_DIMENSIONS, svd_solver="randomized", random_state=seed).fit(features[sample])
    return np.asarray(model.transform(features))


def close_hashes(hashes: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of samples whose perceptual hashes differ in few bits.

    Hashes that differ in at most six of 64 bits agree in one of seven parts.
    """
    parts = _HASH_BITS + 1
    for part in range(parts):
        low = part * 64 // parts
        width = (part + 1) * 64 // parts - low
        keys = (hashes >> np.uint64(low)) & np.uint64(2**width - 1)
        order = np.argsort(keys, kind="stable")
        in_order = keys[order]
        for apart in range(1, _CROWDED):
            same = np.flatnonzero(in_order[apart:] == in_order[:-apart])
            if not len(same):
                break
            a, b = order[same], order[same + apart]
            differing = np.bitwise_count(hashes[a] ^ hashes[b])
            close = differing <= _HASH_BITS
            yield a[close], b[close]
