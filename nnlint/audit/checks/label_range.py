"""Labels that a head has no output for, or that are missing.

With `--classes N`, a label below 0 or from N on is an error: on a GPU it ends the run with an
assertion that names no line. Without it, a negative label (other than -100 and -1, which losses
are told to leave out), numbers from 1 on without a 0, and classes that only an evaluation split
has are reported, the latter unless only part of the training split was read. Masks of a
segmentation are checked alike (255 is left out, as losses do).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import about, class_name, named
from nnlint.finding import Level

KIND = "label-range"
_IGNORED = (-100, -1)
_VOID = 255


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare labels with the head, and splits with one another."""
    for part in data.splits:
        if part.labels is not None:
            yield from _missing(part)
            if part.label_is_class:
                yield from _outside(data, part)
        if part.masks is not None and data.head is not None:
            yield from _masks(part, data.head)
    yield from _from_one(data)
    yield from _unseen(data)


def _missing(part: Part) -> Iterator[AuditFinding]:
    assert part.labels is not None
    rows = np.flatnonzero(~np.isfinite(part.labels))
    if len(rows) == part.count:
        yield about(part, [], KIND, Level.WARNING, "no sample has a label")
    elif len(rows):
        verb = "has" if len(rows) == 1 else "have"
        message = f"{plural(len(rows), 'sample')} {verb} no label: {named(part, rows)}"
        yield about(part, rows, KIND, Level.ERROR, message)


def _outside(data: Collected, part: Part) -> Iterator[AuditFinding]:
    assert part.labels is not None
    labels = part.labels
    low = np.isfinite(labels) & (labels < 0) & ~np.isin(labels, _IGNORED)
    high = labels >= data.head if data.head is not None else np.zeros(len(labels), bool)
    for rows, what in ((np.flatnonzero(low), "below 0"), (np.flatnonzero(high), "")):
        if len(rows):
            values = few([int(v) for v in np.unique(labels[rows])])
            what = what or f"beyond a head of {plural(data.head or 0, 'class', 'classes')}"
            noun = "a label" if len(rows) == 1 else "labels"
            verb = "has" if len(rows) == 1 else "have"
            message = f"{plural(len(rows), 'sample')} {verb} {noun} {what}: {values}"
            yield about(part, rows, KIND, Level.ERROR, message)


def _from_one(data: Collected) -> Iterator[AuditFinding]:
    """Numbers that count from one: as many classes as outputs, and the last has none."""
    if data.roles.classes or not all(p.label_is_class for p in data.splits):
        return
    told = data.joined("labels")
    if told is None or any(not name.lstrip("-").isdigit() for name in data.classes):
        return
    values = np.unique(told[np.isfinite(told)])
    if len(values) > 1 and values[0] == 1 and len(values) == values[-1]:
        count = len(values)
        message = (
            f"labels are 1 to {count}: a head of {count} outputs takes 0 to {count - 1}, and "
            f"fails at {count}"
        )
        if data.kind.value != "table":
            yield about(data.splits[0], [], KIND, Level.WARNING, message)


def _unseen(data: Collected) -> Iterator[AuditFinding]:
    training = [p for p in data.splits if p.is_training]
    if len(training) != 1 or training[0].labels is None or not training[0].label_is_class:
        return
    if training[0].stopped:
        return
    known = training[0].labels
    for part in data.splits:
        if part is training[0] or part.labels is None:
            continue
        rows = np.flatnonzero(np.isfinite(part.labels) & ~np.isin(part.labels, known))
        if len(rows):
            names = few([f"`{class_name(data, v)}`" for v in np.unique(part.labels[rows])])
            message = f"{names} of `{part.name}` is never in `{training[0].name}`"
            message = message.replace(" is never", " are never") if "`, `" in names else message
            yield about(part, rows, KIND, Level.ERROR, message)


def _masks(part: Part, head: int) -> Iterator[AuditFinding]:
    assert part.masks is not None
    rows, found = [], set()
    for row, values in enumerate(part.masks.values):
        outside = {v for v in values if (v < 0 and v not in _IGNORED) or (v >= head and v != _VOID)}
        if outside:
            rows.append(row)
            found |= outside
    if rows:
        verb = "has" if len(rows) == 1 else "have"
        message = (
            f"{plural(len(rows), 'mask')} {verb} values beyond a head of "
            f"{plural(head, 'class', 'classes')}: {few(sorted(found))}"
        )
        yield about(part, rows, KIND, Level.ERROR, message)
