"""SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from nnlint import __version__
from nnlint.finding import Finding, Related
from nnlint.report import Report
from nnlint.report.machine import Texts, in_repository, whole_text
from nnlint.text import json_text

if TYPE_CHECKING:
    from nnlint.registry import ToolRule
    from nnlint.rule import Rule

_LEVELS = {"error": "error", "warning": "warning", "advice": "note", "pedantic": "note"}
_PRECISIONS = {"error": "very-high", "warning": "high", "advice": "medium", "pedantic": "low"}
_SEVERITIES = {
    "error": "error",
    "warning": "warning",
    "advice": "recommendation",
    "pedantic": "recommendation",
}
_FINGERPRINT = "primaryLocationLineHash"
"""The only one that code scanning at GitHub looks at; it makes one itself where there is none."""
_ROOT = "%SRCROOT%"
"""What paths are told from: the root of the repository, wherever that is checked out."""


def write(report: Report, stream: TextIO) -> None:
    """Write one log with one run."""
    findings = report.findings
    texts = Texts(report.texts)
    fingerprints = texts.fingerprints(findings)
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
        "results": [
            _result(f, index[f.code], texts) | {"partialFingerprints": {_FINGERPRINT: fingerprint}}
            for f, fingerprint in zip(findings, fingerprints, strict=True)
        ],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    stream.write(json_text(log, indent=2) + "\n")


def _rule(finding: Finding) -> dict[str, Any]:
    level = finding.level.value
    page = _page(finding)
    rule: dict[str, Any] = {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": page.summary if page else finding.name},
        "fullDescription": {"text": finding.explanation or finding.name},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {
            "level": level,
            "recipe": finding.recipe,
            "tags": ["pytorch", *(stage.value for stage in finding.stages)],
            "precision": _PRECISIONS[level],
            "problem.severity": _SEVERITIES[level],
        },
    }
    if page is not None:
        # what is to be read as it is, and what shows it as a page
        rule["help"] = {"text": page.documentation, "markdown": page.documentation}
    return rule | ({"helpUri": finding.url} if finding.url else {})


def _page(finding: Finding) -> Rule | ToolRule | None:
    from nnlint.registry import every_rule

    return next((rule for rule in every_rule() if rule.code == finding.code), None)


def _result(finding: Finding, index: int, texts: Texts) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.level.value],
        "message": {"text": whole_text(finding)},
        "locations": [_location(finding, texts)],
        "relatedLocations": [
            {"id": number, **_location(r, texts), "message": {"text": r.message}}
            for number, r in enumerate(finding.related)
        ],
    }
    page = _page(finding)
    if finding.related and getattr(page, "flows", False):
        result["codeFlows"] = [{"threadFlows": [{"locations": _steps(finding, texts)}]}]
    fixes = _fixes(finding)
    result |= {"fixes": fixes} if fixes else {}
    return result | _verdict(finding)


def _steps(finding: Finding, texts: Texts) -> list[dict[str, Any]]:
    """The way of a value to what is reported, each place with what happens there."""
    steps = [(_location(r, texts), r.message) for r in finding.related]
    steps.append((_location(finding, texts), finding.short))
    return [{"location": {**place, "message": {"text": text}}} for place, text in steps]


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


def _location(at: Finding | Related, texts: Texts) -> dict[str, Any]:
    region = _region(*texts.in_file(at))
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
