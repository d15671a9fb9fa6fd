"""SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from nnlint import __version__
from nnlint.finding import Finding, Related
from nnlint.report import Report
from nnlint.report.machine import in_file, in_repository, whole_text
from nnlint.text import json_text

_LEVELS = {"error": "error", "warning": "warning", "advice": "note", "pedantic": "note"}
_ROOT = "%SRCROOT%"
"""What paths are told from: the root of the repository, wherever that is checked out."""


def write(report: Report, stream: TextIO) -> None:
    """Write one log with one run."""
    findings = report.findings
    rules = {f.code: f for f in sorted(findings, key=lambda f: f.code)}
    index = {code: number for number, code in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "nnlint",
                "version": __version__,
                "rules": [_rule(f) for f in rules.values()],
            }
        },
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, index[f.code]) for f in findings],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    stream.write(json_text(log, indent=2) + "\n")


def _rule(finding: Finding) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": finding.name},
        "fullDescription": {"text": finding.explanation or finding.name},
        "defaultConfiguration": {"level": _LEVELS[finding.level.value]},
        "properties": {"level": finding.level.value, "recipe": finding.recipe},
    }
    return rule | ({"helpUri": finding.url} if finding.url else {})


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.level.value],
        "message": {"text": whole_text(finding)},
        "locations": [_location(finding)],
        "relatedLocations": [
            {"id": number, **_location(r), "message": {"text": r.message}}
            for number, r in enumerate(finding.related)
        ],
    }
    fixes = _fixes(finding)
    result |= {"fixes": fixes} if fixes else {}
    return result | _verdict(finding)


def _verdict(finding: Finding) -> dict[str, Any]:
    """What running the code showed; a suppressed result is closed where the log is read."""
    verdict = finding.verdict
    if verdict is None:
        return {}
    told: dict[str, Any] = {
        "properties": {"verdict": {"status": verdict.status, "summary": verdict.summary}}
    }
    if finding.taken_back:
        told["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": verdict.summary}
        ]
    return told


def _fixes(finding: Finding) -> Sequence[dict[str, Any]]:
    if finding.fix is None or finding.fix.edits is None or finding.cell is not None:
        return ()
    replacements = [
        {
            "deletedRegion": _region(edit.start, edit.end),
            "insertedContent": {"text": edit.content},
        }
        for edit in finding.fix.edits
    ]
    change = {"artifactLocation": _artifact(finding.filename), "replacements": replacements}
    return [{"description": {"text": finding.fix.title}, "artifactChanges": [change]}]


def _location(at: Finding | Related) -> dict[str, Any]:
    region = _region(*in_file(at))
    place = {"artifactLocation": _artifact(at.filename), "region": region}
    return {"physicalLocation": place}


def _artifact(filename: str) -> dict[str, str]:
    name = in_repository(filename)
    if Path(name).is_absolute():
        return {"uri": Path(name).as_uri()}
    return {"uri": quote(name, errors="surrogateescape"), "uriBaseId": _ROOT}


def _region(start: tuple[int, int], end: tuple[int, int]) -> dict[str, int]:
    return {
        "startLine": start[0],
        "startColumn": start[1],
        "endLine": end[0],
        "endColumn": end[1],
    }
