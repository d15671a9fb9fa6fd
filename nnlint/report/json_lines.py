"""One JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

from nnlint.finding import Finding
from nnlint.report.json import as_dict


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one object for each finding."""
    for finding in findings:
        stream.write(json.dumps(as_dict(finding), ensure_ascii=False) + "\n")
