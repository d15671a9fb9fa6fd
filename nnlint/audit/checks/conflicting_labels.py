"""Equal inputs that have different labels.

No model can get both right. It is a warning, and advice for tables with so few different values
that equal rows are to be expected. Missing labels conflict with nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from nnlint.audit.equal import equal_inputs
from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.table import Collected
from nnlint.audit.telling import about_pairs, class_name
from nnlint.finding import Level

KIND = "conflicting-labels"


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare the labels of equal inputs."""
    labels = data.joined("labels")
    if labels is None or not all(p.label_is_class for p in data.splits):
        return
    equal = equal_inputs(data)
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    examples: dict[tuple[int, int], tuple[float, float]] = {}
    for group in equal.groups:
        told = [int(row) for row in group if np.isfinite(labels[row])]
        for row in told[1:]:
            if labels[row] != labels[told[0]]:
                (split, a), (other, b) = data.at(told[0]), data.at(row)
                found[split, other].append((a, b))
                examples.setdefault((split, other), (labels[told[0]], labels[row]))
    for (split, other), pairs in found.items():
        first, second = (class_name(data, code) for code in examples[split, other])
        level = Level.ADVICE if equal.by_chance else Level.WARNING
        verb = "has another label" if len(pairs) == 1 else "have other labels"
        message = (
            f"{plural(len(pairs), 'sample')} {verb} than an equal one: "
            f"`{first}` and `{second}`, for example"
        )
        yield about_pairs(data.splits[split], data.splits[other], pairs, KIND, level, message)
