"""Whatever a folder holds: one clear line for what cannot be linted, and the run goes on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from training_scripts import SEEDED, UNSEEDED

from nnlint.cli import run as cli
from nnlint.config import FORMATS, Config
from nnlint.engine import Linter, lint
from nnlint.finding import Level
from nnlint.source.reading import LARGEST

NO_ENCODING = (
    "no encoding of source code"
    if sys.version_info < (3, 14)
    else "invalid or missing encoding declaration"
)
"""What is said of a codec that is none of texts: from 3.14 on Python says it by itself."""


def run(tmp_path: Path, *names: str, **options):
    """Lint a folder, or files in it."""
    paths = [str(tmp_path / name) for name in names] or [str(tmp_path)]
    return lint(paths, Config(), **{"jobs": 1, "use_cache": False, **options})


def told(result) -> list[tuple[str, str, int, int]]:
    """File name, code, row and column of each finding."""
    return [(Path(f.filename).name, f.code, *f.start) for f in result.findings]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python can read them")
@pytest.mark.parametrize(
    ("code", "newer"),
    [
        ('print(f"{settings["epochs"]}")', True),
        ("print(f'{settings['epochs']:>{settings['width']}}')", True),
        ('print(f"{chr(10).join(["\\n"])}")', True),
        ("print(f'{settings\n}')", True),
        ("print(f\"{style('on' if True else 'off',\n      bold=True)} now\")", True),
        ("print(f'{settings}\n')", False),
        ("print(f'{settings\n')", False),
        ("print(f'epoch {{\n}}')", False),
        ("def show[T](settings: T) -> T: ...", True),
        ("type Pair = tuple[int, int]", True),
        ('print(f"{settings[")', False),
        ('print(f"{settings epochs}")', False),
        ("print(f\"{settings['epochs'}\")", False),
        ("print 'a'", False),
        ("type Pair tuple", False),
    ],
)
def test_syntax_of_a_newer_python_is_no_error_of_the_author(tmp_path, code, newer):
    (tmp_path / "a.py").write_text(f"import torch\n{code}\n", encoding="utf-8")
    (found,) = run(tmp_path).findings
    assert (found.code, found.level) == ("NN001", Level.WARNING if newer else Level.ERROR)
    assert ("takes a newer Python" in found.message) == newer


@pytest.mark.parametrize(
    ("content", "code", "row", "column", "message"),
    [
        (b"import torch\ndef f(:\n", "NN001", 2, 7, "invalid syntax (Python 3."),
        (b"import torch\rdef f(:\r", "NN001", 2, 7, "invalid syntax"),
        (b"import torch\r\n\r\ndef f(:\r\n", "NN001", 3, 7, "invalid syntax"),
        (b"import torch\n\x0c\ndef f(:\n", "NN001", 3, 7, "invalid syntax"),
        (b"import torch\n  x = 1\n", "NN001", 2, 2, "unexpected indent"),
        (b"import torch\nif 1:\n\tx = 1\n        y = 2\n", "NN001", 4, 1, "tabs and spaces"),
        (b"import torch\nx = '''abc\n", "NN001", 2, 5, "unterminated"),
        (b"import torch\nprint 'a'\n", "NN001", 2, 1, "Missing parentheses"),
        (b"import torch\nx = " + b"9" * 10_000, "NN001", 2, None, "digits"),
        (b"import torch\nx = '\xff'\n", "NN002", 2, 1, "no valid utf-8: byte 0xff"),
        (b"import torch\nx = '\xed\xa0\x80'\n", "NN002", 2, 1, "no valid utf-8: byte 0xed"),
        (b"# coding: ascii\nimport torch\nx = '\xc3\xa9'\n", "NN002", 3, 1, "no valid ascii"),
        (b"# coding: utf-9\nimport torch\n", "NN002", 1, 1, "unknown encoding"),
        (b"# coding: hex\nimport torch\n", "NN002", 1, 1, "not a text encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\nimport torch\n", "NN002", 1, 1, "encoding"),
        (b"\x7fELF\x00\x01", "NN002", 1, 1, "binary"),
        ("import torch\n".encode("utf-16"), "NN002", 1, 1, "binary"),
        (b"import torch\n" + b"#" * LARGEST, "NN002", 1, 1, "larger than"),
        (b"# coding: punycode\nimport torch\n", "NN002", 1, 1, NO_ENCODING),
        (b"# coding: idna\nimport torch\n", "NN002", 1, 1, "no encoding of source code"),
        (b"# coding: undefined\nimport torch\n", "NN002", 1, 1, "unusable"),
        (b"# coding: utf-16\nimport torch\n", "NN002", 1, 1, NO_ENCODING),
        (b"# coding: cp500\nimport torch\n", "NN002", 1, 1, "no encoding of source code"),
        (b"# coding: rot13\nimport torch\n", "NN002", 1, 1, "not a text encoding"),
        (b"# coding: utf-7\nimport torch\nx = '+\n", "NN002", 3, 1, "no valid utf-7"),
        (
            b"# coding: raw_unicode_escape\nimport torch\nx = '\\u12'\n",
            "NN002",
            3,
            1,
            "no valid raw_unicode_escape",
        ),
        (
            b"# coding: raw_unicode_escape\nimport torch\nx = '\\ud800'\n",
            "NN001",
            1,
            1,
            "cannot be parsed",
        ),
        (b"# coding: unicode_escape\nimport torch\nx = '\\0'\n", "NN001", 1, 1, "null bytes"),
    ],
)
def test_one_line_says_why_a_file_cannot_be_linted(tmp_path, content, code, row, column, message):
    (tmp_path / "bad.py").write_bytes(content)
    (tmp_path / "train.py").write_text(UNSEEDED)
    result = run(tmp_path)
    bad, good = result.findings
    assert (bad.code, bad.start.row, good.code) == (code, row, "NN101")
    assert column in (bad.start.column, None)
    assert message in bad.message and "\n" not in bad.message
    assert not result.failed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" + UNSEEDED.encode(),
        b"\xef\xbb\xbf# coding: utf-8\n" + UNSEEDED.encode(),
        UNSEEDED.replace("\n", "\r\n").encode(),
        UNSEEDED.replace("\n", "\r").encode(),
        UNSEEDED.replace("    ", "\t").encode(),
        UNSEEDED.replace("\nfor", "\n\x0c\nfor").encode(),
        UNSEEDED.rstrip().encode(),
        b"# coding: latin-1\nname = '\xe9'\n" + UNSEEDED.encode(),
        b"#!/usr/bin/python\n# -*- coding: shift_jis -*-\n" + UNSEEDED.encode("shift_jis"),
        UNSEEDED.encode() + b"text = '''" + b"\\n" * 100 + b"'''\n",
    ],
)
def test_unusual_but_valid_files(tmp_path, content):
    (tmp_path / "train.py").write_bytes(content)
    result = run(tmp_path)
    assert [f.code for f in result.findings] == (["NN101"] if b"torch" in content else [])


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\x00", b"\\u2028", b"\\x0c", b"\\x85"])
def test_comments_in_text_that_no_encoding_gives(tmp_path, escape):
    comment = b"x = 1  # nnlint: ignore[NN301] " + escape + b"\n"
    (tmp_path / "odd.py").write_bytes(b"# coding: unicode_escape\n" + comment)
    (tmp_path / "train.py").write_text(UNSEEDED)
    result = run(tmp_path)
    assert ("train.py", "NN101", 5, 9) in told(result) and not result.failed


HEAD = "import torch\nfrom torch import nn\nlayer = nn.Linear(2, 2)\n"
NESTED = {
    "parentheses": HEAD + "x = " + "(" * 1000 + "1" + ")" * 1000,
    "lists": HEAD + "x = " + "[" * 1000 + "]" * 1000,
    "calls": HEAD + "x = " + "layer(" * 1000 + "y" + ")" * 1000,
    "calls that parse": HEAD + "x = " + "layer(" * 90 + "y" + ")" * 90,
    "blocks": HEAD + "".join("    " * i + "if x:\n" for i in range(1000)) + "    " * 1000 + "pass",
    "blocks that parse": HEAD + "".join(" " * i + "if x:\n" for i in range(90)) + " " * 90 + "pass",
    "functions": HEAD + "".join(" " * i + f"def f{i}():\n" for i in range(95)) + " " * 95 + "pass",
    "attributes": HEAD + "x = a" + ".b" * 1000,
    "methods": HEAD + "x = layer(y)" + ".relu()" * 1000,
    "subscripts": HEAD + "x = a" + "[0]" * 1000,
    "sums": HEAD + "x = " + " + ".join(["layer(y)"] * 1000),
    "sums that do not parse": HEAD + "x = " + " + ".join(["layer(y)"] * 20_000),
    "signs": HEAD + "x = " + "-" * 1000 + "1",
    "branches": HEAD + "if a:\n    pass\n" + "elif b:\n    layer(a)\n" * 1000,
    "conditions": HEAD + "x = " + "1 if a else " * 1000 + "2",
    "lambdas": HEAD + "x = " + "lambda: " * 1000 + "1",
    "comparisons": HEAD + "x = " + " < ".join(["a"] * 1000),
    "strings": HEAD + "x = " + " ".join(["'a'"] * 10_000),
    "recursion": HEAD + "def f(x):\n    return f(layer(x))\nf(1)\n",
    "classes": HEAD
    + "".join(f"class A{i}(A{i - 1} if {i} else nn.Module):\n    pass\n" for i in range(1000)),
    "bases": HEAD + "class A(A):\n    pass\nclass B(C):\n    pass\nclass C(B):\n    pass\nB()(1)\n",
    "models": HEAD + "m = layer\n" + "m = nn.Sequential(m, m)\n" * 40 + "m(y)\n",
}


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting(tmp_path, kind):
    (tmp_path / "deep.py").write_text(NESTED[kind] + "\n")
    (tmp_path / "train.py").write_text(UNSEEDED)
    started = time.process_time()
    result = run(tmp_path)
    assert time.process_time() - started < 20
    *deep, last = told(result)
    assert last[:2] == ("train.py", "NN101")
    assert {code for _, code, _, _ in deep} <= {"NN001"}


@pytest.mark.parametrize(
    ("head", "unit", "tail", "size"),
    [
        ("x = [", "0.123456, ", "]\n", 5_000_000),
        ("x = '''", "text ", "'''\n", 5_000_000),
        ("", "def f(x):\n    return torch.relu(x)\n", "", 1_000_000),
        ("", "value = torch.zeros(3)  # noqa: NN301\n", "", 500_000),
    ],
)
def test_large_generated_files(tmp_path, head, unit, tail, size):
    text = HEAD + head + unit * (size // len(unit)) + tail
    (tmp_path / "big.py").write_text(text)
    started = time.process_time()
    assert not run(tmp_path).findings
    assert time.process_time() - started < 20


class TestFolders:
    def test_links_that_lead_back(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a/train.py").write_text(UNSEEDED)
        (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "a/self").symlink_to(tmp_path / "a", target_is_directory=True)
        (tmp_path / "again.py").symlink_to(tmp_path / "a/train.py")
        (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
        (tmp_path / ".#train.py").symlink_to("user@host.1234:1700000000")
        result = run(tmp_path)
        assert not result.failed and len(result.findings) == len(result.files) == 1

    def test_folders_that_link_each_other(self, tmp_path):
        for i in range(12):
            (tmp_path / f"f{i}").mkdir()
        for i in range(12):
            (tmp_path / f"f{i}/train.py").write_text(UNSEEDED)
            for j in range(12):
                (tmp_path / f"f{i}/to{j}").symlink_to(tmp_path / f"f{j}", target_is_directory=True)
        result = run(tmp_path)
        assert [Path(f).parent.name for f in result.files] == sorted(f"f{i}" for i in range(12))

    def test_what_is_no_regular_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.py")
        (tmp_path / "folder.py").mkdir()
        (tmp_path / "folder.py/train.py").write_text(UNSEEDED)
        assert told(run(tmp_path)) == [("train.py", "NN101", 5, 9), ("pipe.py", "NN002", 1, 1)]

    def test_what_may_not_be_read(self):
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        # root may read everything, so the run goes on as somebody else once all is loaded
        program = (
            "import os, sys; from nnlint.cli import run\n"
            "run(['train.py', '-q', '--no-cache', '--output-format=json', '--output-file=/dev/null'])\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            "sys.exit(run(['--output-format', 'json']))"
        )
        try:
            (folder / "train.py").write_text(UNSEEDED)
            (folder / "closed").mkdir(mode=0)
            (folder / "secret.py").write_text(UNSEEDED)
            (folder / "secret.py").chmod(0)
            result = subprocess.run(
                [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True
            )
            findings = {f["filename"]: f for f in json.loads(result.stdout)}
            assert result.returncode == 1
            assert findings["train.py"]["code"] == "NN101"
            for name, kind in (("closed", "folder"), ("secret.py", "file")):
                assert findings[name]["code"] == "NN002"
                assert findings[name]["message"] == f"the {kind} cannot be read: Permission denied"
        finally:
            (folder / "closed").chmod(0o700)
            shutil.rmtree(folder)

    def test_files_that_vanish(self, tmp_path):
        for name in ("a.py", "b.py", "train.py"):
            (tmp_path / name).write_text(UNSEEDED)
        linter = Linter(lambda folder: Config())
        found = linter.discover([str(tmp_path), str(tmp_path / "a.py")])
        for name in ("a.py", "b.py"):
            (tmp_path / name).unlink()
        result = linter.run(found)
        assert told(result) == [("train.py", "NN101", 5, 9)] and not result.failed

    def test_folders_that_vanish(self, tmp_path, monkeypatch):
        (tmp_path / "train.py").write_text(UNSEEDED)
        (tmp_path / "gone").mkdir()
        scandir = os.scandir

        def vanishing(path):
            if Path(path).name == "gone":
                os.rmdir(path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", vanishing)
        assert told(run(tmp_path)) == [("train.py", "NN101", 5, 9)]

    def test_the_current_folder_is_gone(self, tmp_path):
        (tmp_path / "here").mkdir()
        program = "import os; os.rmdir('../here'); from nnlint.cli import main; main(['.'])"
        result = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path / "here", capture_output=True, text=True
        )
        assert result.returncode == 2 and "Traceback" not in result.stderr

    def test_names_that_are_no_text(self, tmp_path):
        name = os.fsdecode(b"tr\xff\n\x1b[31min.py")
        (tmp_path / name).write_text(UNSEEDED)
        result = subprocess.run([sys.executable, "-m", "nnlint"], cwd=tmp_path, capture_output=True)
        assert (result.returncode, result.stderr) == (1, b"")
        assert b"NN101" in result.stdout and b"\x1b" not in result.stdout
        assert run(tmp_path, use_cache=True, cache_dir=tmp_path / "c").findings
        assert run(tmp_path, use_cache=True, cache_dir=tmp_path / "c").findings


class TestIgnoreFiles:
    def lint(self, tmp_path) -> tuple[list[str], list[str]]:
        (tmp_path / "train.py").write_text(UNSEEDED)
        (tmp_path / "left.py").write_text(UNSEEDED)
        linter = Linter(lambda folder: Config())
        found = linter.discover([str(tmp_path), str(tmp_path)])
        names = [Path(f.filename).name for f in linter.run(found).findings]
        return names, [r.removeprefix(str(tmp_path)) for r in found.remarks]

    @pytest.mark.parametrize("pattern", ["[z-a]", "a[z-a]b/", "!/[b-a]*", "x\\"])
    @pytest.mark.parametrize("place", [".gitignore", ".git/info/exclude"])
    def test_a_pattern_that_means_nothing_is_left_out(self, tmp_path, pattern, place):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# all but one\n{pattern}\nleft.*\n")
        names, (remark,) = self.lint(tmp_path)
        assert names == ["train.py"]
        assert remark.startswith(f"/{place}:2: `{pattern}` is no pattern and left out: ")

    def test_a_file_that_would_be_waited_for_or_never_ends(self, tmp_path):
        ignore = tmp_path / ".gitignore"
        os.mkfifo(ignore)
        expected = ["left.py", "train.py"], ["/.gitignore is not used: this is no regular file"]
        assert self.lint(tmp_path) == expected
        ignore.unlink()
        for device in ("/dev/zero", "/dev/tty", "/dev/stdin"):
            ignore.symlink_to(device)
            assert self.lint(tmp_path)[0] == expected[0]
            ignore.unlink()
        ignore.mkdir()
        assert self.lint(tmp_path) == expected

    def test_it_is_told_once(self, tmp_path, capfd):
        (tmp_path / "train.py").write_text(SEEDED)
        (tmp_path / ".gitignore").write_text("[z-a]\n")
        assert cli(["-n", "-q", str(tmp_path), str(tmp_path / "train.py"), "--force-exclude"]) == 0
        assert capfd.readouterr().err.count("[z-a]") == 1


DEEP = "x = " + "[" * 3000 + "]" * 3000
LONG = "\nx = " + "9" * 5000


class TestConfiguration:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                'exclude = ["[z-a]"]',
                "`exclude`: `[z-a]` is no pattern of files: bad character range",
            ),
            ('[per-file-ignores]\n"[z-a]" = []', "`per-file-ignores`: `[z-a]` is no pattern"),
            (DEEP, "is nested too deeply to be read"),
            (LONG, "a number in line 2 has more digits than Python reads"),
            ("\udcff = 1", "is no valid TOML"),
            ('select = ["NN9"]', "unknown rule selector `NN9`"),
        ],
    )
    @pytest.mark.parametrize("name", ["nnlint.toml", "pyproject.toml"])
    def test_what_cannot_be_used(self, tmp_path, text, message, name, capfd):
        if name == "pyproject.toml":
            text = f"[tool.nnlint]\n{text}".replace("[per-file", "[tool.nnlint.per-file")
            message = message.replace("line 2", "line 3")
        for folder in (tmp_path, tmp_path / "sub"):
            folder.mkdir(exist_ok=True)
            (folder / f"train_{len(folder.parts)}.py").write_text(UNSEEDED)
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        options = ["-n", "-q", "--output-format", "concise"]
        assert cli([*options, str(tmp_path)]) == 2
        out, err = capfd.readouterr()
        assert out == "" and message in err and len(err.splitlines()) == 1
        # in a folder below, it is a finding, and the rest is linted
        (tmp_path / name).unlink()
        assert cli([*options, str(tmp_path)]) == 2
        out, err = capfd.readouterr()
        assert err == "" and out.count("NN006") == 1 and message in out
        # the files are alike: within one project they are told once
        assert out.count("NN101") == (2 if name == "pyproject.toml" else 1)

    @pytest.mark.parametrize("option", ["--exclude", "--per-file-ignores"])
    def test_options(self, tmp_path, option, capfd):
        (tmp_path / "train.py").write_text(UNSEEDED)
        assert cli(["-n", str(tmp_path), option, "[z-a]:NN101"]) == 2
        assert f"error: {option}: `[z-a]" in capfd.readouterr().err

    def test_a_file_that_would_be_waited_for_or_never_ends(self, tmp_path, capfd):
        (tmp_path / "train.py").write_text(UNSEEDED)
        os.mkfifo(tmp_path / "pipe")
        for place in (str(tmp_path / "pipe"), "/dev/zero", str(tmp_path)):
            for option in ("--config", "--baseline"):
                assert cli(["-n", option, place, str(tmp_path / "train.py")]) == 2
        # what the project names is no better
        (tmp_path / "nnlint.toml").write_text('baseline = "/dev/zero"')
        assert cli(["-n", str(tmp_path)]) == 2
        assert "Traceback" not in capfd.readouterr().err


class TestBaselines:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff",
            b"{}",
            b"[3]",
            b"[[]]",
            b'["text"]',
            b'[{"filename": "a"}]',
            b'[{"filename": [], "code": {}, "message": 3}]',
            b"[" * 100_000,
            b"[" + b"9" * 10_000 + b"]",
        ],
    )
    def test_what_is_none(self, tmp_path, content, capfd):
        (tmp_path / "train.py").write_text(UNSEEDED)
        (tmp_path / "known.json").write_bytes(content)
        assert cli(["-n", str(tmp_path), "--baseline", str(tmp_path / "known.json")]) == 2
        err = capfd.readouterr().err
        assert "known.json: is no baseline: " in err and len(err.splitlines()) == 1

    def test_names_that_are_no_text(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        Path(os.fsdecode(b"tr\xff\nain.py")).write_text(UNSEEDED)
        known = os.fsdecode(b"kno\xfen.json")
        assert cli(["-n", "-q", "--write-baseline", known]) == 0
        assert cli(["-n", "-q", "--baseline", known]) == 0
        capfd.readouterr()


@pytest.mark.parametrize("format", FORMATS)
def test_reports_on_names_that_are_no_text(tmp_path, monkeypatch, format, capfd):
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(b"tr\xff\nain.py")).write_text(UNSEEDED)
    report = os.fsdecode(b"rep\xfert")
    for _ in range(2):
        assert cli(["-q", "--output-format", format, "-o", report]) == 1
        assert cli(["-q", "--output-format", format]) == 1
    Path(report).read_text(encoding="utf-8")
    assert capfd.readouterr().err == ""


def test_paths_that_are_no_files(tmp_path, capfd):
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.py"))
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "train.py").write_text("import pipe, socket, device\n" + UNSEEDED)
    result = run(tmp_path, "pipe.py", "socket.py", "device.py", "train.py")
    names = ["device.py", "pipe.py", "socket.py"]
    assert told(result) == [*((n, "NN002", 1, 1) for n in names), ("train.py", "NN101", 6, 9)]
    assert not result.failed
    for _ in range(2):
        assert run(tmp_path, use_cache=True, cache_dir=tmp_path / "cache") == run(tmp_path)


class TestNotebooks:
    @pytest.mark.parametrize(
        ("content", "row", "message"),
        [
            (b"", 1, "no valid JSON"),
            (b'{"cells": [\n1,\n}', 3, "no valid JSON"),
            (b"\xff\xfe", 1, "no valid UTF-8"),
            (b"[1]", 1, "no JSON object"),
            (b"{}", 1, "does not have the form"),
            (b'{"cells": "import torch"}', 1, "does not have the form"),
            (b'{"cells": [{"cell_type": "code", "source": 3}]}', 1, "does not have the form"),
            (b'{"cells": [{"cell_type": "code"}], "metadata": 3}', 1, "does not have the form"),
            (b'{"cells": ' + b"[" * 100_000, 1, "nested too deeply"),
            (b'{"cells": [],\n"x": ' + b"9" * 10_000 + b"}", 2, "more digits than Python reads"),
        ],
    )
    def test_broken(self, tmp_path, content, row, message):
        (tmp_path / "a.ipynb").write_bytes(content)
        result = run(tmp_path, "a.ipynb")
        assert told(result) == [("a.ipynb", "NN003", row, result.findings[0].start.column)]
        assert message in result.findings[0].message and not result.failed

    @pytest.mark.parametrize("tail", ["(" * 5000, "-" * 100_000 + "1", "[" * 300])
    def test_nesting_behind_a_command(self, tmp_path, tail):
        cell = {"cell_type": "code", "source": f"import torch\nrun x {tail}\n"}
        (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
        result = run(tmp_path)
        assert not result.findings and not result.failed

    def test_of_another_language(self, tmp_path):
        cell = {"cell_type": "code", "source": ["import torch\n", "x <- function(a) {"]}
        for metadata in ({"kernelspec": {"language": "R"}}, {"language_info": {"name": "julia"}}):
            notebook = {"cells": [cell], "metadata": metadata, "nbformat": 4}
            (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
            assert not run(tmp_path).findings

    def test_commands_without_a_percent_sign(self, tmp_path):
        commands = "pip install torch\nls data/*.png\n%cd ..\ntime train()\n"
        paths = "mkdir '/kaggle/working/out'\ncd \"My Drive/runs\"\ncd ..\nls *\ncat $name\n"
        python = "run = time = 3\ntime -run\nrun in (time, 4)\ncat = 'a'\ncat * 2\n"
        cells = [commands + paths, UNSEEDED, python]
        notebook = {
            "cells": [
                {"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells
            ]
        }
        (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
        (finding,) = run(tmp_path).findings
        assert (finding.code, finding.cell) == ("NN101", 2)

    def test_a_mistake_is_no_command(self, tmp_path):
        cell = {"cell_type": "code", "source": ["import torch\n", "mkdir = 'a' 3\n", "x = cd '..'"]}
        (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
        (finding,) = run(tmp_path).findings
        assert finding.name == "syntax-error"

    def test_of_the_old_format(self, tmp_path):
        cell = {"cell_type": "code", "input": UNSEEDED.splitlines(keepends=True)}
        notebook = {"worksheets": [{"cells": [cell]}], "nbformat": 3}
        (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
        (finding,) = run(tmp_path).findings
        assert (finding.code, finding.cell, finding.start.row) == ("NN101", 1, 5)


class TestCache:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"broken",
            b"\xff\x00",
            b"[]",
            b"[1, 2, 3]",
            b"{}",
            b"[{}, [], {}]",
            b'[{}, [], {"x": 3}]',
            b"[" * 100_000,
            pytest.param(None, id="cut off"),
        ],
    )
    def test_broken(self, tmp_path, content):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text(UNSEEDED)
        options = {"use_cache": True, "cache_dir": tmp_path / "cache"}
        first = run(tmp_path, "src", **options)
        (file,) = (tmp_path / "cache/.nnlint_cache").glob("*.json")
        whole = file.read_bytes()
        file.write_bytes(whole[:-20] if content is None else content)
        assert run(tmp_path, "src", **options) == first
        assert json.loads(file.read_bytes()) == json.loads(whole)

    def test_wrong_in_detail(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text(UNSEEDED)
        options = {"use_cache": True, "cache_dir": tmp_path / "cache"}
        first = run(tmp_path, "src", **options)
        (file,) = (tmp_path / "cache/.nnlint_cache").glob("*.json")
        whole = file.read_text()
        for wrong in ('"error-level"', "3", "null", "[]", "{}"):
            file.write_text(whole.replace('"warning"', wrong))
            assert run(tmp_path, "src", **options) == first
        stamps, consulted, results, answers = json.loads(whole)
        for path in results:
            results[path][1] = [99]
        file.write_text(json.dumps([stamps, consulted, results, answers]))
        assert run(tmp_path, "src", **options) == first

    def test_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "train.py").write_text(UNSEEDED)
        (tmp_path / "cache").write_text("a file")
        result = run(tmp_path, "train.py", use_cache=True, cache_dir=tmp_path / "cache")
        assert told(result) == [("train.py", "NN101", 5, 9)]
        assert (tmp_path / "cache").read_text() == "a file"

    def test_disk_that_is_full(self, tmp_path, monkeypatch):
        (tmp_path / "train.py").write_text(UNSEEDED)

        def full(*arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        result = run(tmp_path, "train.py", use_cache=True, cache_dir=tmp_path / "cache")
        assert told(result) == [("train.py", "NN101", 5, 9)]
        assert not list((tmp_path / "cache/.nnlint_cache").glob("*.part"))

    def test_file_changed_while_it_was_linted(self, tmp_path, monkeypatch):
        from nnlint import checking

        (tmp_path / "src").mkdir()
        train = tmp_path / "src/train.py"
        train.write_text(UNSEEDED)
        real = checking.check_file

        def edited(*arguments):
            result = real(*arguments)
            train.write_text(SEEDED)
            return result

        monkeypatch.setattr(checking, "check_file", edited)
        options = {"use_cache": True, "cache_dir": tmp_path / "cache"}
        assert told(run(tmp_path, "src", **options)) == [("train.py", "NN101", 5, 9)]
        monkeypatch.setattr(checking, "check_file", real)
        assert not run(tmp_path, "src", **options).findings


@pytest.mark.parametrize(
    "head",
    [
        b"import torch\n",
        b"\xef\xbb\xbfimport torch\n",
        b"import os; import torch\n",
        b"import os\rimport torch\r",
        b"if True:\n\timport os, torch\n",
        b"from torch import (\n    nn,\n)\n",
        b"import numpy as np, torch.nn as nn\n",
    ],
)
def test_every_way_to_import_pytorch_is_seen(tmp_path, head):
    (tmp_path / "train.py").write_bytes(head)
    assert run(tmp_path).took_part == 1


@pytest.mark.parametrize(
    "head", [b"import torchy\n", b"# import torch\n", b"x = 'import torch'\n", b"import a.torch_\n"]
)
def test_what_only_looks_like_it_is_not(tmp_path, head):
    (tmp_path / "train.py").write_bytes(head)
    assert run(tmp_path).took_part == 0
