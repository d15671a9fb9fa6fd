"""One line for each finding."""

from __future__ import annotations

from typing import TextIO

from nnlint.finding import Finding, Related
from nnlint.report import Report
from nnlint.report.style import BOLD, LEVELS, Styler
from nnlint.report.summary import sentences
from nnlint.text import plain


def place(at: Finding | Related) -> str:
    """`file:row:column`, with the cell of a notebook."""
    cell = f":cell {at.cell}" if at.cell else ""
    return f"{at.filename}{cell}:{at.start.row}:{at.start.column}"


def write(report: Report, stream: TextIO) -> None:
    """Write the findings."""
    style = Styler(report.color)
    for finding in report.findings:
        code = style(finding.code, LEVELS[finding.level])
        fixable = "[*] " if finding.fix else ""
        message = style.prose(plain(finding.short))
        where = style(plain(place(finding)), BOLD)
        verdict = f" [{finding.verdict.status.lower()}]" if finding.verdict else ""
        stream.write(f"{where}: {code} {fixable}{finding.name}: {message}{verdict}\n")
    if not report.quiet:
        stream.write(style(" ".join(sentences(report)), BOLD) + "\n")
