"""Samples that are far from all others, by their neighbours and by simple statistics.

A sample counts that is several times as far from its nearest neighbours as is usual there, and
farther than nearly all others: at most one in fifty is told, the farthest first. It is advice:
an outlier may be the most valuable sample. Samples that another check tells of as broken are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.parts import Kind
from nnlint.audit.samples import Array
from nnlint.audit.table import HIGHEST, LOWEST, MEAN, SPREAD, Collected
from nnlint.audit.telling import about, named
from nnlint.finding import Level

KIND = "outliers"
_FAR = {Kind.TABLE: 4.0, Kind.IMAGE: 2.2, Kind.AUDIO: 4.0}
_MOST = 0.02
_FEWEST = 30
_DEVIATIONS = 8.0


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare distances to neighbours, and each sample's numbers."""
    rows, why = outlying(data)
    if not len(rows):
        return
    for number, part in enumerate(data.splits):
        start = data.offsets[number]
        own = [int(r) - start for r in rows if start <= r < start + part.count]
        if own:
            verb = "is" if len(own) == 1 else "are"
            message = f"{plural(len(own), 'sample')} {verb} far from all others ({why}): "
            yield about(part, own, KIND, Level.ADVICE, message + named(part, own))


def outlying(data: Collected) -> tuple[Array, str]:
    """Rows over all splits, the farthest first."""
    graph = data.neighbours
    count = len(graph.comparable)
    nothing = np.zeros(0, int)
    if count < _FEWEST or data.kind not in _FAR or graph.distances.shape[1] < 3:
        return nothing, ""
    apart = graph.distances[:, : min(5, graph.distances.shape[1])].mean(1)
    usual = float(np.median(apart[graph.comparable])) if graph.comparable.any() else 0.0
    if usual <= 0:
        return nothing, ""
    score = np.where(graph.comparable, apart / usual, 0)
    if data.kind in (Kind.IMAGE, Kind.AUDIO):
        score = np.maximum(score, _statistics(data) * _FAR[data.kind])
        # what is one value throughout is told as constant
        score[
            np.concatenate([p.numbers[:, LOWEST] == p.numbers[:, HIGHEST] for p in data.splits])
        ] = 0
    # what is usual here, heavy tails included
    tail = float(np.percentile(score, 98)) if count >= 100 else 0.0
    rows = np.flatnonzero(score > max(_FAR[data.kind], 1.25 * tail))
    rows = rows[np.argsort(-score[rows])][: max(1, int(_MOST * count))]
    return rows, f"the farthest {score[rows[0]]:.1f} times as far as usual" if len(rows) else ""


def _statistics(data: Collected) -> Array:
    """How far out a sample's own numbers are, where 1 is far."""
    numbers = np.concatenate([p.numbers for p in data.splits])[:, [LOWEST, HIGHEST, MEAN, SPREAD]]
    middle = np.median(numbers, 0)
    spread = 1.4826 * np.median(np.abs(numbers - middle), 0)
    # nearly equal numbers are not far apart because others are still more so
    floor = 0.05 * float(np.median(numbers[:, 1] - numbers[:, 0])) + 1e-12
    out: Array = (np.abs(numbers - middle) / np.maximum(spread, floor)).max(1) / _DEVIATIONS
    return out
