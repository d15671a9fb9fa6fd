"""The command line: options, commands, exit status, what goes to which stream."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from training_scripts import DECAY, MIXED, SEEDED, UNSEEDED

from nnlint import __version__
from nnlint.cli import commands, run
from nnlint.config import FORMATS, read_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own, away from settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "NNLINT_CACHE_DIR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return tmp_path


def nnlint(capfd, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a run in this process."""
    status = run([*arguments])
    return status, *capfd.readouterr()


def concise(output: str) -> list[str]:
    """`file:row code` of each finding of a concise report."""
    found = re.findall(r"^(.+?:\d+):\d+: (NN\d+) ", output, re.MULTILINE)
    return [f"{place} {code}" for place, code in found]


def process(*arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    """A run in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "nnlint", *arguments], capture_output=True, timeout=120, **options
    )


def write(**files: str) -> None:
    """Write Python files by their names without suffix; `__` separates folders."""
    for name, text in files.items():
        path = Path(name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class TestExitStatus:
    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ([], 1),
            (["--exit-zero"], 0),
            (["--fail-on", "never"], 0),
            (["--fail-on", "error"], 1),
            (["--select", "NN101"], 1),
            (["--select", "NN101", "--fail-on", "warning"], 1),
            (["--select", "NN101", "--fail-on", "error"], 0),
            (["--select", "NN601", "--fail-on", "advice"], 1),
            (["--select", "NN601", "--fail-on", "warning"], 0),
            (["--select", "NN501"], 0),
            (["--ignore", "ALL"], 0),
        ],
    )
    def test_findings(self, capfd, options, status):
        write(a=UNSEEDED, b=MIXED, c=DECAY)
        assert nnlint(capfd, "--no-cache", *options)[0] == status

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere"], "error: nowhere: no such file or directory"),
            (["--select", "NN999"], "unknown rule selector `NN999`"),
            (["--ignore", "mising-seed"], "did you mean `missing-seed`"),
            (["--statistic"], "--statistics"),
            (["--stage", "skeletn"], "skeleton"),
            (["--fail-on", "all"], "advice"),
            (["--config", "none.toml"], "none.toml"),
            (["--per-file-ignores", "NN101"], "is not PATTERN:RULES"),
            (["--exclude", "a\\"], "is no pattern of files"),
            (["--baseline", "none.json"], "none.json"),
            (["--jobs", "0"], "jobs"),
            (["--output-file", "no/such/folder/report"], "no/such/folder/report"),
            (["rule", "view-mixes-bacth"], "did you mean `view-mixes-batch`"),
            (["completion", "tcsh"], "fish"),
        ],
    )
    def test_what_nnlint_cannot_do(self, capfd, arguments, message):
        write(a=UNSEEDED)
        status, out, err = nnlint(capfd, *arguments)
        assert (status, out) == (2, "") and message in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        "content",
        [b"import torch\nx = (\n", b"import torch\nx = '\xff'\n", b"# coding: undefined\n\xff"],
    )
    def test_a_file_that_cannot_be_linted_is_a_finding(self, capfd, content):
        write(a=SEEDED)
        assert nnlint(capfd)[0] == 0
        Path("b.py").write_bytes(content)
        assert nnlint(capfd, "--exit-zero")[0] == 0
        assert nnlint(capfd, "--fail-on", "never")[0] == 0
        # no selector hides it
        assert nnlint(capfd, "--select", "NN101", "--fail-on", "error")[0] == 1

    def test_a_fault_of_nnlint_is_not_taken_for_findings(self, capfd, monkeypatch):
        monkeypatch.setattr("nnlint.engine.Linter.run", lambda *_: 1 / 0)
        status, _, err = nnlint(capfd)
        assert status == 2 and "ZeroDivisionError" in err and "please report it" in err

    def test_no_files(self, capfd):
        status, out, err = nnlint(capfd, ".")
        assert status == 0 and "no Python files under ." in err
        assert out == "No findings in 0 files.\n"


class TestSelection:
    def test_options_add_up(self, capfd):
        write(a=UNSEEDED, b=MIXED, c=DECAY)
        Path("nnlint.toml").write_text('ignore = ["NN601"]\noutput-format = "concise"\n')
        assert concise(nnlint(capfd)[1]) == ["a.py:5 NN101", "b.py:7 NN301"]
        assert concise(nnlint(capfd, "--extend-select", "NN601")[1])[-1] == "c.py:5 NN601"
        assert concise(nnlint(capfd, "--ignore", "NN1,error")[1]) == []
        assert concise(nnlint(capfd, "--isolated", "--output-format=concise")[1])[-1][-1] == "1"
        assert concise(nnlint(capfd, "--select", "warning")[1]) == ["a.py:5 NN101"]

    def test_per_file_ignores(self, capfd):
        write(a=UNSEEDED, sub__a=UNSEEDED)
        options = ("--output-format", "concise", "--per-file-ignores")
        assert concise(nnlint(capfd, *options, "sub/*:NN1,NN3")[1]) == ["a.py:5 NN101"]
        assert concise(nnlint(capfd, *options, "a.py:missing-seed")[1]) == []
        assert concise(nnlint(capfd, *options, "/a.py:ALL")[1]) == ["sub/a.py:5 NN101"]

    def test_patterns_of_a_file_are_relative_to_it(self, capfd, monkeypatch):
        write(sub__a=UNSEEDED, sub__b=UNSEEDED, sub__old__c=UNSEEDED)
        Path("nnlint.toml").write_text(
            'exclude = ["sub/old"]\n[per-file-ignores]\n"sub/a.py" = ["NN101"]\n'
        )
        monkeypatch.chdir("sub")
        assert concise(nnlint(capfd, "--output-format", "concise")[1]) == ["b.py:5 NN101"]

    def test_each_folder_has_its_settings(self, capfd):
        write(a=UNSEEDED, sub__a=UNSEEDED, sub__b=DECAY, bad__a=UNSEEDED)
        Path("nnlint.toml").write_text('output-format = "concise"\n')
        Path("sub/nnlint.toml").write_text('select = ["NN6"]\noutput-format = "json"\n')
        Path("bad/pyproject.toml").write_text("[tool.nnlint]\nselct = []\n")
        status, out, _ = nnlint(capfd)
        assert status == 2
        assert concise(out) == [
            "a.py:5 NN101",
            "bad/a.py:5 NN101",
            "bad/pyproject.toml:1 NN006",
            "sub/b.py:5 NN601",
        ]

    def test_stage(self, capfd):
        write(
            a="import torch\n\n\ndef f(o, n):\n    "
            "return torch.optim.lr_scheduler.CosineAnnealingLR(o, n)\n"
        )
        assert nnlint(capfd)[0] == 0
        assert "NN602" in nnlint(capfd, "--stage", "overfit")[1]


class TestFiles:
    def test_exclude(self, capfd):
        write(a="", old__b="", sub__c="", sub__old__d="", venv__e="")
        show = ("--show-files", "--exclude")
        assert nnlint(capfd, "--show-files")[1].split() == [
            "a.py",
            "old/b.py",
            "sub/c.py",
            "sub/old/d.py",
        ]
        assert nnlint(capfd, *show, "old")[1].split() == ["a.py", "sub/c.py"]
        assert nnlint(capfd, *show, "/old/")[1].split() == ["a.py", "sub/c.py", "sub/old/d.py"]
        assert nnlint(capfd, *show, "sub/**")[1].split() == ["a.py", "old/b.py"]
        assert nnlint(capfd, *show, "*.py")[1].split() == []

    def test_named_files_are_excluded_by_force_only(self, capfd):
        write(old__a="", sub__b="")
        Path(".git").mkdir()
        Path(".gitignore").write_text("sub/\n")
        named = ("--show-files", "--exclude", "old", "old/a.py", "sub/b.py")
        assert nnlint(capfd, *named)[1].split() == ["old/a.py", "sub/b.py"]
        assert nnlint(capfd, *named, "--force-exclude")[1].split() == []

    def test_gitignore(self, capfd):
        write(a="", b="", sub__a="", sub__keep__b="", out__c="", logs__d="")
        Path(".git/info").mkdir(parents=True)
        Path(".git/info/exclude").write_text("/logs/\n")
        Path(".gitignore").write_text("# build\n/a.py\nsub/**/b.py\nout/\n\\\n")
        Path("sub/.gitignore").write_text("!keep/b.py\n")
        assert nnlint(capfd, "--show-files")[1].split() == ["b.py", "sub/a.py", "sub/keep/b.py"]
        assert nnlint(capfd, "--show-files", "out")[1].split() == ["out/c.py"]
        assert len(nnlint(capfd, "--show-files", "--no-respect-gitignore")[1].split()) == 6
        Path("nnlint.toml").write_text("respect-gitignore = false\n")
        assert len(nnlint(capfd, "--show-files")[1].split()) == 6

    def test_names_are_as_given(self, capfd, folder):
        write(sub__a=UNSEEDED)
        options = ("--output-format", "concise")
        for given, shown in (
            (".", "sub/a.py"),
            ("./sub", "sub/a.py"),
            ("sub/../sub/a.py", "sub/../sub/a.py"),
            (str(folder), f"{folder}/sub/a.py"),
        ):
            assert concise(nnlint(capfd, *options, given)[1]) == [f"{shown}:5 NN101"]

    def test_a_file_is_linted_once(self, capfd):
        write(a=UNSEEDED)
        assert len(concise(nnlint(capfd, "--output-format=concise", "a.py", ".", "./a.py")[1])) == 1


class TestStandardInput:
    def test_stdin(self):
        write(project__tools="import torch\n\n\ndef seed():\n    torch.manual_seed(0)\n")
        options = ("-", "--output-format", "concise")
        result = process(*options, input=UNSEEDED.encode())
        assert result.returncode == 1 and concise(result.stdout.decode()) == ["stdin.py:5 NN101"]
        text = "from tools import seed\n\nseed()\n" + UNSEEDED
        name = ("--stdin-filename", "project/train.py")
        assert process(*options, *name, input=text.encode()).returncode == 0
        assert process(*options, input=b"import torch\nx = '\xff'\n").returncode == 1
        assert not Path(".nnlint_cache/nothing").exists()

    def test_frame_shows_what_was_given(self):
        write(stdin="something else\n")
        result = process("-", input=MIXED.encode())
        assert b"x.view(T, B, C)\n" in result.stdout and b"something" not in result.stdout

    def test_configuration_is_that_of_the_name(self):
        write(sub__a="")
        Path("sub/nnlint.toml").write_text('ignore = ["NN1"]\n')
        assert process("-", input=UNSEEDED.encode()).returncode == 1
        result = process("-", "--stdin-filename", "sub/a.py", input=UNSEEDED.encode())
        assert result.returncode == 0


class TestOutput:
    def test_output_file(self, capfd):
        write(a=UNSEEDED)
        status, out, _ = nnlint(capfd, "--output-format", "json", "--output-file", "r.json")
        assert (status, out) == (1, "")
        assert [f["code"] for f in json.loads(Path("r.json").read_text())] == ["NN101"]

    def test_statistics(self, capfd):
        write(a=UNSEEDED, b=UNSEEDED, c=MIXED)
        status, out, _ = nnlint(capfd, "--statistics")
        assert status == 1
        assert [line.split() for line in out.splitlines()] == [
            ["count", "fixable", "code", "level", "rule"],
            ["2", "2", "NN101", "warning", "missing-seed"],
            ["1", "1", "NN301", "error", "view-mixes-batch"],
            ["3", "3", "total"],
        ]
        out = nnlint(capfd, "--statistics", "--output-format", "json")[1]
        assert json.loads(out)[0] == {
            "code": "NN101",
            "name": "missing-seed",
            "level": "warning",
            "count": 2,
            "fixable": 2,
        }
        out = nnlint(capfd, "--statistics", "--output-format", "json-lines")[1]
        assert [json.loads(line)["count"] for line in out.splitlines()] == [2, 1]

    def test_show_settings_is_a_configuration(self, capfd):
        write(a=UNSEEDED)
        Path("pyproject.toml").write_text(
            '[tool.nnlint]\nignore = ["NN1"]\nstage = "tune"\n[tool.nnlint.per-file-ignores]\n'
            '"a.py" = ["NN3"]\n'
        )
        status, out, _ = nnlint(capfd, "--show-settings", "--select", "NN3", "--exclude", 'a"b')
        settings = read_config(tomllib.loads(out), "shown")
        assert status == 0 and settings.stage.value == "tune"
        assert settings.selection.select == ("NN3",) and settings.exclude == ('a"b',)
        assert settings.selection.ignore == ("NN1",) and settings.per_file_ignores[0][1] == ("NN3",)
        assert "pyproject.toml" in out and "view-mixes-batch" in out
        assert "missing-seed" not in out

    def test_quiet_and_verbose(self, capfd):
        write(a=SEEDED)
        assert nnlint(capfd, "--quiet") == (0, "", "")
        status, out, err = nnlint(capfd, "--verbose")
        assert (status, out) == (0, "No findings in 1 file.\n")
        assert "configuration: none" in err and "1 file in" in err

    def test_without_pytorch_it_says_so(self, capfd):
        write(a="x = 1\n", b="y = 2\n")
        expected = "No findings in 2 files: none of them uses PyTorch.\n"
        assert nnlint(capfd)[1] == expected == nnlint(capfd)[1]

    def test_no_color_when_piped(self, capfd, monkeypatch):
        write(a=UNSEEDED)
        assert "\x1b" not in nnlint(capfd)[1]
        assert "\x1b" in nnlint(capfd, "--color", "always")[1]
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b" in nnlint(capfd)[1]
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in nnlint(capfd)[1]

    @pytest.mark.parametrize("format", FORMATS)
    def test_second_run_says_the_same(self, capfd, format):
        write(a=UNSEEDED, b=MIXED, sub__c=DECAY)
        first = nnlint(capfd, "--output-format", format)
        assert nnlint(capfd, "--output-format", format) == first
        assert nnlint(capfd, "--output-format", format, "--no-cache") == first


class TestBaseline:
    def test_known_findings_are_left_out(self, capfd):
        write(a=UNSEEDED, b=MIXED)
        assert nnlint(capfd, "--write-baseline", "known.json")[0] == 0
        assert nnlint(capfd, "--baseline", "known.json")[0] == 0
        Path("nnlint.toml").write_text('baseline = "known.json"\noutput-format = "concise"\n')
        assert nnlint(capfd)[0] == 0
        # lines may move, but a second finding of the kind is new
        write(a="\n\n" + UNSEEDED, b=MIXED + MIXED.partition("\n")[2].replace("Encoder", "Other"))
        assert concise(nnlint(capfd)[1]) == ["b.py:13 NN301"]

    def test_no_baseline(self, capfd):
        write(a=UNSEEDED)
        Path("known.json").write_text("{}")
        status, _, err = nnlint(capfd, "--baseline", "known.json")
        assert status == 2 and "known.json: is no baseline" in err


class TestCache:
    def test_nothing_but_the_cache_is_written(self, capfd):
        write(a=UNSEEDED, sub__b=SEEDED)
        before = {p: p.read_bytes() for p in Path().rglob("*.py")}
        nnlint(capfd)
        after = {str(p) for p in Path().rglob("*")}
        assert {p: p.read_bytes() for p in Path().rglob("*.py")} == before
        assert {p.partition("/")[0] for p in after} == {".nnlint_cache", "a.py", "sub"}
        assert Path(".nnlint_cache/.gitignore").read_text() == "*\n"

    def test_no_cache(self, capfd):
        write(a=UNSEEDED)
        nnlint(capfd, "--no-cache")
        assert not Path(".nnlint_cache").exists()

    def test_cache_dir(self, capfd, monkeypatch):
        write(a=UNSEEDED)
        nnlint(capfd, "--cache-dir", "elsewhere/deep")
        assert list(Path("elsewhere/deep/.nnlint_cache").glob("*.json"))
        monkeypatch.setenv("NNLINT_CACHE_DIR", "other")
        nnlint(capfd)
        assert (
            list(Path("other/.nnlint_cache").glob("*.json")) and not Path(".nnlint_cache").exists()
        )

    def test_it_lies_beside_the_configuration(self, capfd, monkeypatch):
        write(sub__a=UNSEEDED)
        Path("nnlint.toml").write_text("")
        monkeypatch.chdir("sub")
        nnlint(capfd)
        assert Path("../.nnlint_cache").is_dir() and not Path(".nnlint_cache").exists()
        assert "removed" in nnlint(capfd, "clean")[1]
        assert not Path("../.nnlint_cache").exists()

    def test_names_are_as_given_in_a_warm_run_too(self, capfd, folder):
        write(sub__a=UNSEEDED)
        options = ("--output-format", "concise")
        assert concise(nnlint(capfd, *options, ".")[1]) == ["sub/a.py:5 NN101"]
        assert concise(nnlint(capfd, *options, str(folder))[1]) == [f"{folder}/sub/a.py:5 NN101"]

    def test_a_syntax_error_is_seen_by_name_after_a_run_over_the_folder(self, capfd):
        write(a="x = (\n")
        assert nnlint(capfd)[0] == 0
        assert nnlint(capfd, "a.py")[0] == 1
        assert nnlint(capfd)[0] == 0


class TestCommands:
    def test_rule(self, capfd):
        status, out, _ = nnlint(capfd, "rule")
        assert status == 0 and len(re.findall(r"^NN\d{3}  ", out, re.MULTILINE)) > 15
        for name in ("NN301", "nn301", "view-mixes-batch", "NN301 "):
            assert nnlint(capfd, "rule", name.strip())[1].startswith("# view-mixes-batch (NN301)")
        assert "## Why it hurts training" in nnlint(capfd, "rule", "NN301")[1]
        assert "NN007" in nnlint(capfd, "rule", "rule-crash")[1]
        everything = nnlint(capfd, "rule", "--all")[1]
        assert "(NN301)" in everything and "(NN101)" in everything

    def test_rule_as_json(self, capfd):
        record = json.loads(nnlint(capfd, "rule", "NN301", "--output-format", "json")[1])
        assert (record["code"], record["level"], record["fix"]) == ("NN301", "error", "unsafe")
        records = json.loads(nnlint(capfd, "rule", "--all", "--output-format", "json")[1])
        assert {"NN001", "NN301"} < {r["code"] for r in records}

    def test_init(self, capfd):
        assert nnlint(capfd, "init")[0] == 0
        text = Path("nnlint.toml").read_text()
        assert tomllib.loads(text) == {}
        status, _, err = nnlint(capfd, "init")
        assert status == 2 and "--force" in err
        Path("nnlint.toml").write_text("x")
        assert nnlint(capfd, "init", "--force")[0] == 0 and Path("nnlint.toml").read_text() == text

    def test_template_is_usable_line_by_line(self, capfd):
        nnlint(capfd, "init")
        keys = re.findall(r"^# ([\w-]+ = .*)$", Path("nnlint.toml").read_text(), re.MULTILINE)
        assert len(keys) >= 8
        for line in keys:
            table = tomllib.loads(line)
            assert table.pop("extend", "x")
            read_config(table, "template")

    def test_clean(self, capfd):
        write(a=UNSEEDED)
        nnlint(capfd)
        assert nnlint(capfd, "clean")[0] == 0 and not Path(".nnlint_cache").exists()
        assert nnlint(capfd, "clean") == (0, "", "")

    def test_help_names_every_command(self, capfd):
        out = nnlint(capfd, "--help")[1]
        for name in ("check", "rule", "debug", "new-rule", "init", "clean", "completion"):
            assert re.search(rf"^  {name} ", out, re.MULTILINE)
            assert nnlint(capfd, name, "--help")[0] == 0

    def test_a_folder_may_be_named_like_a_command(self, capfd):
        write(rule__a=UNSEEDED)
        assert nnlint(capfd, "./rule")[0] == nnlint(capfd, "check", "rule")[0] == 1

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_script(self, capfd, shell):
        status, out, _ = nnlint(capfd, "completion", shell)
        assert status == 0 and "_NNLINT_COMPLETE" in out

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("nnlint --sel", "--select"),
            ("nnlint ru", "rule"),
            ("nnlint new", "new-rule"),
            ("nnlint --rul", "--rules"),
            ("nnlint check --stage ove", "overfit"),
            ("nnlint --stage ove", "overfit"),
            ("nnlint rule view-", "view-mixes-batch"),
            ("nnlint --select NN101,view-", "NN101,view-mixes-batch"),
        ],
    )
    def test_completion(self, words, expected):
        environment = {
            **os.environ,
            "_NNLINT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        result = process(env=environment)
        assert f",{expected}\n" in result.stdout.decode(), result


class TestStart:
    @pytest.mark.parametrize(
        "arguments", [["--version"], ["--help"], ["rule", "--help"], ["init"], ["--nonsense"]]
    )
    def test_nothing_heavy_is_loaded(self, arguments):
        program = (
            "import sys; from nnlint.cli import run; run(sys.argv[1:]);"
            "print(*sys.modules, file=sys.stderr)"
        )
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True
        )
        loaded = set(result.stderr.split())
        assert "click" in loaded
        heavy = {"nnlint_rules", "libcst", "rich", "torch", "pathspec", "nnlint.engine"}
        assert not heavy & loaded

    def test_version(self, capfd):
        assert nnlint(capfd, "--version") == (0, f"nnlint, version {__version__}\n", "")

    def test_as_a_module_with_spawned_workers(self):
        program = (
            "import multiprocessing, runpy, sys; multiprocessing.set_start_method('spawn');"
            "sys.argv[:] = ['nnlint', '--no-cache', '--jobs', '2', '--statistics'];"
            "sys.platform = 'other'; runpy.run_module('nnlint', run_name='__main__')"
        )
        for i in range(30):
            write(**{f"train{i}": UNSEEDED})
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert result.stdout.splitlines()[1].split()[:3] == ["30", "30", "NN101"], result.stderr


PATIENT = "import nnlint.cli.progress as p; p.PATIENCE = 60"
"""However busy the machine is, a run is a short one."""


class TestTerminal:
    def run(self, *arguments: str, columns: int = 60, setup: str = "") -> str:
        """What a run shows on a terminal."""
        program = (
            "import fcntl, struct, termios, sys\n"
            f"fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 40, {columns}, 0, 0))\n"
            f"{setup}\nfrom nnlint.cli import main\nmain({list(arguments)!r})\n"
        )
        shown = bytearray()

        def read(handle: int) -> bytes:
            data = os.read(handle, 4096)
            shown.extend(data)
            return data

        # readline sets it behind the back of os.environ
        os.unsetenv("COLUMNS")
        pty.spawn([sys.executable, "-c", program], read, lambda handle: b"")
        return shown.decode().replace("\r\n", "\n")

    def test_lines_fit(self):
        write(a=UNSEEDED, b=MIXED)
        for columns in (60, 80, 120):
            shown = self.run("--no-cache", columns=columns, setup=PATIENT)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
            assert "\x1b[" in shown and "Found 1 error and 1 warning in 2 files." in plain
            assert max(map(len, plain.splitlines())) <= columns

    def test_progress_bar_after_a_second(self):
        write(a=UNSEEDED, b=UNSEEDED)
        shown = self.run("--no-cache", columns=100, setup=PATIENT)
        assert "Linting" not in shown
        slow = "import nnlint.cli.progress as p; p.PATIENCE = 0"
        assert "Linting" in self.run("--no-cache", columns=100, setup=slow)
        assert "Linting" not in self.run("--no-cache", "--quiet", columns=100, setup=slow)


def test_reader_that_has_seen_enough():
    write(a=(MIXED + MIXED.partition("\n")[2] * 400))
    for i in range(3):
        write(**{f"b{i}": UNSEEDED})
    command = f"{sys.executable} -m nnlint --no-cache; echo $? >&2"
    result = subprocess.run(
        ["sh", "-c", f"({command}) | head -1"], capture_output=True, text=True, timeout=120
    )
    assert result.stdout.startswith("error[NN301]") and result.stdout.count("\n") == 1
    assert result.stderr.split() == ["1"]


def test_interrupted():
    for i in range(80):
        write(**{f"train{i}": UNSEEDED})
    program = (
        "import time, nnlint.checking as w\n"
        "real = w.check_file\n"
        "def slow(*a):\n    time.sleep(0.5)\n    return real(*a)\n"
        "w.check_file = slow\nfrom nnlint.cli import main\nmain(['--jobs', '2', '--no-cache'])\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    time.sleep(4)
    begin = time.monotonic()
    os.killpg(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=20)
    assert (started.returncode, out, err.strip()) == (2, "", "interrupted")
    assert time.monotonic() - begin < 5
    with pytest.raises(ProcessLookupError):
        os.killpg(started.pid, 0)


@pytest.mark.parametrize("name", ["audit", "recipe", "verify"])
def test_the_time_limit_has_one_name_and_its_former_one_is_understood(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    context = command.make_context(name, ["data.py:make", "--total", "7"])
    assert context.params["time_limit"] == 7
    printed = command.get_help(context)
    assert "--time-limit SECONDS" in printed and "--total" not in printed
