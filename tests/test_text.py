"""What files hold is shown, and obeyed by no terminal, no log and no reader of reports."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from training_scripts import UNSEEDED

from nnlint.cli import run
from nnlint.config import FORMATS
from nnlint.finding import Finding, Level, Position, Related
from nnlint.report import Report, render
from nnlint.text import json_text, plain

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMMAND = re.compile(r"^\s*::(?:error|add-mask|stop-commands)\b[^\n]*::|##\[error\]", re.MULTILINE)
EVIL = "a\x1b[2J\x9b31m\x07\x7f\u202e\u2066\u200f\r\n::error file=x::boo\n##[error]b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loss = criterion(ŷ, y)  # 损失 🙂 é", "loss = criterion(ŷ, y)  # 损失 🙂 é"),
        ("a\tb", "a\tb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b\x7f\x00\x08", r"\x9b\x7f\x00\x08"),
        ("a\u202eb\u2066c\u200e\u061c", r"a\u202eb\u2066c\u200e\u061c"),
        ("a\r\nb\u2028c\u2029", r"a\r\nb\u2028c\u2029"),
        (os.fsdecode(b"\xff"), r"\udcff"),
        ("::error file=a.py,line=1::boo", r"\x3a:error file=a.py,line=1::boo"),
        ("  ::stop-commands::token", r"  \x3a:stop-commands::token"),
        ("##[error]boo", r"##\x5berror]boo"),
        ("::", "::"),
        (":: a sentence::", ":: a sentence::"),
        ("x[::2]", "x[::2]"),
        ("std::vector<int>::iterator", "std::vector<int>::iterator"),
    ],
)
def test_plain(text, shown):
    assert plain(text) == shown


def test_plain_lines():
    assert plain("a\n\x1bb\r\n::error::c\n", lines=True) == "a\n\\x1bb\\r\n\\x3a:error::c\n"


def test_json_means_the_same():
    value = {"name": [EVIL, os.fsdecode(b"\xff"), "损失"]}
    for indent in (None, 2):
        text = json_text(value, indent)
        assert not OBEYED.search(text) and json.loads(text) == value and "损失" in text


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(format):
    here = Position(1, 1)
    finding = Finding("NN001", "syntax-error", Level.ERROR, f"`{EVIL}`", f"{EVIL}.py", here, here)
    related = (Related("::error::b.py", here, here, EVIL),)
    finding = replace(finding, help=EVIL, explanation=EVIL, related=related)
    texts = {f"{EVIL}.py": EVIL.encode(), "::error::b.py": b"\x1b[2J\n"}
    stream = StringIO()
    render(Report([finding], files=1, texts=texts), format, stream)
    text = stream.getvalue()
    assert not OBEYED.search(text)
    if format == "github":
        (line,) = text.splitlines()
        assert line.startswith("::error file=a") and "%0A%3A%3Aerror" in line
    else:
        assert not COMMAND.search(re.sub(r"^ *\d+ \|.*", "", text, flags=re.MULTILINE))
    if format == "sarif":
        (result,) = json.loads(text)["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w.~%/-]+", uri)
    if format == "junit":
        ElementTree.fromstring(text)


class TestCommandLine:
    """In a folder whose files, names and settings are made to be obeyed."""

    NAMES = ("::error file=x::a.py", "b\n::error::c.py", "d\x1b[2J\u202e\x9b.py")

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in self.NAMES:
            Path(name).write_text(UNSEEDED)

    def said(self, capfd, *arguments: str) -> tuple[int, str, str]:
        status = run(["-n", *arguments])
        out, err = capfd.readouterr()
        for text in (out, err):
            assert not OBEYED.search(text) and not COMMAND.search(text)
        return status, out, err

    @pytest.mark.parametrize("format", [f for f in FORMATS if f != "github"])
    def test_findings(self, capfd, format):
        assert self.said(capfd, "--output-format", format)[0] == 1

    def test_show_files(self, capfd):
        assert self.said(capfd, "--show-files")[1].splitlines() == [
            r"\x3a:error file=x::a.py",
            r"b\n::error::c.py",
            r"d\x1b[2J\u202e\x9b.py",
        ]

    def test_show_settings(self, capfd):
        Path("nnlint.toml").write_text('exclude = ["\\u001b[2J\\u202e\\n::error::boo"]\n')
        status, out, _ = self.said(capfd, "--show-settings")
        assert status == 0 and r"\u001b[2J\u202e\n::error::boo" in out

    @pytest.mark.parametrize(
        "text",
        [
            '"a\\n::error::b\\u001b\\u202e" = 1',
            'select = ["NN\\u001b[2J\\u202e"]',
            'stage = "a\\n::error::b\\u009b"',
            'exclude = ["[z-a]\\n::error::\\u001b"]',
            '"\x1b\u202e',
            'baseline = "a\\n::error::b\\u001b"',
            '[per-file-ignores]\n"a" = ["\\u001b\\n::error::"]',
        ],
    )
    @pytest.mark.parametrize("place", [".", "sub"])
    def test_configuration_errors(self, capfd, text, place):
        Path(place).mkdir(exist_ok=True)
        Path(place, "nnlint.toml").write_text(text)
        Path(place, "train.py").write_text(UNSEEDED)
        status, _, _ = self.said(capfd, "--output-format", "concise")
        # the baseline is one of the run, and not of a folder
        assert status == (1 if place == "sub" and text.startswith("baseline") else 2)

    def test_diff(self, capfd):
        docstring = '"""\n::error::boo\n\x1b[2J\u202e\n"""\n'
        for name in self.NAMES:
            Path(name).write_text(UNSEEDED.replace("\nmodel =", f"\n{docstring}model ="))
        status, out, err = self.said(capfd, "--diff", "--unsafe-fixes")
        assert status == 1 and r"\x1b[2J\u202e" in out and r" \x3a:error::boo" in out
        assert err.count("it is no patch for this file") == 3
        # shown so, and mended without a trace of it
        run(["-n", "-q", "--fix", "--unsafe-fixes"])
        assert docstring in Path(self.NAMES[0]).read_text()

    def test_other_messages(self, capfd):
        Path(".gitignore").write_text("[z-a]\x1b[2J\u202e\n")
        self.said(capfd, "-v", "--write-baseline", "known\x1b\u202e.json")
        self.said(capfd, "--baseline", self.NAMES[0])
        self.said(capfd, "no\x1bwhere")
        self.said(capfd, "--config", "no\x1bwhere\u202e")
        self.said(capfd, "--select", "\x1b\u202e")
        self.said(capfd, "--stage", "\x1b\u202e")
        self.said(capfd, "--output-file", "no/\x1b\u202e/where")

    def test_faults_of_nnlint(self, capfd, monkeypatch):
        def fail(*arguments):
            raise LookupError(EVIL)

        with monkeypatch.context() as patches:
            patches.setattr("nnlint.engine.Linter.run", fail)
            assert self.said(capfd)[0] == 2
        monkeypatch.setattr("nnlint.checking.check_file", fail)
        assert self.said(capfd, "-v", "-j", "1", "--output-format", "concise")[0] == 2
