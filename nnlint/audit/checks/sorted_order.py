"""Training samples in an order that is not random.

A training loader that does not shuffle, over data sorted by label, feeds long runs of one class:
a warning. A table or a data set that is sorted by label is advice, since cutting off a part of it
leaves classes out, where it has one split only. Loaders for evaluation need no shuffling, and
folders are sorted by their nature.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import about
from nnlint.finding import Level

KIND = "sorted-order"
_FEWEST = 50
_CLEARLY = 8.0


def check(data: Collected) -> Iterator[AuditFinding]:
    """Count runs of equal labels, and compare with what chance gives."""
    for part in data.splits:
        labels = part.labels
        if labels is None or part.is_evaluation or part.count < _FEWEST:
            continue
        source, shuffled = part.info.source, part.info.shuffled
        loads = source in ("loader", "iterable")
        single = source in ("table", "dataset", "arrow") and len(data.splits) == 1
        if shuffled or not (loads or single):
            continue
        if loads and shuffled is None and not part.is_training:
            continue
        how = _sorted(labels, part)
        if how:
            level = Level.WARNING if loads else Level.ADVICE
            effect = (
                "batches hold few classes" if loads else "cutting off a part leaves classes out"
            )
            if not part.label_is_class:
                effect = effect.replace("few classes", "similar targets")
                effect = effect.replace("classes out", "a range of targets out")
            yield about(part, [], KIND, level, f"samples come {how}: {effect}")


def _sorted(labels: Array, part: Part) -> str:
    told = labels[np.isfinite(labels)]
    if len(told) < _FEWEST or len(np.unique(told)) < 2:
        return ""
    if not part.label_is_class:
        steps = np.diff(told)
        order = max((steps >= 0).mean(), (steps <= 0).mean())
        return "sorted by their targets" if order > 0.98 else ""
    _, sizes = np.unique(told, return_counts=True)
    chance = float(((sizes / len(told)) ** 2).sum())
    same = float((told[1:] == told[:-1]).mean())
    error = (chance * (1 - chance) / len(told)) ** 0.5
    if same < chance + max(_CLEARLY * error, 0.5 * (1 - chance)):
        return ""
    runs = int((told[1:] != told[:-1]).sum()) + 1
    if runs == len(sizes):
        return "sorted by label"
    return f"in long runs of one label ({len(told) / runs:.0f} samples each, on average)"
