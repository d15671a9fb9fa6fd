"""JUnit XML: each finding is a failed test case of its file, a refuted one is skipped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TextIO
from xml.etree import ElementTree

from nnlint.finding import Finding
from nnlint.report import Report
from nnlint.report.machine import in_repository, whole_text
from nnlint.text import plain

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, in any form."""


def write(report: Report, stream: TextIO) -> None:
    """Write one document."""
    findings = report.findings
    counts = {"tests": str(len(findings) or 1), **_counts(findings)}
    suites = ElementTree.Element("testsuites", {"name": "nnlint", **counts})
    for filename in dict.fromkeys(f.filename for f in findings):
        _suite(suites, filename, [f for f in findings if f.filename == filename])
    if not findings:
        suite = ElementTree.SubElement(
            suites, "testsuite", name="nnlint", tests="1", failures="0", errors="0"
        )
        ElementTree.SubElement(suite, "testcase", name="no findings", classname="nnlint")
    ElementTree.indent(suites)
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
    stream.write(ElementTree.tostring(suites, encoding="unicode") + "\n")


def _suite(suites: ElementTree.Element, filename: str, findings: list[Finding]) -> None:
    name = _clean(in_repository(filename))
    counts = {"tests": str(len(findings)), **_counts(findings)}
    suite = ElementTree.SubElement(suites, "testsuite", {"name": name, **counts})
    for f in findings:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=f"{f.code} {f.name}",
            classname=name,
            file=name,
            line=str(f.start.row),
            column=str(f.start.column),
        )
        kind, said = ("skipped", whole_text(f)) if f.taken_back else ("failure", f.message)
        failure = ElementTree.SubElement(case, kind, message=_clean(said))
        place = f"line {f.start.row}, column {f.start.column}: " if f.cell is None else ""
        failure.text = _clean(place + whole_text(f))


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    skipped = sum(f.taken_back for f in findings)
    counts = {"failures": str(len(findings) - skipped), "errors": "0"}
    return counts | ({"skipped": str(skipped)} if skipped else {})


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", plain(text, lines=True))
