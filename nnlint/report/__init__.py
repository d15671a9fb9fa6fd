"""Findings for people and for machines."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TextIO

from nnlint.finding import Finding

FORMATS = ("full", "concise", "json", "json-lines", "github", "gitlab", "sarif", "junit", "html")


def render(
    findings: Sequence[Finding], format: str, *, stream: TextIO, color: bool, file_count: int = 0
) -> None:
    """Write findings to `stream` in one of `FORMATS`."""
    module = importlib.import_module(f"nnlint.report.{format.replace('-', '_')}")
    module.write(findings, stream, color=color, file_count=file_count)


def summary(findings: Sequence[Finding], file_count: int) -> str:
    """One closing sentence."""
    files = f"{file_count} file{'s' if file_count != 1 else ''}"
    if not findings:
        return f"No findings in {files}."
    counts = []
    for level in ("error", "warning", "advice", "pedantic"):
        number = sum(f.level.value == level for f in findings)
        if number:
            plural = "s" if number != 1 and level in ("error", "warning") else ""
            counts.append(f"{number} {level}{plural}")
    return f"{', '.join(counts)} in {files}."
