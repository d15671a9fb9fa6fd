"""Training samples from a time after evaluation begins.

With `--time COLUMN`, a training sample later than the earliest one of an evaluation split is an
error: the past is predicted from the future. A column that is called like a time is advice, since
a random split can be meant.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.table import Collected
from nnlint.audit.telling import about
from nnlint.finding import Level

KIND = "leaked-time"


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare the times of splits."""
    training = [p for p in data.splits if p.is_training and p.times is not None]
    others = [p for p in data.splits if p.is_evaluation and p.times is not None]
    level = Level.ERROR if data.parts.time_is_asked else Level.ADVICE
    for part in training:
        for other in others:
            assert part.times is not None and other.times is not None
            told = other.times[np.isfinite(other.times)]
            if not len(told):
                continue
            rows = np.flatnonzero(part.times > told.min())
            if len(rows):
                verb = "is" if len(rows) == 1 else "are"
                message = (
                    f"{plural(len(rows), 'sample')} of `{part.name}` {verb} later than the first "
                    f"of `{other.name}` by `{data.parts.time}`"
                )
                yield about(part, rows, KIND, level, message)
