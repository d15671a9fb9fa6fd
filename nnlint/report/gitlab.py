"""GitLab's code quality report."""

from __future__ import annotations

import hashlib
from typing import TextIO

from nnlint.report import Report
from nnlint.report.machine import in_file, in_repository, whole_text
from nnlint.text import json_text

_SEVERITIES = {"error": "major", "warning": "minor", "advice": "info", "pedantic": "info"}


def write(report: Report, stream: TextIO) -> None:
    """Write one JSON array; fingerprints stay when lines move."""
    seen: dict[str, int] = {}
    issues = []
    for f in report.findings:
        if f.taken_back:
            # the format has no state for it
            continue
        path = in_repository(f.filename)
        identity = f"{path} {f.code} {f.message}"
        seen[identity] = seen.get(identity, 0) + 1
        unique = f"{identity} {seen[identity]}".encode("utf-8", "surrogatepass")
        start, end = in_file(f)
        issues.append(
            {
                "description": f"{f.code} {f.name}: {whole_text(f)}",
                "check_name": f.name,
                "fingerprint": hashlib.sha256(unique).hexdigest(),
                "severity": _SEVERITIES[f.level.value],
                "location": {"path": path, "lines": {"begin": start.row, "end": end.row}},
            }
        )
    stream.write(json_text(issues, indent=2) + "\n")
