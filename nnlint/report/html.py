"""A page to look at or to attach to a build: findings by file, rule, level and stage."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TextIO

from nnlint.finding import Edit, Finding, Level, Related, Stage
from nnlint.report import Report
from nnlint.report.concise import place
from nnlint.report.frame import Sources, context_rows, mark_of, marks_near
from nnlint.report.full import MOST_PLACES
from nnlint.report.pages import Markup, code_frame, difference, picture, render
from nnlint.report.pictures import pictures_of
from nnlint.report.summary import sentences
from nnlint.source.rewrite import RewriteError, edited

SURROUNDING = 2
"""Lines around what a fix changes."""


def write(report: Report, stream: TextIO) -> None:
    """Write one document that needs nothing else."""
    entries = _Entries(report).made()
    first, *others = sentences(report)
    stream.write(
        render(
            "findings.html.jinja",
            scripts=("findings.js",) if entries else (),
            title=first.rstrip("."),
            sentences=others,
            files=_files(entries),
            rules=_rules(entries),
            levels=_counted([e.finding.level.value] for e in entries),
            stages=_counted([s.value for s in e.finding.stages] or ["any"] for e in entries),
            verdicts=_counted([_status(e.finding)] for e in entries),
            fixable=sum(e.finding.fix is not None for e in entries),
            count=len(entries),
        )
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A related place, with its code where that is shown."""

    at: str
    message: str
    code: Markup


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding as the page shows it."""

    number: int
    finding: Finding
    at: str
    code: Markup
    places: tuple[Place, ...]
    differences: tuple[Markup, ...]
    """What its fix changes, of each cell or file."""
    pictures: tuple[Markup, ...]
    same_pictures: int | None
    """The entry that shows its pictures already."""


class _Entries:
    """Makes the entries of a report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sources = Sources(report.texts)
        self._drawn: dict[tuple[str, ...], int] = {}

    def made(self) -> list[Entry]:
        return [self._entry(n, f) for n, f in enumerate(self._report.findings, 1)]

    def _entry(self, number: int, finding: Finding) -> Entry:
        near = marks_near(finding)
        lines = self._sources.lines(finding.filename, finding.cell)
        marks = [mark_of(finding), *near.values()]
        far = [related for related in finding.related if related not in near]
        drawn = tuple(_pictures(finding))
        shown_by = self._drawn.setdefault(drawn, number) if drawn else number
        return Entry(
            number,
            finding,
            place(finding),
            code_frame(lines, marks, context_rows(finding, lines)),
            tuple(self._place(r, n < MOST_PLACES) for n, r in enumerate(far)),
            tuple(self._differences(finding)),
            tuple(map(picture, drawn)) if shown_by == number else (),
            shown_by if shown_by != number else None,
        )

    def _place(self, related: Related, with_code: bool) -> Place:
        lines = self._sources.lines(related.filename, related.cell)
        # what it says stands above its code
        marks = [replace(mark_of(related), label="")]
        code = code_frame(lines, marks, context_rows(related, lines)) if with_code else Markup("")
        return Place(place(related), related.message, code)

    def _differences(self, finding: Finding) -> Iterator[Markup]:
        edits = finding.fix.edits if finding.fix else None
        for cell, group in groupby(edits or (), lambda edit: edit.cell):
            lines = self._sources.lines(finding.filename, cell)
            changed = list(_changed(lines, list(group)))
            if changed:
                yield difference(changed)


def _changed(lines: Sequence[str], edits: Sequence[Edit]) -> Iterator[str]:
    """What edits change, as the lines of a unified diff without its head."""
    before = "\n".join(lines)
    try:
        after = edited(before, edits)
    except RewriteError:
        # the file is not what it was when it was linted
        return
    unified = difflib.unified_diff(lines, after.split("\n"), n=SURROUNDING, lineterm="")
    yield from list(unified)[2:]


def _pictures(finding: Finding) -> Iterator[str]:
    verdict = finding.verdict
    if verdict is None:
        return
    target = str(verdict.evidence.get("target", finding.filename))
    name = target.rpartition(":")[2] or target
    probe = str(verdict.evidence.get("probe", ""))
    for _, svg in pictures_of(probe, name, verdict.status, verdict.summary, verdict.evidence):
        yield svg


def _files(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.finding.filename, []).append(entry)
    return list(found.items())


def _rules(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The findings of each rule, of the gravest level first."""
    found: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        key = entry.finding.level.severity, entry.finding.code
        found.setdefault(key, []).append(entry)
    return [found[key] for key in sorted(found)]


def _counted(met: Iterable[Sequence[str]]) -> list[tuple[str, int]]:
    """How many findings are of each kind, in the order of the kinds."""
    order = [kind.value for kind in (*Level, *Stage)]
    numbers = Counter(kind for kinds in met for kind in kinds)
    return sorted(
        numbers.items(), key=lambda item: order.index(item[0]) if item[0] in order else 99
    )


def _status(finding: Finding) -> str:
    return finding.verdict.status.lower() if finding.verdict else "none"
