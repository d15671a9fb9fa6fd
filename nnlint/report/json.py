"""Findings as JSON, with the fields of Ruff's and nnlint's own."""

from __future__ import annotations

from typing import Any, TextIO

from nnlint.finding import Edit, Finding, Fix, Position, Related
from nnlint.report import Report
from nnlint.text import json_text


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding as the documented JSON object."""
    verdict = finding.verdict
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.text,
        "filename": finding.filename,
        "location": _position(finding.start),
        "end_location": _position(finding.end),
        "cell": finding.cell,
        "fix": _fix(finding.fix, finding.cell),
        "noqa_row": finding.noqa_row,
        "url": finding.url or None,
        "level": finding.level.value,
        "stage": [stage.value for stage in finding.stages],
        "recipe": finding.recipe,
        "explanation": finding.explanation,
        "related": [_related(r) for r in finding.related],
        "verdict": verdict
        and {
            "status": verdict.status,
            "summary": verdict.summary,
            "evidence": dict(verdict.evidence),
        },
    }


def _fix(fix: Fix | None, cell: int | None) -> dict[str, Any] | None:
    # an edit has no cell of its own here, so that one elsewhere could not be told
    if fix is None or not fix.edits or any(edit.cell != cell for edit in fix.edits):
        return None
    return {
        "applicability": fix.applicability.value,
        "message": fix.title,
        "edits": [_edit(e) for e in fix.edits],
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "content": edit.content,
        "location": _position(edit.start),
        "end_location": _position(edit.end),
    }


def _related(related: Related) -> dict[str, Any]:
    cell = f"cell {related.cell}: " if related.cell else ""
    return {
        "filename": related.filename,
        "location": _position(related.start),
        "message": cell + related.message,
    }


def _position(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}


def write(report: Report, stream: TextIO) -> None:
    """Write one JSON array."""
    stream.write(json_text([as_dict(f) for f in report.findings], indent=2) + "\n")
