"""GitLab's code quality report."""

from __future__ import annotations

from typing import TextIO

from nnlint.report import Report
from nnlint.report.machine import Texts, in_repository, whole_text
from nnlint.text import json_text

_SEVERITIES = {"error": "major", "warning": "minor", "advice": "info", "pedantic": "info"}


def write(report: Report, stream: TextIO) -> None:
    """Write one JSON array; fingerprints stay when lines move and messages change."""
    texts = Texts(report.texts)
    # the format has no state for what was taken back
    findings = [f for f in report.findings if not f.taken_back]
    issues = []
    for f, fingerprint in zip(findings, texts.fingerprints(findings), strict=True):
        start, end = texts.in_file(f)
        issues.append(
            {
                "description": f"{f.code} {f.name}: {whole_text(f)}",
                "check_name": f.name,
                "fingerprint": fingerprint,
                "severity": _SEVERITIES[f.level.value],
                "location": {
                    "path": in_repository(f.filename),
                    "lines": {"begin": start.row, "end": end.row},
                },
            }
        )
    stream.write(json_text(issues, indent=2) + "\n")
