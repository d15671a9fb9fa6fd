"""Annotations that GitHub shows beside the changed lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from nnlint.finding import Finding

_COMMANDS = {"error": "error", "warning": "warning", "advice": "notice", "pedantic": "notice"}


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write workflow commands."""
    for f in findings:
        properties = (
            f"file={_escape(f.filename, True)},line={f.start.row},col={f.start.column},"
            f"endLine={f.end.row},endColumn={f.end.column},title={f.code} {f.name}"
        )
        text = f.message + (f" {f.help}" if f.help else "")
        stream.write(f"::{_COMMANDS[f.level.value]} {properties}::{_escape(text, False)}\n")


def _escape(text: str, is_property: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text
