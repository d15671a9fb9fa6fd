"""Classes that are far rarer than others, or missing from a split.

It is advice where the commonest class has more than ten times the samples of the rarest, and a
warning from a hundred times on. A class of the training split that another split does not have is
advice; one that only an evaluation split has is told as `label-range`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few
from nnlint.audit.table import Collected
from nnlint.audit.telling import about, class_name, shares
from nnlint.finding import Level

KIND = "class-imbalance"
_UNEVEN, _EXTREME = 10, 100
_FEWEST = 20


def check(data: Collected) -> Iterator[AuditFinding]:
    """Count the samples of each class."""
    everywhere: set[float] = set()
    for part in data.splits:
        if part.labels is not None and part.label_is_class:
            everywhere |= set(part.labels[np.isfinite(part.labels)].tolist())
    for part in data.splits:
        if part.labels is None or not part.label_is_class or part.count < _FEWEST:
            continue
        told = part.labels[np.isfinite(part.labels)]
        values, sizes = np.unique(told, return_counts=True)
        if len(values) < 2:
            if len(values) and len(everywhere) == 1:
                message = f"every sample is of the class `{class_name(data, values[0])}`"
                yield about(part, [], KIND, Level.WARNING, message)
            elif len(values):
                name = class_name(data, values[0])
                yield about(part, [], KIND, Level.WARNING, f"only `{name}` is in `{part.name}`")
            continue
        ratio = sizes.max() / sizes.min()
        if ratio > _UNEVEN:
            order = np.argsort(-sizes)
            counts = [(class_name(data, values[i]), int(sizes[i])) for i in order]
            level = Level.WARNING if ratio > _EXTREME else Level.ADVICE
            least = shares(counts[-3:][::-1])
            message = (
                f"`{counts[0][0]}` has {ratio:,.0f} times the samples of `{counts[-1][0]}` "
                f"({counts[0][1]:,} of {len(told):,}; the rarest: {least})"
            )
            rare = np.flatnonzero(part.labels == values[order[-1]])
            yield about(part, rare, KIND, level, message)
        lacking = sorted(everywhere - set(values.tolist()))
        if lacking and part.stopped == "" and part.count >= _FEWEST * len(everywhere):
            names = few([f"`{class_name(data, code)}`" for code in lacking])
            yield about(part, [], KIND, Level.ADVICE, f"`{part.name}` has no sample of {names}")
