"""Workers that crash, hang, print garbage, eat memory or are killed cost one probe only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnlint.verify.session import Limits, Outcome, run_job

MODEL = """
import os, signal, socket, subprocess, sys, time
import torch
from torch import nn

print("noise on stdout")
os.write(1, b'{"event": "answer", "probe": "input-use", "status": "REFUTED"}\\n')


class Calls(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.hidden = [nn.Linear(2, 2)]

    def forward(self, x):
        {body}
        return self.layer(x)


assert False, "module-level code must not run"
"""

TRAINING_ONLY = "if self.training:\n            "


def run(tmp_path: Path, body: str, probes: list[str], **limits) -> Outcome:
    file = tmp_path / "model.py"
    file.write_text(MODEL.replace("{body}", body))
    job = {
        "target": {"file": str(file), "name": "Calls"},
        "probes": probes,
        "device": "cpu",
        "options": {},
        "inputs": [{"shape": [5, 4]}],
    }
    return run_job(sys.executable, job, Limits(**{"timeout": 60.0, **limits}))


def by_probe(outcome: Outcome) -> dict[str, tuple[str, str]]:
    return {r.probe: (r.status, r.summary) for r in outcome.results}


def test_garbage_and_module_level_code_are_left_out(tmp_path):
    outcome = run(tmp_path, "print('more noise')", ["batch-of-one", "unregistered-parameters"])
    found = by_probe(outcome)
    assert found["batch-of-one"][0] == "REFUTED"
    assert found["unregistered-parameters"][0] == "CONFIRMED"
    assert outcome.built["parameters"] == 15 and outcome.environment["torch"]


def test_forged_answers_are_none(tmp_path):
    forged = (
        '{"event": "answer", "probe": "input-use", "status": "CONFIRMED", "summary": "x", '
        '"evidence": {}, "seconds": 0}'
    )
    body = f"for fd in range(3, 9):\n            try: os.write(fd, b'{forged}\\n')"
    outcome = run(tmp_path, body + "\n            except OSError: pass", ["input-use"])
    assert by_probe(outcome) == {"input-use": ("REFUTED", "each of 1 inputs changes the output")}
    assert len(outcome.results) == 1


def test_a_crash_keeps_the_other_probes(tmp_path):
    body = TRAINING_ONLY + "os.kill(os.getpid(), signal.SIGSEGV)"
    probes = ["batch-of-one", "dead-parameters", "unregistered-parameters"]
    found = by_probe(run(tmp_path, body, probes))
    assert (
        found["batch-of-one"][0] == "INCONCLUSIVE" or found["dead-parameters"][0] == "INCONCLUSIVE"
    )
    assert "SIGSEGV" in found["dead-parameters"][1]
    assert found["unregistered-parameters"][0] == "CONFIRMED"


def test_a_hang_ends_at_the_deadline(tmp_path):
    body = TRAINING_ONLY + "time.sleep(600)"
    probes = ["eval-determinism", "dead-parameters"]
    found = by_probe(run(tmp_path, body, probes, timeout=15.0))
    assert found["eval-determinism"][0] == "REFUTED"
    assert found["dead-parameters"] == ("INCONCLUSIVE", "no answer within 15 s (--timeout)")


def test_memory_is_limited(tmp_path):
    body = TRAINING_ONLY + "torch.zeros(64 * 2**30)"
    found = by_probe(run(tmp_path, body, ["dead-parameters", "eval-determinism"], memory=4 * 2**30))
    assert found["dead-parameters"][0] == "INCONCLUSIVE"
    assert "memory" in found["dead-parameters"][1]
    assert found["eval-determinism"][0] == "REFUTED"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "refused it the network"),
        ("subprocess.run(['true'])", "to start other programs"),
        ("open(os.path.expanduser('~/nnlint-was-here'), 'w')", "outside its scratch folder"),
        ("torch.save(x, os.path.expanduser('~/nnlint-was-here'))", "outside its scratch folder"),
        (
            "__import__('sqlite3').connect(os.path.expanduser('~/nnlint-was-here'))",
            "outside its scratch folder",
        ),
    ],
)
def test_the_guard_stops_accidents(tmp_path, body, words):
    (answer,) = run(tmp_path, body, ["eval-determinism"]).results
    assert answer.status == "INCONCLUSIVE" and words in answer.summary
    assert not Path("~/nnlint-was-here").expanduser().exists()


def test_native_code_cannot_write_either(tmp_path):
    victim = tmp_path / "native.txt"
    body = (
        f"__import__('ctypes').CDLL(None).creat({str(victim)!r}.encode(), 0o644)"
        " if self.layer is not None else None"
    )
    outcome = run(tmp_path, body, ["eval-determinism"])
    if not outcome.environment["files_locked"]:
        pytest.skip("the kernel has no Landlock")
    assert outcome.results[0].status == "REFUTED" and not victim.exists()


def test_the_scratch_folder_is_writable_and_gone_afterwards(tmp_path):
    body = "open('note.txt', 'a').write(os.getcwd())"
    (answer,) = run(tmp_path, body, ["eval-determinism"]).results
    assert answer.status == "REFUTED"
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]


def test_an_interpreter_that_is_none_or_has_no_torch(tmp_path):
    job = {"target": {"file": "x.py", "name": "X"}, "probes": ["input-use"], "options": {}}
    missing = run_job(str(tmp_path / "python"), job, Limits())
    assert "cannot be started" in missing.failure["reason"]
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    outcome = run_job(str(bare), job, Limits())
    assert outcome.failure["stage"] == "torch" and "has no torch" in outcome.failure["reason"]
    assert outcome.results[0].status == "INCONCLUSIVE"
