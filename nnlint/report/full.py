"""The report for a terminal: what, where, why and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from nnlint.finding import Applicability, Finding, Related
from nnlint.report import Report
from nnlint.report.concise import place
from nnlint.report.frame import Frame, Sources, context_rows, mark_of, marks_near
from nnlint.report.style import BOLD, DIM, GUTTER, LEVELS, Styler, wrapped
from nnlint.report.summary import sentences
from nnlint.text import plain


def write(report: Report, stream: TextIO) -> None:
    """Write each finding with its code frame, related lines and help."""
    style = Styler(report.color)
    sources = Sources(report.texts)
    for finding in report.findings:
        for line in _Entry(finding, style, report.width, sources).lines():
            stream.write(f"{line}\n")
        stream.write("\n")
    if report.quiet:
        return
    for sentence in sentences(report):
        for line in wrapped(sentence, report.width, 0, 0):
            stream.write(f"{style(line, BOLD)}\n")
    if report.findings and report.width is not None:
        advice = f"To read about a rule: `nnlint rule {report.findings[0].code}`"
        stream.write(f"{style(advice, DIM)}\n")


MOST_PLACES = 5
"""Related places in other files whose code is shown; of further ones the place is enough."""


class _Entry:
    """One finding of the report."""

    def __init__(
        self, finding: Finding, style: Styler, width: int | None, sources: Sources
    ) -> None:
        self._finding = finding
        self._style = style
        self._width = width
        self._sources = sources
        rows = [finding.start.row + 1, *(r.start.row for r in finding.related)]
        self._gutter = len(str(max(rows)))

    def lines(self) -> Iterator[str]:
        """The lines of the entry."""
        yield from self._head()
        yield from self._frames()
        yield from self._notes()

    def _head(self) -> Iterator[str]:
        finding, style = self._finding, self._style
        label = f"{finding.level.value}[{finding.code}]"
        message = plain(f"{finding.name}: {finding.message}")
        first, *rest = wrapped(message, self._width, len(label) + 1, 4)
        name, colon, text = first.partition(": ")
        yield (
            f"{style(label, LEVELS[finding.level])} {style(name, BOLD)}{colon}{style.prose(text)}"
        )
        yield from (f"    {style.prose(line)}" for line in rest)

    def _frames(self) -> Iterator[str]:
        finding = self._finding
        frame = Frame(self._style, self._width, self._gutter)
        near = marks_near(finding)
        yield self._arrow("-->", finding)
        lines = self._sources.lines(finding.filename, finding.cell)
        marks = [mark_of(finding), *near.values()]
        yield from frame.draw(lines, marks, context_rows(finding, lines))
        far = [r for r in finding.related if r not in near]
        for related in far[:MOST_PLACES]:
            yield self._arrow(":::", related)
            lines = self._sources.lines(related.filename, related.cell)
            yield from frame.draw(lines, [mark_of(related)], set())
        for related in far[MOST_PLACES:]:
            yield self._arrow(":::", related)

    def _arrow(self, symbol: str, at: Finding | Related) -> str:
        return f"{' ' * self._gutter}{self._style(symbol, GUTTER)} {plain(place(at))}"

    def _notes(self) -> Iterator[str]:
        finding, verdict = self._finding, self._finding.verdict
        if finding.help:
            yield from self._note("help", finding.help)
        if finding.fix:
            safe = finding.fix.applicability is Applicability.SAFE
            options = "`--fix`" if safe else "`--fix --unsafe-fixes`"
            yield from self._note("fix", f"{finding.fix.title} ({options})")
        if verdict:
            yield from self._note(verdict.status.lower(), verdict.summary)

    def _note(self, kind: str, text: str) -> Iterator[str]:
        start = self._gutter + 1
        indent = start + len(kind) + 4
        first, *rest = wrapped(plain(text), self._width, indent, indent)
        equals = self._style("=", GUTTER)
        kind = self._style(kind, BOLD)
        yield f"{' ' * start}{equals} {kind}: {self._style.prose(first)}"
        yield from (f"{' ' * indent}{self._style.prose(line)}" for line in rest)
