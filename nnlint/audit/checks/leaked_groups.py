"""Groups, such as patients or speakers, with samples in several splits.

The column is named by `--group` (for a folder of pictures, a pattern over file names), which
makes it an error. A column whose name says that it is a group (`patient_id`, `speaker`, …) and
whose groups have several samples each is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.table import Collected
from nnlint.audit.telling import about_pairs
from nnlint.finding import Level

KIND = "leaked-groups"
_MOST_PAIRS = 200


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare the groups of splits."""
    asked = data.parts.group_is_asked
    for first, second in combinations(data.splits, 2):
        a, b = first.groups, second.groups
        if a is None or b is None:
            continue
        shared = np.setdiff1d(np.intersect1d(a, b), [""])
        if not len(shared):
            continue
        groups = len(np.unique(np.concatenate([a, b])))
        if not asked and (groups > 0.7 * (len(a) + len(b)) or groups < 5):
            # a number of its own for each sample, or a property such as the ward
            continue
        rows = np.flatnonzero(np.isin(b, shared))
        pairs = [
            (int(np.flatnonzero(a == group)[0]), int(np.flatnonzero(b == group)[0]))
            for group in shared[:_MOST_PAIRS]
        ]
        name = data.parts.group or "group"
        message = (
            f"{plural(len(shared), 'group')} of `{name}` {'is' if len(shared) == 1 else 'are'} in "
            f"`{first.name}` and in `{second.name}` ({few(shared.tolist(), 3)}): "
            f"{len(rows):,} of the {second.count:,} samples of `{second.name}`"
        )
        level = Level.ERROR if asked else Level.WARNING
        yield about_pairs(first, second, pairs, KIND, level, message)
