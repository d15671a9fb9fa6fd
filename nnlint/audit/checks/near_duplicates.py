"""Inputs that are nearly the same, within a split or across splits.

Pictures are compared by perceptual hashes and by their small grey versions without brightness
and contrast; sounds by their bands, texts by their pieces, tables by scaled features. A pair
counts where it is far closer than neighbours of this data set usually are: natural neighbours,
such as two drawings of the same digit, are no duplicates. Tables whose equal rows are due to
chance are left out. Across splits it is a warning, within one it is advice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from nnlint.audit.equal import equal_inputs
from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.neighbours import close_hashes
from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected
from nnlint.audit.telling import about_pairs
from nnlint.finding import Level

KIND = "near-duplicates"
CLOSE = {Kind.IMAGE: 0.35, Kind.TABLE: 0.25, Kind.TEXT: 0.45, Kind.IDS: 0.45, Kind.AUDIO: 0.15}
"""Largest distance of near duplicates, in typical distances between neighbours."""
_BY_CHANCE = 0.05
"""Pairs so close that chance may give, of all samples."""
_ALIKE = 0.35
"""Largest distance of pictures that may be called nearly the same at all: a correlation of 0.94."""
_HASHED = 0.6
"""In typical distances, for pictures whose perceptual hashes agree besides."""


def check(data: Collected) -> Iterator[AuditFinding]:
    """Find them in the graph of neighbours."""
    pairs = near_pairs(data)
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for a, b in pairs:
        (split, row), (other, place) = data.at(int(a)), data.at(int(b))
        found[split, other].append((row, place))
    for (split, other), close in sorted(found.items()):
        first, second = data.splits[split], data.splits[other]
        if split == other:
            message = f"{plural(len(close), 'pair')} of samples are nearly the same"
            message = message.replace("1 pair of samples are", "1 pair of samples is")
        else:
            count = len({row for _, row in close})
            verb = "is" if count == 1 else "are"
            message = (
                f"{plural(count, 'sample')} of `{second.name}` {verb} nearly the same as "
                f"one of `{first.name}`"
            )
        level = Level.ADVICE if split == other else Level.WARNING
        yield about_pairs(first, second, close, KIND, level, message)


def near_pairs(data: Collected) -> list[tuple[int, int]]:
    """Pairs over all splits, the closest first."""
    graph = data.neighbours
    if data.kind not in CLOSE or not graph.typical or not graph.rows.size:
        return []
    if data.kind is Kind.TABLE and equal_inputs(data).by_chance:
        return []
    digests = data.joined("digests")
    assert digests is not None
    limit = closeness(data) * graph.typical
    if data.kind is Kind.IMAGE:
        limit = min(limit, _ALIKE)
    rows, places = np.nonzero(graph.distances <= limit)
    distances = _kept(data, rows, graph.rows[rows, places], limit)
    if data.kind is Kind.IMAGE:
        distances |= _hashed(data)
    return sorted(distances, key=lambda pair: distances[pair])


def closeness(data: Collected) -> float:
    """How close near duplicates are, in typical distances.

    Of n samples in d dimensions, n · ln 2 · t^d have a neighbour within t typical distances by
    chance: in a table of two columns nearly all do for small t, in pictures none.
    """
    graph = data.neighbours
    chance = _BY_CHANCE / (0.7 * max(1, len(graph.rows)))
    return float(min(CLOSE[data.kind], chance ** (1 / graph.dimension)))


def _kept(data: Collected, a: Array, b: Array, limit: float) -> dict[tuple[int, int], float]:
    """Of some pairs those that are close in all dimensions, and not equal."""
    digests = data.joined("digests")
    assert digests is not None
    graph = data.neighbours
    fits = graph.comparable[a] & graph.comparable[b] & (digests[a] != digests[b])
    a, b = a[fits], b[fits]
    apart = graph.distance(a, b)
    close = apart <= limit
    return {
        (int(min(x, y)), int(max(x, y))): float(d)
        for x, y, d in zip(a[close], b[close], apart[close], strict=True)
    }


def _hashed(data: Collected) -> dict[tuple[int, int], float]:
    """Pictures whose perceptual hashes agree, of sizes at which such hashes say something."""
    hashes, thumbs = data.joined("hashes"), data.splits[0].thumbs
    found: dict[tuple[int, int], float] = {}
    if hashes is None or thumbs is None or min(thumbs.shape[1:3]) < 32:
        return found
    limit = min(_HASHED * data.neighbours.typical, _ALIKE)
    for a, b in close_hashes(hashes):
        found |= _kept(data, a, b, limit)
    return found
