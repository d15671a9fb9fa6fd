"""What each format writes, from one list of findings."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nnlint.config import FORMATS
from nnlint.finding import (
    Applicability,
    Edit,
    Finding,
    Fix,
    Level,
    Position,
    Related,
    Stage,
    Verdict,
)
from nnlint.report import Report, render
from nnlint.report.style import width_of
from nnlint.report.summary import sentences

MODEL = """import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        B, T, C = x.shape
        return x.view(T, B, C)
"""
VIEW = Finding(
    code="NN301",
    name="view-mixes-batch",
    level=Level.ERROR,
    message="`x.view(T, B, C)` reads (B, T, C) in another order",
    filename="model.py",
    start=Position(8, 16),
    end=Position(8, 31),
    help="Use `x.transpose(0, 1)`.",
    stages=(Stage.SKELETON,),
    recipe="chart dependencies",
    explanation="Elements of different examples are mixed.",
    url="https://example.org/view",
    related=(Related("model.py", Position(7, 9), Position(7, 26), "the axes"),),
    fix=Fix(
        "Use `transpose`",
        Applicability.UNSAFE,
        (),
        (Edit(Position(8, 16), Position(8, 31), "x.transpose(0, 1)"),),
    ),
    noqa_row=8,
)
CELL = replace(
    VIEW,
    filename="a b.ipynb",
    cell=3,
    start=Position(2, 1),
    end=Position(2, 5),
    related=(Related("a b.ipynb", Position(1, 1), Position(1, 4), "set here", 2),),
    fix=None,
)
ADVICE = replace(
    VIEW,
    code="NN312",
    name="dropout",
    level=Level.ADVICE,
    help="",
    related=(),
    fix=None,
    end=Position(9, 3),
    verdict=Verdict("CONFIRMED", "it does", {"p": 0.5}),
)


def written(format: str, *findings: Finding, **options) -> str:
    stream = io.StringIO()
    options.setdefault("texts", {"model.py": MODEL.encode()})
    render(Report(findings, files=5, **options), format, stream)
    return stream.getvalue()


def test_full():
    assert (
        written("full", VIEW)
        == """\
error[NN301] view-mixes-batch: `x.view(T, B, C)` reads (B, T, C) in another order
 --> model.py:8:16
  |
7 |         B, T, C = x.shape
  |         ----------------- the axes
8 |         return x.view(T, B, C)
  |                ^^^^^^^^^^^^^^^
  |
  = help: Use `x.transpose(0, 1)`.
  = fix: Use `transpose` (`--fix --unsafe-fixes`)

Found 1 error in 1 of 5 files.
1 can be fixed with `--fix --unsafe-fixes`.
"""
    )


def test_full_with_related_lines_elsewhere():
    far = Related("data.py", Position(2, 1), Position(2, 5), "drawn here")
    near = Related("model.py", Position(2, 1), Position(2, 5), "imported here")
    finding = replace(VIEW, related=(far, near), fix=None, help="", level=Level.PEDANTIC)
    texts = {"model.py": MODEL.encode(), "data.py": b"import torch\nrand(3)\n"}
    assert written("full", finding, texts=texts, quiet=True).splitlines()[1:] == [
        " --> model.py:8:16",
        "  |",
        "2 | from torch import nn",
        "  | ---- imported here",
        "...",
        "7 |         B, T, C = x.shape",
        "8 |         return x.view(T, B, C)",
        "  |                ^^^^^^^^^^^^^^^",
        "  |",
        " ::: data.py:2:1",
        "  |",
        "2 | rand(3)",
        "  | ---- drawn here",
        "  |",
        "",
    ]


def test_full_of_a_file_that_is_gone():
    shown = written("full", replace(VIEW, filename="gone.py", related=()))
    assert " --> gone.py:8:16\n  = help" in shown


def test_full_on_several_rows_and_verdict():
    shown = written("full", ADVICE)
    assert "8 |         return x.view(T, B, C)\n  |                ^^^^^^^^^^^^^^^\n" in shown
    assert "= confirmed: it does" in shown


@pytest.mark.parametrize(
    ("line", "column", "end"),
    [
        ("\tx = y", 6, 7),
        ("名前 = y", 6, 7),
        ("e\N{COMBINING ACUTE ACCENT} = y", 6, 7),
        ("x = 'a\tb'; y", 12, 13),
        ("\x1b[31m = y", 9, 10),
        ("'" + "x" * 500 + "'; y; " + "z" * 500, 505, 506),
    ],
)
@pytest.mark.parametrize("width", [None, 60])
def test_marks_stand_under_what_they_mark(line, column, end, width):
    finding = replace(VIEW, start=Position(1, column), end=Position(1, end), related=(), help="")
    shown = written("full", finding, texts={"model.py": line.encode()}, width=width)
    code, marks = shown.splitlines()[-len(shown.splitlines()) :][-7 if width is None else -8 :][:2]
    frame = [row for row in shown.splitlines() if " | " in row]
    code, marks = frame[0], frame[1]
    assert marks.count("^") == 1 and "\x1b" not in shown
    before = code[: code.index("y")]
    assert width_of(before) == marks.index("^")
    assert width is None or all(width_of(row) <= width for row in frame)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_prose_is_broken_at_words_but_not_in_code(width):
    message = "`x.view(T, B, C)` reads " + "what it should not read " * 12
    shown = written("full", replace(VIEW, message=message.strip()), width=width, color=False)
    assert all(width_of(row) <= width for row in shown.splitlines()[:-2])
    assert "`x.view(T, B, C)`" in shown


def test_colours_are_all_reset():
    shown = written("full", VIEW, ADVICE, color=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", shown) == written("full", VIEW, ADVICE)
    for line in shown.splitlines():
        assert line.count("\x1b[0m") * 2 == line.count("\x1b[")


def test_concise():
    assert written("concise", VIEW, CELL).splitlines() == [
        "model.py:8:16: NN301 [*] view-mixes-batch: " + VIEW.message,
        "a b.ipynb:cell 3:2:1: NN301 view-mixes-batch: " + VIEW.message,
        "Found 2 errors in 2 of 5 files. 1 can be fixed with `--fix --unsafe-fixes`.",
    ]


def test_json_has_the_documented_fields():
    first, second = json.loads(written("json", VIEW, ADVICE))
    assert first == {
        "code": "NN301",
        "name": "view-mixes-batch",
        "message": "`x.view(T, B, C)` reads (B, T, C) in another order. Use `x.transpose(0, 1)`.",
        "filename": "model.py",
        "location": {"row": 8, "column": 16},
        "end_location": {"row": 8, "column": 31},
        "cell": None,
        "fix": {
            "applicability": "unsafe",
            "message": "Use `transpose`",
            "edits": [
                {
                    "content": "x.transpose(0, 1)",
                    "location": {"row": 8, "column": 16},
                    "end_location": {"row": 8, "column": 31},
                }
            ],
        },
        "noqa_row": 8,
        "url": "https://example.org/view",
        "level": "error",
        "stage": ["skeleton"],
        "recipe": "chart dependencies",
        "explanation": "Elements of different examples are mixed.",
        "related": [
            {"filename": "model.py", "location": {"row": 7, "column": 9}, "message": "the axes"}
        ],
        "verdict": None,
    }
    assert second["verdict"] == {
        "status": "CONFIRMED",
        "summary": "it does",
        "evidence": {"p": 0.5},
    }
    assert list(first) == list(second)


def test_json_lines():
    rows = written("json-lines", VIEW, CELL).splitlines()
    assert [json.loads(r) for r in rows] == json.loads(written("json", VIEW, CELL))


def test_json_keeps_back_a_fix_that_it_cannot_place():
    elsewhere = replace(VIEW, cell=2)
    assert json.loads(written("json", elsewhere))[0]["fix"] is None


def test_github():
    first, second, third = written("github", VIEW, CELL, ADVICE).splitlines()
    assert first == (
        "::error file=model.py,line=8,endLine=8,col=16,endColumn=31,"
        "title=nnlint NN301 view-mixes-batch::`x.view(T, B, C)` reads (B, T, C) in another order. "
        "Use `x.transpose(0, 1)`."
    )
    assert second.startswith("::error file=a b.ipynb,line=1,endLine=1,")
    assert "::cell 3, line 2: `x.view" in second
    # GitHub takes columns for a single line only
    assert third.startswith("::notice file=model.py,line=8,endLine=9,title=")


def test_github_escapes():
    odd = replace(VIEW, filename="a,b:c%.py", message="50 %\nof it", help="")
    assert "file=a%2Cb%3Ac%25.py," in written("github", odd)
    assert written("github", odd).endswith("::50 %25%0Aof it\n")


def test_gitlab():
    twice = (VIEW, replace(VIEW, start=Position(20, 1), end=Position(21, 1)))
    issues = json.loads(written("gitlab", *twice, ADVICE, CELL))
    assert len({i["fingerprint"] for i in issues}) == 4
    texts = {"model.py": f"\n\n{MODEL}".encode()}
    below = replace(VIEW, start=Position(10, 16), end=Position(10, 31), message="reworded")
    moved = json.loads(written("gitlab", below, texts=texts))
    assert moved[0]["fingerprint"] == issues[0]["fingerprint"]
    assert issues[1]["location"] == {"path": "model.py", "lines": {"begin": 20, "end": 21}}
    assert [i["severity"] for i in issues] == ["major", "major", "info", "major"]
    assert set(issues[0]) == {"description", "check_name", "fingerprint", "severity", "location"}


def test_sarif():
    log = json.loads(written("sarif", VIEW, ADVICE, CELL))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0" and [r["id"] for r in rules] == ["NN301", "NN312"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    first, second, third = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "model.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 8, "startColumn": 16, "endLine": 8, "endColumn": 31},
    }
    assert [r["level"] for r in run["results"]] == ["error", "note", "error"]
    assert first["relatedLocations"][0]["message"]["text"] == "the axes"
    (change,) = first["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"]["text"] == "x.transpose(0, 1)"
    assert "fixes" not in second
    uri = third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b.ipynb"
    absolute = json.loads(written("sarif", replace(VIEW, filename=str(Path("/x y/m.py")))))
    artifact = absolute["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert artifact["artifactLocation"]["uri"] == "file:///x%20y/m.py"


def test_junit():
    odd = replace(VIEW, filename="other.py", message="a \x00\x1b < & \ud800 `b`")
    root = ElementTree.fromstring(written("junit", VIEW, ADVICE, odd).encode())
    assert (root.get("tests"), root.get("failures")) == ("3", "3")
    assert [s.get("name") for s in root] == ["model.py", "other.py"]
    assert [s.get("failures") for s in root] == ["2", "1"]
    case = root.find("testsuite/testcase")
    assert (case.get("line"), case.get("classname")) == ("8", "model.py")
    assert "line 8, column 16" in case.find("failure").text
    empty = ElementTree.fromstring(written("junit").encode())
    assert empty.get("failures") == "0" and len(empty.findall("testsuite/testcase")) == 1


class TestHtml:
    """A page of findings: whole without its script, and nothing in it is obeyed."""

    def test_findings_stand_with_their_code_places_and_fix(self):
        page = written("html", VIEW, CELL, ADVICE)
        assert page.startswith("<!doctype html>")
        assert page.count("<article") == page.count("</article>") == 3
        assert '<mark class="primary">x<span class="o">.</span>view(T, B, C)</mark>' in page
        assert '<span class="label">the axes</span>' in page
        assert '<span class="added">+        return x.transpose(0, 1)</span>' in page
        assert 'href="https://example.org/view"' in page and "it does" in page
        assert page.count('href="#finding-1"') == 2 and 'data-level="advice"' in page

    def test_nothing_is_obeyed_and_nothing_is_loaded(self):
        odd = replace(
            VIEW,
            filename='"><script>alert(1)</script>.py',
            message="<script>alert(1)</script> & `x<y` \x1b[31m",
            help="<b>",
            url="javascript:alert(1)",
            related=(Related("<i>", Position(1, 1), Position(1, 2), "<i>\u202e"),),
        )
        page = written("html", odd)
        assert page.count("<script") == 1 and "<b>" not in page and "<i>" not in page
        assert "javascript:" not in page and "<code>x&lt;y</code>" in page
        assert not re.search(r'<[^>]*(?:src|href)="(?!#|data:)', page)

    def test_what_was_measured_is_drawn_once(self):
        table = {"mode": "eval", "matrix": [[0.5, 0.1], [0, 0.4]]}
        evidence = {"probe": "batch-dependency", "target": "model.py:Net", "matrices": [table]}
        leak = replace(VIEW, verdict=Verdict("CONFIRMED", "it mixes", evidence))
        rates = replace(
            ADVICE, verdict=Verdict("CONFIRMED", "flat", {"rates": [1, 1], "unit": "epoch"})
        )
        page = written("html", leak, leak, rates)
        assert page.count("output of example") == 1 and page.count("<polyline") == 1
        assert "What was measured is shown there" in page

    def test_without_findings_there_is_no_script(self):
        page = written("html")
        assert "No findings in 5 files" in page and "<script" not in page


@pytest.mark.parametrize("format", FORMATS)
def test_no_findings(format):
    text = written(format)
    assert text.strip() or format in ("json-lines", "github")
    if format in ("json", "gitlab"):
        assert json.loads(text) == []
    if format in ("full", "concise"):
        assert text == "No findings in 5 files.\n"


@pytest.mark.parametrize("format", FORMATS)
def test_any_name_and_text_can_be_written(format, tmp_path):
    odd = replace(
        VIEW,
        filename="n\udcff\n名.py",
        message="\udcff \x1b[31m",
        help="\N{GREEK SMALL LETTER PI}",
        related=(Related("n\udcff.py", Position(1, 1), Position(1, 1), "\udcfe"),),
    )
    with open(tmp_path / "out", "w", encoding="ascii", errors="backslashreplace") as stream:
        render(Report([odd], files=1), format, stream)
    if format in ("full", "concise", "html", "junit"):
        assert b"\x1b" not in (tmp_path / "out").read_bytes()


class TestSummary:
    def said(self, *findings: Finding, **options) -> str:
        return " ".join(sentences(Report(findings, **{"files": 3, **options})))

    def test_counts(self):
        warning = replace(VIEW, level=Level.WARNING, fix=None)
        assert self.said(VIEW, VIEW, warning, ADVICE, ADVICE).startswith(
            "Found 2 errors, 1 warning and 2 pieces of advice in 1 of 3 files."
        )
        assert self.said(warning, files=1) == "Found 1 warning in 1 file."

    def test_nothing(self):
        assert self.said() == "No findings in 3 files."
        assert self.said(took_part=0) == "No findings in 3 files: none of them uses PyTorch."
        assert self.said(files=1, took_part=0) == "No findings in 1 file: it does not use PyTorch."
        assert self.said(fixed=2) == "Fixed 2 findings. No findings left in 3 files."

    def test_fixable(self):
        safe = replace(VIEW, fix=replace(VIEW.fix, applicability=Applicability.SAFE))
        assert self.said(safe).endswith("1 can be fixed with `--fix`.")
        assert self.said(safe, VIEW).endswith(
            "1 can be fixed with `--fix`, 1 more with `--unsafe-fixes`."
        )

    def test_verdicts(self):
        refuted = replace(VIEW, fix=None, verdict=Verdict("REFUTED", "no"))
        assert self.said(refuted) == (
            "No findings in 3 files. Running the code confirmed 0 and refuted 1."
        )
        assert "Found 1 piece of advice" in self.said(refuted, ADVICE)


class TestTakenBack:
    """A finding that running the code refuted stands in no list of faults."""

    report = Report([replace(VIEW, fix=None, verdict=Verdict("REFUTED", "no pair mixes"))], files=1)

    def written(self, format_: str) -> str:
        stream = io.StringIO()
        render(self.report, format_, stream)
        return stream.getvalue()

    def test_it_is_left_out_where_a_format_has_no_state_for_it(self):
        assert self.written("github") == "" and json.loads(self.written("gitlab")) == []

    def test_it_is_suppressed_in_sarif_and_skipped_in_junit(self):
        (result,) = json.loads(self.written("sarif"))["runs"][0]["results"]
        assert result["suppressions"][0]["justification"] == "no pair mixes"
        assert result["properties"]["verdict"]["status"] == "REFUTED"
        suites = ElementTree.fromstring(self.written("junit"))
        assert suites.get("failures") == "0" and suites.get("skipped") == "1"
        assert "Refuted: no pair mixes" in suites.find(".//skipped").get("message")

    def test_a_line_says_so(self):
        assert "[refuted]" in self.written("concise").splitlines()[0]
