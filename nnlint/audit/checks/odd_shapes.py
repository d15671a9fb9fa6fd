"""Samples whose shape or type is not that of the others, and columns that cannot be looked at.

Pictures of many sizes are usual in folders, and texts are of any length. What is reported: a few
pictures with another number of channels, a few samples of a loader or data set with another
shape or type than nearly all have (a warning), tables of splits with other columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from nnlint.audit.checks.unreadable import told
from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.parts import Kind
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import about, named
from nnlint.finding import Level

KIND = "odd-shapes"
_NEARLY_ALL = 0.9
_FEWEST = 10


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare each sample's shape with the commonest."""
    yield from told(data.problems, KIND)
    for part in data.splits:
        if part.count >= _FEWEST and part.shapes:
            yield from _odd(data, part)


def _odd(data: Collected, part: Part) -> Iterator[AuditFinding]:
    files = part.info.source in ("pictures", "arrow")
    if data.kind in (Kind.TEXT, Kind.IDS) or (files and data.kind is not Kind.IMAGE):
        return
    shapes = [_channels(s) if files else s for s in part.shapes]
    counts = Counter(shapes)
    usual, most = counts.most_common(1)[0]
    if len(counts) < 2 or most < _NEARLY_ALL * part.count or (len(counts) > 5 and not files):
        return
    rows = np.array([row for row, shape in enumerate(shapes) if shape != usual])
    others = few(sorted({shapes[row] for row in rows}), 3)
    noun = "picture" if data.kind is Kind.IMAGE else "sample"
    verb = "is" if len(rows) == 1 else "are"
    message = (
        f"{plural(len(rows), noun)} {verb} {others} where the others are {usual}: "
        f"{named(part, rows)}"
    )
    yield about(part, rows, KIND, Level.WARNING if not files else Level.ADVICE, message)


def _channels(shape: str) -> str:
    """Of a picture's shape the colours: sizes differ in folders."""
    channels = shape.partition(" ")[0].rpartition("×")[2]
    return {"1": "grey", "3": "in colour", "4": "with transparency"}.get(channels, shape)
