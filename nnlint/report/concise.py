"""One line for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from nnlint.finding import Finding
from nnlint.report import summary


def place(finding: Finding) -> str:
    """`file:row:column`, with the cell of a notebook."""
    cell = f":cell {finding.cell}" if finding.cell else ""
    return f"{finding.filename}{cell}:{finding.start.row}:{finding.start.column}"


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write the findings."""
    for finding in findings:
        stream.write(f"{place(finding)}: {finding.code} {finding.name}: {finding.message}\n")
    stream.write(summary(findings, file_count) + "\n")
