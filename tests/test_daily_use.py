"""Options of daily use: ignoring, fixing, lines that have changed, watching."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_scripts import DECAY, HEAD, HEADED, MIXED, SEEDED, UNSEEDED

from nnlint.cli import run
from nnlint.cli.options import GROUPS
from nnlint.finding import Position
from nnlint.ignoring import commented
from nnlint.silence import tool_finding


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own, away from settings of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLINT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path.parent / "no-config"))
    return tmp_path


def nnlint(capfd, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a run in this process."""
    status = run(["--no-cache", *arguments])
    return status, *capfd.readouterr()


def concise(capfd, *arguments: str) -> list[str]:
    """`file:row code` of each finding."""
    out = nnlint(capfd, "--output-format", "concise", *arguments)[1]
    found = re.findall(r"^(.+?:\d+):\d+: (NN\d+) ", out, re.MULTILINE)
    return [f"{place} {code}" for place, code in found]


def write(**files: str) -> None:
    for name, text in files.items():
        Path(f"{name}.py").write_text(text, encoding="utf-8")


def git(*arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


class TestAddIgnore:
    def test_findings_are_ignored_from_then_on(self, capfd):
        write(a=UNSEEDED, b=MIXED, c=SEEDED)
        status, out, err = nnlint(capfd, "--add-ignore", "--reason", "it is an example")
        assert (status, out) == (0, "")
        assert err == "2 findings in 2 files told to be ignored\n"
        comment = "  # nnlint: ignore[NN101] it is an example\n"
        assert Path("a.py").read_text() == UNSEEDED.replace("1)\n", f"1){comment}", 1)
        assert Path("c.py").read_text() == SEEDED
        assert concise(capfd) == []
        assert nnlint(capfd, "--add-ignore")[2] == "0 findings in 0 files told to be ignored\n"

    def test_a_comment_is_put_behind_others_and_added_to(self, capfd):
        old = "(8, 1)  # type: ignore  # nnlint: ignore[NN9] why  # more"
        write(
            a=UNSEEDED.replace("(8, 1)", old), b=UNSEEDED.replace("(8, 1)", "(8, 1)  # a model  ")
        )
        nnlint(capfd, "--add-ignore", "--reason", "no matter")
        assert (
            "# type: ignore  # nnlint: ignore[NN9, NN101] why  # more" in Path("a.py").read_text()
        )
        ending = "(8, 1)  # a model  # nnlint: ignore[NN101] no matter\n"
        assert ending in Path("b.py").read_text()

    def test_it_stands_where_the_statement_ends(self, capfd):
        write(
            a=UNSEEDED.replace(
                "nn.Linear(8, 1)", 'nn.Linear(\n    8,\n    1, """a\n"""[0:0] or None\n)'
            )
        )
        nnlint(capfd, "--add-ignore")
        assert '\n"""[0:0] or None\n)  # nnlint: ignore[NN101]\n' in Path("a.py").read_text()

    def test_of_a_notebook(self, capfd):
        first, second = UNSEEDED.split("\n\n")
        cells = [{"cell_type": "code", "source": text} for text in (first, second)]
        Path("a.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
        nnlint(capfd, "--add-ignore")
        made = json.loads(Path("a.ipynb").read_text())["cells"]
        assert made[0]["source"] == first
        assert "nn.Linear(8, 1)  # nnlint: ignore[NN101]\n" in made[1]["source"]
        assert concise(capfd) == []

    def test_what_is_known_or_not_selected_gets_none(self, capfd):
        write(a=UNSEEDED, b=MIXED)
        nnlint(capfd, "--write-baseline", "known.json", "a.py")
        nnlint(capfd, "--add-ignore", "--baseline", "known.json", "--ignore", "NN301")
        assert Path("a.py").read_text() == UNSEEDED and Path("b.py").read_text() == MIXED

    def test_within_a_string_there_is_no_place(self):
        text = 'x = """\nabc\n"""\ny = 1\n'
        finding = tool_finding("NN007", "a.py", "odd", Position(2, 1))
        good = tool_finding("NN007", "a.py", "odd", Position(4, 1))
        made, left = commented(text.encode(), "a.py", [finding, good])
        assert left == [finding]
        assert made.decode() == text.replace("1\n", "1  # nnlint: ignore[NN007]\n")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--reason", "x"], "--reason goes with --add-ignore"),
            (["--add-ignore", "--fix"], "--add-ignore does not go with --fix"),
            (["--add-ignore", "-"], "--add-ignore does not go with a file from stdin"),
            (
                ["--add-ignore", "--reason", "a\nb"],
                "--reason is to be one line of text without `#`",
            ),
            (
                ["--add-ignore", "--reason", "a # b"],
                "--reason is to be one line of text without `#`",
            ),
            (["--diff-base", "x", "--fix"], "--diff-base does not go with --fix"),
            (["--watch", "--diff"], "--watch does not go with --diff"),
        ],
    )
    def test_what_does_not_go_together_is_told(self, capfd, arguments, message):
        write(a=UNSEEDED)
        assert nnlint(capfd, *arguments) == (2, "", f"error: {message}\n")
        assert Path("a.py").read_text() == UNSEEDED

    def test_what_cannot_be_changed_is_told(self, capfd):
        write(a=UNSEEDED)
        os.link("a.py", "b.txt")
        status, _, err = nnlint(capfd, "--add-ignore")
        assert status == 2 and err.startswith("error: a.py is not changed: ")


class TestFixes:
    def test_fix_only_reports_nothing(self, capfd):
        write(a=UNSEEDED, b=DECAY)
        assert nnlint(capfd, "--fix-only", "--unsafe-fixes") == (0, "", "")
        assert "manual_seed" in Path("a.py").read_text()

    @pytest.mark.parametrize(("options", "status"), [([], 0), (["--exit-non-zero-on-fix"], 1)])
    def test_exit_non_zero_on_fix(self, capfd, options, status):
        for extra in ([], ["--fix-only"]):
            write(a=UNSEEDED)
            assert nnlint(capfd, "--fix", "--unsafe-fixes", *extra, *options)[0] == status
        assert nnlint(capfd, "--fix", *options)[0] == 0

    def test_show_fixes(self, capfd):
        write(a=UNSEEDED, b=MIXED)
        err = nnlint(capfd, "--fix", "--unsafe-fixes", "--show-fixes")[2]
        assert err.splitlines() == [
            "Fixed 2 findings:",
            "- a.py:",
            "    1 × NN101 (missing-seed)",
            "- b.py:",
            "    1 × NN301 (view-mixes-batch)",
        ]

    @pytest.mark.parametrize(
        "options",
        [
            ["--unfixable", "NN101"],
            ["--fixable", "NN3"],
            ["--unfixable", "ALL", "--fixable", "NN301"],
            ["--config", "unfixable = ['missing-seed']"],
        ],
    )
    def test_fixes_that_are_not_wanted(self, capfd, options):
        write(a=UNSEEDED, b=MIXED)
        out = nnlint(capfd, "--output-format", "concise", *options)[1]
        assert "NN101 missing-seed" in out and "NN301 [*] view" in out
        nnlint(capfd, "--fix-only", "--unsafe-fixes", *options)
        assert Path("a.py").read_text() == UNSEEDED and Path("b.py").read_text() != MIXED


class TestDiffBase:
    @pytest.fixture(autouse=True)
    def repository(self):
        git("init", "--quiet", "--initial-branch", "main")
        write(a=UNSEEDED, b=MIXED)
        git("add", ".")
        git("commit", "--quiet", "-m", "first")

    def test_only_what_has_changed_is_reported(self, capfd):
        assert concise(capfd, "--diff-base", "HEAD") == []
        write(a="# changed\n" + UNSEEDED)
        assert concise(capfd, "--diff-base", "HEAD") == []
        write(a=UNSEEDED.replace("(8, 1)", "(8, 1, True)"), new=DECAY)
        assert concise(capfd, "--diff-base", "HEAD") == ["a.py:5 NN101", "new.py:5 NN601"]
        assert len(concise(capfd)) == 3

    def test_it_is_the_same_from_a_folder_below(self, capfd, monkeypatch):
        Path("sub").mkdir()
        git("mv", "b.py", "sub/b.py")
        git("commit", "--quiet", "-m", "moved")
        Path("sub/b.py").write_text(MIXED.replace("Encoder", "Decoder"))
        monkeypatch.chdir("sub")
        assert concise(capfd, "--diff-base", "HEAD~1") == []
        Path("b.py").write_text(MIXED.replace("(T, B, C)", "( T, B, C)"))
        assert concise(capfd, "--diff-base", "HEAD~1", "..") == ["../sub/b.py:7 NN301"]

    def test_what_the_other_branch_changed_is_not_meant(self, capfd):
        git("checkout", "--quiet", "-b", "work")
        write(new=DECAY)
        git("add", ".")
        git("commit", "--quiet", "-m", "work")
        git("checkout", "--quiet", "main")
        write(a=SEEDED, b=MIXED.replace("(T, B, C)", "(T, B,  C)"))
        git("commit", "--quiet", "-a", "-m", "mended")
        git("checkout", "--quiet", "work")
        assert concise(capfd, "--diff-base", "main") == ["new.py:5 NN601"]

    def test_a_related_place_counts(self, capfd):
        write(head=HEAD.replace("return x.softmax(dim=-1)", "return x"), train=HEADED)
        git("add", ".")
        git("commit", "--quiet", "-m", "second")
        write(head=HEAD)
        assert concise(capfd, "--diff-base", "HEAD") == ["train.py:8 NN401"]

    def test_of_a_notebook(self, capfd):
        first, second = UNSEEDED.split("\n\n")

        def notebook(*texts: str) -> None:
            cells = [{"cell_type": "code", "source": text} for text in texts]
            Path("n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}, indent=1))

        notebook(first, second)
        git("add", ".")
        git("commit", "--quiet", "-m", "notebook")
        notebook("import os", first, second)
        assert concise(capfd, "--diff-base", "HEAD", "n.ipynb") == []
        notebook(first, second.replace("(8, 1)", "(8, 1, True)"))
        out = nnlint(capfd, "--diff-base", "HEAD", "--output-format", "concise", "n.ipynb")[1]
        assert out.startswith("n.ipynb:cell 2:2:9: NN101")

    @pytest.mark.parametrize("revision", ["gone", "--help", ""])
    def test_no_revision(self, capfd, revision):
        status, out, err = nnlint(capfd, f"--diff-base={revision}")
        assert (status, out) == (2, "")
        assert err == f"error: --diff-base: git knows no revision `{revision}`\n"

    def test_no_repository_and_no_git(self, capfd, monkeypatch, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "a.py").write_text(UNSEEDED)
        status, _, err = nnlint(capfd, "--diff-base", "HEAD", str(elsewhere))
        assert status == 2 and err.startswith("error: --diff-base: ") and err.count("\n") == 1
        monkeypatch.setenv("PATH", "/nowhere")
        status, _, err = nnlint(capfd, "--diff-base", "HEAD")
        assert status == 2 and err.startswith("error: --diff-base needs git: ")


class TestReports:
    def test_concise_says_what_and_full_says_why(self, capfd):
        write(b=MIXED)
        line = nnlint(capfd, "--output-format", "concise")[1].splitlines()[0]
        full = nnlint(capfd, "--output-format", "full")[1]
        what = line.partition("view-mixes-batch: ")[2]
        assert f"view-mixes-batch: {what}: " in full.splitlines()[0]

    def test_every_option_of_the_help_has_a_group(self, capfd):
        run(["check", "--help"])
        out = capfd.readouterr().out
        titles = re.findall(r"^(\w[\w ]*):$", out, re.MULTILINE)
        assert titles == [*GROUPS, "Other"]
        assert (
            out.partition("\nOther:")[2].split() == "-h, --help Show this message and exit.".split()
        )


def test_watch_lints_again(folder):
    pytest.importorskip("watchfiles")
    write(a=UNSEEDED)
    command = [sys.executable, "-u", "-m", "nnlint", "--watch", "--output-format", "concise", "-n"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            seen = _until(process.stdout, "watching")
            assert any("NN101" in line for line in seen)
            time.sleep(1)
            write(a=SEEDED)
            assert any("No findings" in line for line in _until(process.stdout, "watching"))
            Path("nnlint.toml").write_text("nonsense = 1\n")
            assert any("unknown key" in line for line in _until(process.stdout, "watching"))
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()


def _until(stream, word: str) -> list[str]:
    seen = []
    for line in stream:
        seen.append(line)
        if word in line:
            break
    return seen
