"""Findings as JSON, with the fields of Ruff's and nnlint's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

from nnlint.finding import Finding, Position


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding as the documented JSON object."""
    fix = finding.fix
    verdict = finding.verdict
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level.value,
        "message": finding.message,
        "filename": finding.filename,
        "location": _position(finding.start),
        "end_location": _position(finding.end),
        "cell": finding.cell,
        "fix": fix
        and {
            "applicability": fix.applicability.value,
            "message": fix.title,
            "edits": [
                {
                    "content": e.content,
                    "location": _position(e.start),
                    "end_location": _position(e.end),
                }
                for e in fix.edits
            ],
        },
        "noqa_row": finding.noqa_row,
        "url": finding.url or None,
        "stage": [stage.value for stage in finding.stages],
        "recipe": finding.recipe,
        "help": finding.help,
        "explanation": finding.explanation,
        "related": [
            {
                "filename": r.filename,
                "location": _position(r.start),
                "end_location": _position(r.end),
                "cell": r.cell,
                "message": r.message,
            }
            for r in finding.related
        ],
        "verdict": verdict
        and {
            "status": verdict.status,
            "summary": verdict.summary,
            "evidence": dict(verdict.evidence),
        },
    }


def _position(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one JSON array."""
    json.dump([as_dict(f) for f in findings], stream, indent=2, ensure_ascii=False)
    stream.write("\n")
