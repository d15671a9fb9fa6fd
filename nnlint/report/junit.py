"""JUnit XML: each finding is a failed test case of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO
from xml.etree import ElementTree

from nnlint.finding import Finding


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one document."""
    suites = ElementTree.Element("testsuites", name="nnlint")
    for filename in dict.fromkeys(f.filename for f in findings):
        here = [f for f in findings if f.filename == filename]
        suite = ElementTree.SubElement(
            suites, "testsuite", name=filename, tests=str(len(here)), failures=str(len(here))
        )
        for f in here:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                name=f"{f.code} {f.name}",
                classname=filename,
                line=str(f.start.row),
            )
            failure = ElementTree.SubElement(case, "failure", message=f.message)
            failure.text = f"line {f.start.row}, column {f.start.column}: {f.message} {f.help}"
    if not findings:
        suite = ElementTree.SubElement(suites, "testsuite", name="nnlint", tests="1", failures="0")
        ElementTree.SubElement(suite, "testcase", name="no findings", classname="nnlint")
    ElementTree.indent(suites)
    stream.write(ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n")
