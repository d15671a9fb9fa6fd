"""`--fix --verify`: only what running the code proves to be mended is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.finding import Verdict
from nnlint.verify import attach
from nnlint.verify.processes import Workers
from nnlint.verify.session import Limits, run_job

RECURRENT = """import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self, words=50, hidden=8, layers=2):
        super().__init__()
        self.embed = nn.Embedding(words, 12)
        self.rnn = nn.GRU(12, hidden, num_layers=layers, batch_first=True)
        self.head = nn.Linear(hidden * layers, 4)

    def forward(self, x):
        _, h_n = self.rnn(self.embed(x))
        out = h_n.view(x.size(0), -1)
        return self.head({mixing})
"""
CLASSIFIER = """import torch
import torch.nn.functional as F
from torch import nn


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(20, 32)
        self.bn = nn.BatchNorm1d(32)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.relu(self.bn(self.drop(self.fc(x))))
        return F.softmax(self.out(x), dim=1)


def train(loader):
    torch.manual_seed(0)
    model = Digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
"""
OPTIONS = ["--no-cache", "--isolated", "--verify", "--python", sys.executable, "--unsafe-fixes"]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fix(*arguments: str) -> int:
    return run([*OPTIONS, "--select", "NN301,NN401,NN311", *arguments, "."])


def test_what_is_proven_is_written(project, capsys):
    (project / "reader.py").write_text(RECURRENT.replace("{mixing}", "out"))
    (project / "digits.py").write_text(CLASSIFIER)
    assert fix("--diff") == 1
    shown = capsys.readouterr()
    assert "+        out = h_n.transpose(0, 1).reshape(x.size(0), -1)" in shown.out
    assert "h_n.view" in (project / "reader.py").read_text()
    fix("--fix", "--output-format", "json")
    told = capsys.readouterr()
    assert told.err.count("confirmed before the fix, gone after it") == 2
    assert "h_n.transpose(0, 1).reshape" in (project / "reader.py").read_text()
    assert "return self.out(x)" in (project / "digits.py").read_text()
    # it has no fix: it is told with what was seen
    (left,) = json.loads(told.out)
    assert left["code"] == "NN311" and left["verdict"]["status"] == "CONFIRMED"


def test_what_still_mixes_after_the_fix_is_left_alone(project, capsys):
    text = RECURRENT.replace("{mixing}", "out - out.mean(0)")
    (project / "reader.py").write_text(text)
    assert fix("--fix") == 1
    told = capsys.readouterr().err
    assert "NN301 view-mixes-batch is not fixed: it is not proven to be mended: CONFIRMED" in told
    assert "--fix without --verify makes the others too" in told
    assert (project / "reader.py").read_text() == text


@pytest.mark.parametrize(
    ("status", "words"),
    [("REFUTED", "running the code refuted it"), ("INCONCLUSIVE", "not proven")],
)
def test_findings_that_are_not_confirmed_are_left_alone(
    project, capsys, monkeypatch, status, words
):
    monkeypatch.setattr(attach, "_verdict", lambda *_: Verdict(status, "seen so"))
    text = RECURRENT.replace("{mixing}", "out")
    (project / "reader.py").write_text(text)
    assert fix("--fix") == (0 if status == "REFUTED" else 1)
    told = " ".join(capsys.readouterr().err.split())
    assert words in told and "seen so" in told
    assert fix("--diff") == 0
    assert capsys.readouterr().out == "" and (project / "reader.py").read_text() == text


def test_fixes_that_no_probe_can_prove_are_counted(project, capsys):
    (project / "train.py").write_text(
        CLASSIFIER.replace("F.softmax(self.out(x), dim=1)", "self.out(x)").replace(
            "            optimizer.zero_grad()\n", ""
        )
    )
    before = (project / "train.py").read_text()
    run([*OPTIONS, "--select", "missing-zero-grad", "--fix", "."])
    assert "1 finding that no probe can prove are left alone" in capsys.readouterr().err
    assert (project / "train.py").read_text() == before


PACKAGE = {
    "net/__init__.py": "",
    "net/model.py": """from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x)
""",
}


@pytest.mark.parametrize("name", ["net/model.py", "alone.py"])
def test_another_text_runs_under_the_path_of_the_file(project, name):
    for path, text in {**PACKAGE, "alone.py": PACKAGE["net/model.py"]}.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    # a compiled copy of the old text is there, too
    subprocess.run([sys.executable, "-m", "compileall", "-q", "."], check=True)
    file = project / name
    changed = file.read_text().replace(
        "        return self", "        x = x - x.mean(0)\n        return self"
    )
    job = {
        "target": {"file": str(file), "name": "Net"},
        "probes": ["batch-dependency"],
        "options": {"axis": 0},
        "inputs": [{"shape": [5, 4]}],
    }
    with Workers(sys.executable) as workers:
        clean = run_job(sys.executable, job, Limits(), workers=workers)
        over = {**job, "overlay": {str(file): changed}}
        mixed = run_job(sys.executable, over, Limits(), workers=workers)
    assert clean.results[0].status == "REFUTED"
    assert mixed.results[0].status == "CONFIRMED"
    assert mixed.results[0].evidence["culprit"]["place"]["filename"] == str(file)
    assert "mean" not in file.read_text()
