"""`nnlint verify` and `nnlint --verify`, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.finding import Finding, Level, Position
from nnlint.registry import load_rules
from nnlint.verify.catalogue import ALIASES, PROBES
from nnlint.verify.environment import choose_python
from nnlint.verify.schedules import plan_of
from nnlint.verify.suspects import target_of
from nnlint.verify.targets import TargetError, read_target

TRAIN = """import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

EPOCHS = 200


class Sentiment(nn.Module):
    def __init__(self, vocabulary, hidden, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 32)
        self.rnn = nn.LSTM(32, hidden, num_layers=layers, batch_first=True)
        self.head = nn.Linear(hidden * layers, 10)

    def forward(self, x):
        _, (h_n, _) = self.rnn(self.embed(x))
        out = h_n.view(x.size(0), -1)
        return self.head(out)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(0)
    model = Plain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, step_size=30)
    for epoch in range(EPOCHS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(8, 20)), torch.arange(8)).backward()
        optimizer.step()
        scheduler.step()
    raise SystemExit("module-level code ran")


main()
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def test_findings_get_verdicts(project, capsys):
    status = run(["--no-cache", "--isolated", "--verify", "--output-format", "json", "."])
    found = {f["name"]: f["verdict"] for f in json.loads(capsys.readouterr().out)}
    view = found["view-mixes-batch"]
    assert view["status"] == "CONFIRMED" and "begin to mix here" in view["summary"]
    assert view["evidence"]["culprit"]["place"]["row"] == 17
    decay = found["lr-driven-to-zero"]
    assert decay["status"] == "CONFIRMED" and "from epoch 90" in decay["summary"]
    assert status == 1


def test_refuted_findings_leave_the_exit_status(project, capsys):
    text = TRAIN.replace("EPOCHS = 200", "EPOCHS = 45")
    text = text.replace("h_n.view(x.size(0), -1)", "torch.cat([h_n[0], h_n[1]], 1)")
    (project / "train.py").write_text(text)
    options = ["--no-cache", "--isolated", "--select", "default-step-decay", "."]
    assert run(options) == 1
    assert run(["--verify", *options]) == 0
    assert "refuted" in capsys.readouterr().out


def test_verify_a_target_and_write_evidence(project, capsys):
    options = ["verify", "train.py:Sentiment", "--probe", "batch-dependency"]
    assert run([*options, "--verify-output", "evidence"]) == 1
    out = capsys.readouterr().out
    assert "out = h_n.view(x.size(0), -1)" in out and "✗ CONFIRMED" in out
    picture = (project / "evidence" / "Sentiment-batch-dependency.svg").read_text()
    assert picture.startswith("<svg") and "framed: not zero off the diagonal" in picture
    script = project / "evidence" / "reproduce_Sentiment.py"
    lines = script.read_text().splitlines()
    assert len(lines) <= 20 and not any("nnlint" in line for line in lines)


def test_the_reproducer_runs_alone(project):
    library = TRAIN.partition("def main")[0]
    (project / "library.py").write_text(library)
    options = ["verify", "library:Sentiment", "--probe", "batch-dependency", "--verify-output", "."]
    assert run(options) == 1
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "reproduce_Sentiment.py"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout.splitlines()[0].rpartition(":")[2])
    assert len(changed) > 1
    assert "import library" not in Path("reproduce_Sentiment.py").read_text()


def test_arguments_inputs_and_configuration(project, capsys):
    command = ["verify", "train.py:Sentiment", "--output-format", "json", "--probe", "input-use"]
    given = ["--args", '{"vocabulary": 50, "hidden": 4}', "--input", "4,9"]
    assert run([*command, *given, "--input-dtype", "int64:50"]) == 0
    built = json.loads(capsys.readouterr().out)["built"]
    assert built["inputs"] == ["argument 0: (4, 9) int64 below 50"]
    assert built["arguments"] == ["vocabulary=50", "hidden=4"]
    (project / "nnlint.toml").write_text(
        '[verify."train:Sentiment"]\nargs = {vocabulary = 50, hidden = 4}\n'
        'inputs = [{shape = [4, 9], dtype = "int64", high = 50}]\n'
    )
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["built"]["inputs"] == built["inputs"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "neither pkg.module:Class nor path/file.py:Class"),
        (["gone.py:Net"], "gone.py is no file"),
        (["train.py:Plain", "--probe", "batch"], "there is no probe `batch`"),
        (["train.py:Plain", "--input", "4,a"], "a shape is numbers with commas"),
        (["train.py:Plain", "--args", "{"], "--args is no JSON"),
        (["train.py:Plain", "--input", "4,20", "--input-dtype", "flaot32"], "did you mean float32"),
        (["train.py:Plain", "--input", "4,20", "--input-dtype", "int64:x"], "a positive number"),
        (["train.py:Plain", "--seed", "-1"], "is not in the range"),
    ],
)
def test_wrong_options_are_told(project, capsys, arguments, words):
    assert run(["verify", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_arguments_that_do_not_do_are_told_and_not_replaced(project, capsys):
    assert run(["verify", "train.py:Plain", "--args", '{"widht": 3}']) == 2
    out = capsys.readouterr().out
    assert "with the arguments given: TypeError" in out and "widht" in out
    options = ["--probe", "input-use", "--output-format", "json"]
    assert run(["verify", "train.py:Sentiment", "--args", '{"hidden": 6}', *options]) == 0
    built = json.loads(capsys.readouterr().out)["built"]
    assert built["origin"] == "the arguments given, completed by guesses"
    assert "hidden=6" in built["arguments"]


def test_nothing_that_could_be_told_is_no_success(project, capsys):
    options = ["--probe", "batch-dependency", "--axis", "7"]
    assert run(["verify", "train.py:Plain", *options]) == 2
    assert "no input is a tensor with an axis 7" in capsys.readouterr().out


def test_every_rule_names_a_probe_that_exists():
    named = {r.name: ALIASES.get(r.probe, r.probe) for r in load_rules() if r.probe}
    assert named["loss-broadcast"] == "loss-shape" and set(named.values()) <= set(PROBES)


def test_a_class_that_is_not_there(project, capsys):
    assert run(["verify", "train.py:Gone"]) == 2
    assert "defines no Gone" in capsys.readouterr().out


def test_targets(project):
    assert read_target("pkg.model:Net").module == "pkg.model"
    with pytest.raises(TargetError):
        read_target("pkg.model")
    inside = _finding("view-mixes-batch", 17)
    assert target_of(inside).name == "Sentiment"
    trained = target_of(_finding("missing-eval-mode", 38))
    assert trained.name == "Plain" and trained.certain
    (project / "train.py").write_text(TRAIN + "\nother = Sentiment(9, 9)\n")
    assert not target_of(_finding("missing-eval-mode", 38)).certain


def _finding(name: str, row: int, column: int = 1, end: int = 2) -> Finding:
    return Finding(
        "NN000", name, Level.ERROR, "", "train.py", Position(row, column), Position(row, end)
    )


def test_plan_of_a_schedule_by_hand(project):
    (project / "train.py").write_text(
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', default=0.2)\nparser.add_argument('--epochs', default=60)\n"
        "args = parser.parse_args()\n"
        "import torch\noptimizer = torch.optim.SGD([torch.ones(1)], lr=args.lr)\n"
        "for epoch in range(args.epochs):\n    lr = args.lr * 0.1 ** (epoch // 30)\n"
        "    for group in optimizer.param_groups:\n        group['lr'] = lr\n"
    )
    plan = plan_of(_finding("default-step-decay", 9, 10, 44))
    assert plan["variable"] == "epoch" and plan["epochs"] == 60
    assert plan["names"] == {"args.lr": 0.2}


def test_the_interpreter_is_chosen(tmp_path, monkeypatch):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert choose_python("/opt/python", tmp_path) == "/opt/python"
    binary = tmp_path / ".venv" / "bin" / "python"
    binary.parent.mkdir(parents=True)
    binary.touch()
    assert choose_python(None, tmp_path / "src") == str(binary)


def test_a_missing_seed_is_shown_on_the_model_that_the_script_imports(project, capsys):
    (project / "parts.py").write_text(TRAIN.partition("def main")[0])
    script = TRAIN.partition("def main")[2].replace("torch.manual_seed(0)", "pass")
    script = script.replace("Plain()", "Net()").replace("    raise", "    pass; raise")
    imports = TRAIN.partition("class")[0] + "from parts import Plain as Net\n\n\ndef main"
    (project / "train.py").write_text(imports + script)
    options = ["--no-cache", "--isolated", "--select", "missing-seed", "--verify", "train.py"]
    assert run(options) == 1
    out = capsys.readouterr().out
    assert "confirmed: two constructions without a seed differ in 4 of 4 tensors" in out
