"""reviewdog's diagnostic format, https://github.com/reviewdog/reviewdog/tree/master/proto/rdf."""

from __future__ import annotations

from typing import Any, TextIO

from nnlint.finding import Edit, Finding, Position, Related
from nnlint.report import Report
from nnlint.report.machine import Texts, whole_text
from nnlint.text import json_text

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "advice": "INFO", "pedantic": "INFO"}


def write(report: Report, stream: TextIO) -> None:
    """Write one result; reviewdog has no state for a finding that was taken back."""
    texts = Texts(report.texts)
    standing = [f for f in report.findings if not f.taken_back]
    result = {
        "source": {"name": "nnlint"},
        "diagnostics": [_diagnostic(f, texts) for f in standing],
    }
    stream.write(json_text(result, indent=2) + "\n")


def _diagnostic(finding: Finding, texts: Texts) -> dict[str, Any]:
    diagnostic: dict[str, Any] = {
        "message": whole_text(finding),
        "location": _location(finding, texts),
        "severity": _SEVERITIES[finding.level.value],
        "code": {"value": finding.code} | ({"url": finding.url} if finding.url else {}),
        "relatedLocations": [
            {"message": r.message, "location": _location(r, texts)} for r in finding.related
        ],
    }
    if finding.fix and finding.fix.edits and finding.cell is None:
        diagnostic["suggestions"] = [_suggestion(finding, e, texts) for e in finding.fix.edits]
    return diagnostic


def _suggestion(finding: Finding, edit: Edit, texts: Texts) -> dict[str, Any]:
    return {"range": _range(finding, edit.start, edit.end, texts), "text": edit.content}


def _location(at: Finding | Related, texts: Texts) -> dict[str, Any]:
    # reviewdog tells paths from the folder that it runs in
    return {"path": at.filename, "range": _range(at, *texts.in_file(at), texts)}


def _range(at: Finding | Related, start: Position, end: Position, texts: Texts) -> dict[str, Any]:
    return {"start": _position(at, start, texts), "end": _position(at, end, texts)}


def _position(at: Finding | Related, place: Position, texts: Texts) -> dict[str, int]:
    """Columns count bytes, but in notebooks, whose places are those of their JSON."""
    if at.cell is not None:
        return {"line": place.row, "column": place.column}
    return {"line": place.row, "column": texts.bytes_before(at, place) + 1}
