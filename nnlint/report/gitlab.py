"""GitLab's code quality report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TextIO

from nnlint.finding import Finding

_SEVERITIES = {"error": "major", "warning": "minor", "advice": "info", "pedantic": "info"}


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one JSON array; fingerprints stay when lines move."""
    seen: dict[str, int] = {}
    issues = []
    for f in findings:
        identity = f"{f.filename} {f.code} {f.message}"
        seen[identity] = seen.get(identity, 0) + 1
        fingerprint = hashlib.sha256(f"{identity} {seen[identity]}".encode()).hexdigest()
        issues.append(
            {
                "description": f"{f.code} {f.name}: {f.message}",
                "check_name": f.name,
                "fingerprint": fingerprint,
                "severity": _SEVERITIES[f.level.value],
                "location": {"path": f.filename, "lines": {"begin": f.start.row, "end": f.end.row}},
            }
        )
    json.dump(issues, stream, indent=2, ensure_ascii=False)
    stream.write("\n")
