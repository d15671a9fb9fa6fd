"""Annotations that GitHub shows beside the changed lines."""

from __future__ import annotations

from typing import TextIO

from nnlint.finding import Finding
from nnlint.report import Report
from nnlint.report.machine import Texts, in_repository, whole_text
from nnlint.text import plain

_COMMANDS = {"error": "error", "warning": "warning", "advice": "notice", "pedantic": "notice"}


def write(report: Report, stream: TextIO) -> None:
    """Write workflow commands, the gravest first: GitHub shows ten of a kind for each step.

    It has none for a finding that was taken back.
    """
    texts = Texts(report.texts)
    for finding in sorted(report.findings, key=lambda f: f.level.severity):
        if finding.taken_back:
            continue
        properties = ",".join(
            f"{name}={_escape(v, True)}" for name, v in _properties(finding, texts)
        )
        text = _escape(whole_text(finding), False)
        stream.write(f"::{_COMMANDS[finding.level.value]} {properties}::{text}\n")


def _properties(finding: Finding, texts: Texts) -> list[tuple[str, str]]:
    start, end = texts.in_file(finding)
    title = ("title", f"nnlint {finding.code} {finding.name}")
    rows = [
        ("file", in_repository(finding.filename)),
        ("line", str(start.row)),
        ("endLine", str(end.row)),
    ]
    if start.row != end.row:
        # columns are taken only for a single line
        return [*rows, title]
    return [*rows, ("col", str(start.column)), ("endColumn", str(end.column)), title]


def _escape(text: str, is_property: bool) -> str:
    text = plain(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text
