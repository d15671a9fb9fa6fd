"""A target becomes a report: read, collect, check."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nnlint.audit.checks import load
from nnlint.audit.checks.unreadable import told
from nnlint.audit.collecting import Collector, OnProgress
from nnlint.audit.finding import AuditFinding
from nnlint.audit.finishing import finished
from nnlint.audit.samples import Problem, Reader, Roles
from nnlint.audit.table import Collected


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user said of the data and of the audit."""

    limit: int = 50_000
    roles: Roles = field(default_factory=Roles)
    head: int | None = None
    meant: str | None = None
    seed: int = 0
    select: Sequence[str] = ()
    """Kinds of findings to look for; all where none is named."""
    ignore: Sequence[str] = ()


@dataclass(slots=True)
class Audit:
    """What came of one target."""

    target: str
    data: Collected | None
    """None where no sample could be read."""
    findings: list[AuditFinding]
    notes: list[str]
    seconds: float = 0.0


def audit(
    target: str, reader: Reader, wishes: Wishes, on_progress: OnProgress | None = None
) -> Audit:
    """Read a data set and ask every check.

    Parameters:
        target: how the report calls it.
        on_progress: told a split, how many samples of it are read, and of how many.

    Raises:
        AuditError: nothing of it can be read.
    """
    started = time.monotonic()
    collector = Collector(wishes.limit, wishes.roles, on_progress)
    reader.read(collector)
    data = finished(collector, wishes.seed)
    if data is None:
        found = _problems(collector.problems)
        return Audit(target, None, found, collector.notes, time.monotonic() - started)
    data.head, data.meant = wishes.head, wishes.meant
    findings = _checked(data, wishes)
    notes = [*data.notes, *_reading_notes(data), *_judging_notes(data, wishes)]
    return Audit(target, data, findings, notes, time.monotonic() - started)


def _problems(problems: Sequence[Problem]) -> list[AuditFinding]:
    kinds = dict.fromkeys(p.kind for p in problems)
    return [finding for kind in kinds for finding in told(list(problems), kind)]


def wanted(kind: str, wishes: Wishes) -> bool:
    """Whether a kind of finding is asked for."""
    return (not wishes.select or kind in wishes.select) and kind not in wishes.ignore


def _checked(data: Collected, wishes: Wishes) -> list[AuditFinding]:
    findings: list[AuditFinding] = []
    for plugin in load():
        if wanted(plugin.kind, wishes):
            findings += plugin.check(data)
    order = {part.name: number for number, part in enumerate(data.splits)}
    findings.sort(key=lambda f: (f.level.severity, order.get(f.split, 99)))
    return findings


def _reading_notes(data: Collected) -> list[str]:
    notes = []
    for part in data.splits:
        total = part.info.total
        if part.stopped == "limit" or (total and part.count < 0.9 * total and not part.repeats):
            of = f" of {total:,}" if total else ""
            if not any(p.split == part.name for p in data.problems) or part.stopped:
                notes.append(
                    f"{part.count:,}{of} samples of `{part.name}` were read (--limit): "
                    "duplicates of the others are not known"
                )
        if part.repeats:
            notes.append(
                f"the sampler of `{part.name}` drew {part.repeats:,} samples again; each counts once"
            )
    if data.parts.strange:
        notes.append(f"not looked at: {', '.join(data.parts.strange)}")
    return notes


def _judging_notes(data: Collected, wishes: Wishes) -> list[str]:
    if not wanted("label-issues", wishes) or not any(p.label_is_class for p in data.splits):
        return []
    why = data.judgement.why_not
    return [f"labels were not doubted: {why}"] if why else []
