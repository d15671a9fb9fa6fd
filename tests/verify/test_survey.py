"""`nnlint verify PATH`: all models of a file or folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.verify.survey import models_in

MODELS = """import torch
from torch import nn
import not_installed_anywhere


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x):
        return self.layer(x)


class Centred(Plain):
    def __init__(self, width=6):
        super().__init__()

    def forward(self, x):
        y = self.layer(x)
        return y - y.mean(0)


class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Centred()
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.inner(x))


class Elsewhere(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = not_installed_anywhere.Body(3)
        self.layer = nn.Linear(self.body.width + 1, 2)

    def forward(self, x):
        return self.layer(self.body(x))


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 3
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "broken.py").write_text("class (")
    return tmp_path


def ask(*arguments: str) -> int:
    return run(["verify", *arguments, "--python", sys.executable])


def test_models_are_found(project):
    names = [m.target.name for m in models_in(["models.py", "broken.py"])]
    assert names == ["Plain", "Centred", "Around", "Elsewhere"]


def test_faults_are_told_once_with_the_models_that_show_them(project, capsys):
    assert ask(".") == 1
    out = capsys.readouterr().out
    assert "✓ Plain" in out and "✗ Centred" in out and "✗ Around" in out
    assert "- Elsewhere" in out and "`not_installed_anywhere` is not installed for" in out
    assert "models.py:21: Centred, batch-dependency" in out
    assert "it shows in Around, too" in out and "no rule reports it" in out
    assert "4 models" in out and "3 built: 1 fault confirmed, 1 of them reported by no rule" in out


def test_as_data_and_a_single_file(project, capsys):
    (project / "clean.py").write_text(
        MODELS.partition("class Centred")[0].replace("import not", "# ")
    )
    assert ask("clean.py", "--output-format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [m["target"] for m in told["models"]] == ["clean.py:Plain"] and told["faults"] == []
    assert ask("models.py", "--output-format", "json", "--probe", "batch-dependency") == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault["target"] == "models.py:Centred" and fault["place"].endswith("models.py:21")
    assert fault["through"] == ["Around"] and fault["findings"] == []


def test_static_findings_about_the_same_are_named(project, capsys):
    (project / "models.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Reader(nn.Module):\n"
        "    def __init__(self, layers=2):\n        super().__init__()\n"
        "        self.rnn = nn.GRU(12, 8, num_layers=layers, batch_first=True)\n"
        "        self.head = nn.Linear(8 * layers, 4)\n\n"
        "    def forward(self, x):\n        _, h_n = self.rnn(x)\n"
        "        return self.head(h_n.view(x.size(0), -1))\n"
    )
    assert ask("models.py", "--probe", "batch-dependency") == 1
    assert "reported by NN301" in capsys.readouterr().out


def test_what_cannot_be_asked(project, capsys):
    (project / "empty.py").write_text("x = 1\n")
    assert ask("empty.py") == 2
    assert "there is no model in empty.py" in capsys.readouterr().err
    assert ask("models.py", "--input", "4,6") == 2
    assert "name one, as models.py:Net" in " ".join(capsys.readouterr().err.split())
    assert ask("models.py", "--time-limit", "1") == 2
    assert capsys.readouterr().out.count("not reached in the time there was (--time-limit)") == 4
    (project / "models.py").write_text(
        MODELS.replace("nn.Linear(6, 4)", "not_installed_anywhere.Layer(3)[2]")
    )
    assert ask("models.py", "--probe", "input-use") == 2
