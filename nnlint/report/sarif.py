"""SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

from nnlint import __version__
from nnlint.finding import Finding, Position

_LEVELS = {"error": "error", "warning": "warning", "advice": "note", "pedantic": "note"}


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one log with one run."""
    rules = {f.code: f for f in findings}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "nnlint",
                        "version": __version__,
                        "informationUri": "https://nnlint.dev",
                        "rules": [
                            {
                                "id": code,
                                "name": f.name,
                                "helpUri": f.url or "https://nnlint.dev",
                                "shortDescription": {"text": f.explanation or f.name},
                                "defaultConfiguration": {"level": _LEVELS[f.level.value]},
                            }
                            for code, f in sorted(rules.items())
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": f.code,
                        "level": _LEVELS[f.level.value],
                        "message": {"text": f.message + (f" {f.help}" if f.help else "")},
                        "locations": [_location(f.filename, f.start, f.end)],
                        "relatedLocations": [
                            {
                                **_location(r.filename, r.start, r.end),
                                "message": {"text": r.message},
                            }
                            for r in f.related
                        ],
                    }
                    for f in findings
                ],
            }
        ],
    }
    json.dump(log, stream, indent=2, ensure_ascii=False)
    stream.write("\n")


def _location(filename: str, start: Position, end: Position) -> dict[str, Any]:
    region = {
        "startLine": start.row,
        "startColumn": start.column,
        "endLine": end.row,
        "endColumn": end.column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": filename}, "region": region}}
