"""No process that nnlint starts imports from the folder it stands in, or from what is linted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from training_scripts import UNSEEDED

from nnlint import trust
from nnlint.config import Config
from nnlint.engine import lint
from nnlint.processes import ProcessDiedError, Processes
from nnlint.workers import SMALL_RUN

TAKEN = (
    "abc ast click codecs collections concurrent contextlib copyreg dataclasses enum encodings "
    "functools gc heapq importlib io json keyword libcst linecache logging math multiprocessing "
    "nnlint nnlint_rules numpy operator os pathlib pathspec pickle queue random re reprlib rich "
    "runpy selectors signal site socket stat string struct subprocess tempfile threading tokenize "
    "tomli tomllib torch traceback types typing uuid warnings weakref"
).split()
"""Names of modules that Python, nnlint or what it needs may import."""
MARK = "open(__file__ + '.ran', 'w').close()\nraise SystemExit('this ran')\n"

DRIVER = """
import multiprocessing, os, sys, threading, time
from nnlint import checking

kind = sys.argv.pop(1)
if kind in ("spawn", "forkserver"):
    multiprocessing.set_start_method(kind)
if kind == "spawn":
    # as where processes are not forked
    sys.platform = "darwin"
if kind == "forkserver":
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
checked = checking.check_file

def check_file(name, *rest):
    if name == "train3.py" and kind == "raises":
        raise LookupError("no reason")
    if name == "train3.py" and kind == "dies":
        os._exit(3)
    return checked(name, *rest)

checking.check_file = check_file
from nnlint.cli import main

main()
"""


SOFTMAX = """import torch.nn.functional as F


def loss_of(model, x, y):
    return F.cross_entropy(F.softmax(model(x), dim=1), y)
"""
"""NN401 in each copy of it."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A project that waits to be imported: modules, and packages of rules that seem installed."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in (*TAKEN, "rules_of_evil"):
        (folder / f"{name}.py").write_text(MARK)
    for number in range(SMALL_RUN + 6):
        (folder / f"train{number}.py").write_text(f"{SOFTMAX}\n\nNUMBER = {number}\n")
    (folder / "cookie.py").write_bytes(b"# coding: punycode\nimport torch\n")
    for name, kept in (("evil.egg-info", "PKG-INFO"), ("evil2-1.dist-info", "METADATA")):
        (folder / name).mkdir()
        (folder / name / kept).write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
        (folder / name / "entry_points.txt").write_text("[nnlint.rules]\nevil = rules_of_evil\n")
    (folder / "setup.cfg").write_text("")
    return folder


def ran(folder: Path) -> list[str]:
    """What was executed of a hostile project."""
    return sorted(path.name for path in folder.rglob("*.ran"))


def started(command, given: dict[str, str] | None = None, **options):
    """A process that has only the path given to it, come to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(given or {})
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, **options
    )


def script() -> Path:
    """The console script of the environment."""
    return Path(sys.executable).parent / "nnlint"


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver", "raises", "dies"])
def test_nothing_of_the_project_runs(hostile, tmp_path, kind):
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    command = [sys.executable, driver, kind, "-q", "-j", "2", "-n", "--output-format", "concise"]
    result = started(command, cwd=hostile)
    assert ran(hostile) == []
    lines = result.stdout.splitlines()
    assert sum("NN401" in line for line in lines) >= SMALL_RUN + 5
    assert "cookie.py:1:1: NN002 unreadable-file: the file's encoding is unusable" in result.stdout
    failed = [line for line in lines if "NN007" in line]
    assert len(failed) == (kind == "raises")
    assert result.returncode == (2 if kind == "raises" else 1)
    assert result.stderr == ""


@pytest.mark.parametrize("path", [None, "", ".", "sub/..", "{folder}"])
def test_nothing_runs_for_the_console_script(hostile, path):
    # what nnlint needs before it can clear the path is Python's to find
    given = {"PYTHONPATH": path.format(folder=hostile)} if path else {}
    if path:
        for name in TAKEN:
            (hostile / f"{name}.py").unlink()
    try:
        command = [script(), "-q", "-j", "2", "-n", "--output-format", "concise"]
        result = started(command, given, cwd=hostile)
        command = [script(), "-", "--stdin-filename", "train0.py", "-q"]
        stdin = started(command, given, cwd=hostile, input=UNSEEDED)
    finally:
        for name in TAKEN:
            (hostile / f"{name}.py").write_text(MARK)
    assert ran(hostile) == []
    assert (result.returncode, result.stderr) == (1, "") and "NN401" in result.stdout
    assert (stdin.returncode, stdin.stderr) == (1, "") and "NN101" in stdin.stdout


MODEL = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(x)
"""


def test_the_verifier_starts_out_of_reach_of_the_project(hostile):
    """It runs the model that it is asked for, and no module in the place of one of Python's."""
    (hostile / "model.py").write_text(MODEL)
    command = [script(), "verify", "model.py:Net", "--input", "4,4", "--probe", "input-use"]
    result = started(command, cwd=hostile)
    (hostile / "model.py").unlink()
    assert ran(hostile) == []
    assert result.returncode == 0 and "✓ OK" in result.stdout


class TestPath:
    def cleared(self, monkeypatch, cwd: Path, *entries: str, linted: tuple[str, ...] = ()):
        monkeypatch.chdir(cwd)
        library = os.path.dirname(os.__file__)
        monkeypatch.setattr(sys, "path", [*entries, library, "/site-packages", str(cwd / "own")])
        return [entry for entry in trust.trusted_path(linted) if entry != trust.HOME]

    def test_the_current_folder_and_what_is_linted_go(self, monkeypatch, tmp_path):
        elsewhere, library = str(tmp_path.parent), os.path.dirname(os.__file__)
        (tmp_path / "link").symlink_to(tmp_path)
        given = ("", ".", "src", str(tmp_path), str(tmp_path / "src"), str(tmp_path / "link"))
        found = self.cleared(monkeypatch, tmp_path, *given, elsewhere)
        # what an installation put there stays
        assert found == [elsewhere, library, "/site-packages", str(tmp_path / "own")]
        found = self.cleared(monkeypatch, tmp_path, elsewhere, linted=(elsewhere,))
        assert found == [library, "/site-packages", str(tmp_path / "own")]

    def test_nnlint_itself_can_be_imported(self, monkeypatch, tmp_path):
        monkeypatch.setattr(trust, "HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", ["", str(tmp_path)])
        assert trust.trusted_path() == [str(tmp_path)]


class TestPool:
    def test_answers_and_errors(self):
        with Processes(2) as pool:
            assert [f.result() for f in [pool.submit(pow, 2, n) for n in range(8)]] == [
                2**n for n in range(8)
            ]
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                pool.submit(divmod, 1, 0).result()

    def test_what_is_printed_is_no_answer(self):
        with Processes(1) as pool:
            assert pool.submit(print, "no answer").result() is None
            assert pool.submit(abs, -3).result() == 3

    def test_a_death_costs_one_call(self):
        with Processes(1) as pool:
            dying = pool.submit(os._exit, 3)
            going_on = pool.submit(abs, -3)
            assert going_on.result() == 3
            with pytest.raises(ProcessDiedError):
                dying.result()

    def test_no_process_outlives_an_error(self):
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt), Processes(1) as pool:
            pool.submit(time.sleep, 60)
            time.sleep(1)
            raise KeyboardInterrupt
        assert time.monotonic() - started < 30


def test_a_run_beside_threads(tmp_path):
    for number in range(SMALL_RUN + 2):
        (tmp_path / f"train{number}.py").write_text(UNSEEDED)
    threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
    result = lint([str(tmp_path)], Config(), jobs=2, use_cache=False)
    assert len(result.findings) == SMALL_RUN + 2 and not result.failed


def test_one_file_that_fails_is_one_finding(tmp_path, monkeypatch):
    from nnlint import checking

    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(UNSEEDED)
    checked = checking.check_file

    def check_file(name, *rest):
        if name.endswith("a.py"):
            raise MemoryError("too large")
        return checked(name, *rest)

    monkeypatch.setattr(checking, "check_file", check_file)
    result = lint([str(tmp_path)], Config(), jobs=1, use_cache=False)
    assert [f.code for f in result.findings] == ["NN007", "NN101"] and result.failed
    assert "checking it failed: MemoryError: too large" in result.findings[0].message
