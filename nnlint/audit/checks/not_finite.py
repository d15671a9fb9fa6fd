"""Inputs with NaN or infinite values.

One such value makes the loss NaN, and then all weights. In a loader's batches it is an error. In a
file, where missing values are usual and are filled in later, NaN is advice for each column;
infinities are an error everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.parts import Kind
from nnlint.audit.table import INFINITE, NOT_NUMBERS, Collected, Part
from nnlint.audit.telling import about, named
from nnlint.finding import Level

KIND = "not-finite"


def check(data: Collected) -> Iterator[AuditFinding]:
    """Count them."""
    for part in data.splits:
        raw = part.info.source in ("table", "arrow")
        for field, what in ((NOT_NUMBERS, "NaN"), (INFINITE, "infinite values")):
            rows = np.flatnonzero(part.numbers[:, field] > 0)
            if not len(rows):
                continue
            level = Level.ADVICE if raw and what == "NaN" else Level.ERROR
            verb = "has" if len(rows) == 1 else "have"
            where = _columns(data, part, field) if data.kind is Kind.TABLE else ""
            message = f"{plural(len(rows), 'sample')} {verb} {what}{where}: {named(part, rows)}"
            yield about(part, rows, KIND, level, message)


def _columns(data: Collected, part: Part, field: int) -> str:
    channels = part.channels
    if channels is None:
        return ""
    counts = channels.not_numbers if field == NOT_NUMBERS else channels.infinite
    names = [data.features[i] for i in np.flatnonzero(counts) if i < len(data.features)]
    return f" in {few([f'`{n}`' for n in names], 3)}" if names else ""
