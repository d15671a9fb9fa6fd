"""Whatever a model starts and however nnlint ends: no process and no folder is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnlint.verify import processes
from nnlint.verify.processes import NotStarted, Workers
from nnlint.verify.session import Limits, run_job

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="processes are looked for in /proc"
)

MODEL = """import os, time
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        {body}
        return self.layer(x)
"""
DAEMON = """if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open("note.txt", "w").write("here")
                os.mkdir("closed", 0o000)
                time.sleep(600)
            os._exit(0)
"""
HANG = "        time.sleep(600)"


def processes_of(folder: Path) -> list[int]:
    """Those whose command line names the folder: forks have that of the template."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if os.fsencode(folder) in command and b"worker.py" in command:
            found.append(int(entry.name))
    return found


def until(condition, seconds: float = 90.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(condition())


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def job(tmp_path: Path, body: str) -> dict[str, object]:
    file = tmp_path / "model.py"
    file.write_text(MODEL.replace("{body}", body))
    return {
        "target": {"file": str(file), "name": "Net"},
        "probes": ["eval-determinism"],
        "options": {},
        "inputs": [{"shape": [5, 4]}],
    }


@pytest.mark.parametrize("end", ["        pass", "        os.abort()", HANG])
def test_a_daemon_ends_with_its_question(tmp_path, scratch, end):
    with Workers(sys.executable) as workers:
        asked = job(tmp_path, DAEMON + end)
        outcome = run_job(sys.executable, asked, Limits(timeout=20.0), workers=workers)
        assert outcome.results[0].status in ("REFUTED", "INCONCLUSIVE")
        # the one that imported torch goes on for the next question
        assert len(processes_of(scratch)) == 1
        assert [list(p.iterdir()) for p in scratch.iterdir()] == [[]]
        again = run_job(sys.executable, job(tmp_path, "pass"), Limits(), workers=workers)
        assert again.results[0].status == "REFUTED"
    assert processes_of(scratch) == [] and list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_outlives_nnlint(tmp_path, scratch, number):
    job(tmp_path, DAEMON + HANG)
    command = [sys.executable, "-m", "nnlint", "verify", "model.py:Net", "--python", sys.executable]
    nnlint = subprocess.Popen(
        [*command, "--input", "5,4", "--probe", "eval-determinism"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until(lambda: list(scratch.rglob("note.txt"))) and len(processes_of(scratch)) >= 3
        nnlint.send_signal(number)
        assert nnlint.wait(120) != 0
    finally:
        nnlint.kill()
    # a process that is killed cannot clean up itself: its template does
    patience = 20.0 if number == signal.SIGKILL else 0.0
    assert until(lambda: processes_of(scratch) == [] and not list(scratch.iterdir()), patience)


def test_a_model_that_kills_its_template_costs_one_question(tmp_path, scratch):
    with Workers(sys.executable) as workers:
        killing = job(tmp_path, "os.kill(os.getppid(), 9); time.sleep(5)")
        outcome = run_job(sys.executable, killing, Limits(), workers=workers)
        assert outcome.results[0].status == "INCONCLUSIVE"
        again = run_job(sys.executable, job(tmp_path, "pass"), Limits(), workers=workers)
        assert again.results[0].status == "REFUTED"
    assert until(lambda: not processes_of(scratch), 10.0) and list(scratch.iterdir()) == []


def test_without_fork_each_question_is_a_process(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(processes, "FORKING", False)
    with Workers(sys.executable) as workers:
        for body, status in (("pass", "REFUTED"), ("os.abort()", "INCONCLUSIVE")):
            asked = job(tmp_path, body)
            outcome = run_job(sys.executable, asked, Limits(), workers=workers)
            assert outcome.results[0].status == status
    assert "SIGABRT" in outcome.failure["reason"] or "SIGABRT" in outcome.results[0].summary
    assert list(scratch.iterdir()) == []


def test_a_process_of_its_own_ends_when_its_parent_does(tmp_path, scratch):
    asked = repr(job(tmp_path, 'open("note.txt", "w").write("here")\n' + HANG))
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import sys\nfrom nnlint.verify import processes, session\n"
        f"processes.FORKING = False\nsession.run_job(sys.executable, {asked}, session.Limits())\n"
    )
    running = subprocess.Popen([sys.executable, str(parent)])
    try:
        assert until(lambda: list(scratch.rglob("note.txt")))
    finally:
        running.kill()
    running.wait()
    assert until(lambda: not list(scratch.rglob("note.txt")), 20.0)


def test_torch_is_imported_once(tmp_path, scratch, monkeypatch):
    started = []
    original = processes._started
    monkeypatch.setattr(
        processes, "_started", lambda *a, **k: started.append(a) or original(*a, **k)
    )
    with Workers(sys.executable) as workers:
        for _ in range(3):
            run_job(sys.executable, job(tmp_path, "pass"), Limits(), workers=workers)
        assert len(started) == 1
        with pytest.raises(ZeroDivisionError), workers.question():
            raise ZeroDivisionError
    with Workers(str(tmp_path / "python")) as none, pytest.raises(NotStarted), none.question():
        pass
