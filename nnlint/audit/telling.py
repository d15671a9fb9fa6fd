"""Rows of samples become findings that name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nnlint.audit.finding import MOST_LISTED, AuditFinding, few
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected, Part
from nnlint.finding import Level


def about(
    part: Part,
    rows: Sequence[int] | Array,
    kind: str,
    level: Level,
    message: str,
    column: str = "",
) -> AuditFinding:
    """A finding about samples of one split, in the order given."""
    listed = [int(row) for row in rows[:MOST_LISTED]]
    names = tuple(part.names[row] for row in listed) if part.names else ()
    return AuditFinding(
        kind,
        part.name,
        level,
        message,
        tuple(part.place(row) for row in listed),
        count=len(rows),
        names=names,
        column=column,
    )


def about_pairs(
    first: Part,
    second: Part,
    pairs: Iterable[tuple[int, int]],
    kind: str,
    level: Level,
    message: str,
) -> AuditFinding:
    """A finding about pairs of samples, within one split or across two."""
    whole = list(pairs)
    if first is second:
        # a loader that shuffles gives them in any order
        whole = [(a, b) if first.place(a) < first.place(b) else (b, a) for a, b in whole]
    listed = whole[:MOST_LISTED]
    names: list[str] = []
    if first.names and second.names:
        for a, b in listed:
            names += [first.names[a], second.names[b]]
    return AuditFinding(
        kind,
        first.name,
        level,
        message,
        pairs=tuple((first.place(a), second.place(b)) for a, b in listed),
        other_split="" if first is second else second.name,
        count=len(whole),
        names=tuple(names),
    )


def named(part: Part, rows: Sequence[int] | Array, most: int = 4) -> str:
    """Samples by their files where they have some, else by their places."""
    told = [part.names[int(r)] if part.names else str(part.place(int(r))) for r in rows[: most + 1]]
    shown = ", ".join(told[:most])
    more = len(rows) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def class_name(data: Collected, code: float) -> str:
    """A class by its name, with its number where the name is another."""
    number = int(code)
    name = data.classes[number] if 0 <= number < len(data.classes) else str(number)
    return name if name == str(number) else f"{name}"


def number(value: float) -> str:
    """A number as people read it."""
    if not np.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.4g}"


def shares(counts: Sequence[tuple[str, int]]) -> str:
    """Counts in words: `cat 12, dog 30`."""
    return few([f"{name} {count:,}" for name, count in counts], 6)
