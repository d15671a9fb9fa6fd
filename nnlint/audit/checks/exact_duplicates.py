"""Inputs that are there more than once, within a split or across splits.

Across splits it is an error: a model is evaluated on what it was taught. Within a split it is a
warning, since such samples count twice. Samples that a sampler draws several times are one
sample. Blank inputs are told as constant. Rows of a table with so few different values that equal
rows are to be expected are advice, told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from nnlint.audit.equal import equal_inputs
from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.table import Collected
from nnlint.audit.telling import about_pairs
from nnlint.finding import Level

KIND = "exact-duplicates"


def check(data: Collected) -> Iterator[AuditFinding]:
    """Find them by a hash of each input."""
    equal = equal_inputs(data)
    within: dict[int, list[tuple[int, int]]] = defaultdict(list)
    across: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for group in equal.groups:
        places = [data.at(int(row)) for row in group]
        first: dict[int, int] = {}
        for split, row in places:
            if split in first:
                within[split].append((first[split], row))
            else:
                first[split] = row
        splits = sorted(first)
        for number, split in enumerate(splits):
            for other in splits[number + 1 :]:
                across[split, other] += [
                    (a, b) for s, a in places if s == split for t, b in places if t == other
                ][:200]
    for (split, other), pairs in across.items():
        a, b = data.splits[split], data.splits[other]
        told = plural(len({row for _, row in pairs}), "sample")
        level = Level.ADVICE if equal.by_chance else Level.ERROR
        chance = ", as rows of so few different values are" if equal.by_chance else ""
        verb = "is" if told.startswith("1 ") else "are"
        message = f"{told} of `{b.name}` {verb} also in `{a.name}`{chance}"
        yield about_pairs(a, b, sorted(pairs), KIND, level, message)
    for split, pairs in within.items():
        part = data.splits[split]
        told = plural(len(pairs), "sample")
        verb = "repeats" if len(pairs) == 1 else "repeat"
        level = Level.ADVICE if equal.by_chance else Level.WARNING
        chance = ", as is to be expected of so few different values" if equal.by_chance else ""
        message = f"{told} {verb} an earlier one exactly{chance}"
        yield about_pairs(part, part, sorted(pairs), KIND, level, message)
