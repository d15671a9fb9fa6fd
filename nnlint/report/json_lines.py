"""One JSON object a line."""

from __future__ import annotations

import json
from typing import TextIO

from nnlint.report import Report
from nnlint.report.json import as_dict


def write(report: Report, stream: TextIO) -> None:
    """Write one object for each finding."""
    for finding in report.findings:
        stream.write(json.dumps(as_dict(finding), ensure_ascii=False) + "\n")
