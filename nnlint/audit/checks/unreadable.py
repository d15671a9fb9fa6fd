"""What cannot be read: samples that raise, broken or empty files, splits that hang or yield nothing.

A sample that raises costs itself, not the rest of the report. It is an error; a file in another
encoding, which was read all the same, is a warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.samples import Problem
from nnlint.audit.table import Collected
from nnlint.finding import Level

KIND = "unreadable"
_APART = 3
"""So many problems of a split are told each by itself; more are told together."""


def check(data: Collected) -> Iterator[AuditFinding]:
    """Tell the problems that reading had."""
    yield from told(data.problems, KIND)


def told(problems: list[Problem], kind: str) -> Iterator[AuditFinding]:
    """Problems of a kind as findings, those of many samples together."""
    by_split: dict[tuple[str, bool], list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.kind == kind:
            by_split[problem.split, problem.grave].append(problem)
    for (split, grave), found in by_split.items():
        level = Level.ERROR if grave else Level.WARNING
        of_samples = [p for p in found if p.indices]
        rest = [p for p in found if not p.indices]
        if len(of_samples) > _APART:
            indices = tuple(i for p in of_samples for i in p.indices)
            names = tuple(n for p in of_samples for n in p.names)
            first = of_samples[0].message
            shown = few(names or indices)
            message = f"{plural(len(of_samples), 'sample')} cannot be read ({shown}); {first}"
            yield AuditFinding(kind, split, level, message, indices, names=names)
        else:
            rest = of_samples + rest
        for problem in rest:
            yield AuditFinding(
                kind, split, level, problem.message, problem.indices, names=problem.names
            )
