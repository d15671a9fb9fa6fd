"""A walk through the recipe as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TextIO

from nnlint.recipe.model import Evidence, RecipeReport
from nnlint.recipe.report import Style


def write(report: RecipeReport, style: Style, stream: TextIO) -> None:
    """Write the report as one object."""
    json.dump(as_data(report), stream, indent=2, ensure_ascii=False)
    stream.write("\n")


def as_data(report: RecipeReport) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "paths": list(report.paths),
        "stage": report.stage.value if report.stage else None,
        "files": report.files,
        "bullets": [
            {
                "section": verdict.bullet.section,
                "bullet": verdict.bullet.name,
                "title": verdict.bullet.title,
                "status": verdict.status.value,
                "reason": verdict.reason,
                "evidence": [_evidence(one) for one in verdict.evidence],
                "next": verdict.next or None,
            }
            for verdict in report.verdicts
        ],
        "problems": list(report.problems),
        "ran": None if report.ran is None else [asdict(one) for one in report.ran],
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {
        "filename": one.filename,
        "row": one.row,
        "cell": one.cell,
        "code": one.code,
        "text": one.text,
        "status": one.status.value,
        "rule": one.rule or None,
        "measured": asdict(one.measured) if one.measured else None,
    }
