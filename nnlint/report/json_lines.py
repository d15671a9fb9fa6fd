"""One JSON object a line."""

from __future__ import annotations

from typing import TextIO

from nnlint.report import Report
from nnlint.report.json import as_dict
from nnlint.text import json_text


def write(report: Report, stream: TextIO) -> None:
    """Write one object for each finding."""
    for finding in report.findings:
        stream.write(json_text(as_dict(finding)) + "\n")
