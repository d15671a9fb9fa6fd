"""The report for a terminal: what, where, why and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from nnlint.finding import Finding
from nnlint.report import summary
from nnlint.report.concise import place
from nnlint.report.frame import source_lines

_COLORS = {"error": "bold red", "warning": "bold yellow", "advice": "bold blue", "pedantic": "bold"}


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write each finding with its code frame, related lines and help."""
    console = Console(
        file=stream,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        soft_wrap=True,
        color_system="standard" if color else None,
    )
    for finding in findings:
        _write_one(console, finding)
    console.print(Text(summary(findings, file_count), style="bold"))


def _write_one(console: Console, finding: Finding) -> None:
    style = _COLORS[finding.level.value]
    console.print(
        Text.assemble(
            (f"{finding.level.value}[{finding.code}]", style),
            f" {finding.name}: ",
            (finding.message, "bold"),
        )
    )
    console.print(Text.assemble(("  --> ", "blue"), place(finding)))
    width = len(str(finding.start.row + 1))
    for row, text in source_lines(finding, 1):
        console.print(Text.assemble((f"{row:>{width + 2}} | ", "blue"), text.expandtabs(4)))
        if row == finding.start.row:
            console.print(_marker(finding, text, width, style))
    for related in finding.related:
        where = f"{related.filename}:{related.start.row}"
        console.print(
            Text.assemble((" " * (width + 3) + "= ", "blue"), f"{where}: {related.message}")
        )
        for row, text in source_lines(related, 0):
            console.print(Text.assemble((f"{row:>{width + 2}} | ", "blue"), text.expandtabs(4)))
    if finding.help:
        console.print(
            Text.assemble((" " * (width + 3) + "= ", "blue"), ("help: ", "bold"), finding.help)
        )
    if finding.verdict:
        console.print(
            Text(f"{' ' * (width + 3)}= {finding.verdict.status}: {finding.verdict.summary}")
        )
    console.print()


def _marker(finding: Finding, text: str, width: int, style: str) -> Text:
    start = len(text[: finding.start.column - 1].expandtabs(4))
    same_row = finding.end.row == finding.start.row
    end = len(text[: finding.end.column - 1].expandtabs(4)) if same_row else len(text.expandtabs(4))
    marks = "^" * max(1, end - start)
    return Text.assemble((" " * (width + 2) + " | ", "blue"), " " * start, (marks, style))
