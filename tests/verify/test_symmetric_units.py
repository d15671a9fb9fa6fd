"""The probe that trains units which start out equal."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

from nnlint.cli import run
from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import load
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Net(nn.Module):
    """Two hidden layers; what is set to a constant is told by name."""

    def __init__(self, value, *constant, middle=nn.Tanh, bias=True):
        super().__init__()
        self.first, self.second = nn.Linear(6, 16, bias=bias), nn.Linear(16, 8, bias=bias)
        self.last, self.middle = nn.Linear(8, 3), middle()
        for name in constant:
            layer = getattr(self, name)
            nn.init.constant_(layer.weight, value)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.last(self.middle(self.second(self.middle(self.first(x)))))


class Reader(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.core, self.head = kind(6, 10, batch_first=True), nn.Linear(10, 4)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)

    def forward(self, x):
        return self.head(self.core(x)[0])


class Pictures(nn.Module):
    def __init__(self, groups=1, norm=False):
        super().__init__()
        self.one = nn.Conv2d(4, 8, 3, groups=groups)
        self.up = nn.ConvTranspose2d(8, 6, 3)
        self.norm = nn.LayerNorm(6) if norm else nn.Identity()
        self.head = nn.Linear(6, 3)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.05)

    def forward(self, x):
        x = self.up(self.one(x).relu()).relu().mean((2, 3))
        return self.head(self.norm(x))


class Written(nn.Module):
    def __init__(self, fill):
        super().__init__()
        self.w1, self.w2 = nn.Parameter(fill(6, 16)), nn.Parameter(fill(16, 3))

    def forward(self, x):
        return (x @ self.w1).relu() @ self.w2


class Low(nn.Module):
    """An adapter that starts at zero, as is meant."""

    def __init__(self):
        super().__init__()
        self.base, self.down, self.up = nn.Linear(6, 5), nn.Linear(6, 2), nn.Linear(2, 5)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def ask(model, *shape):
    inputs = Inputs.of((torch.randn(shape or (7, 6)),))
    return load("symmetric-units").run(Subject(Runner(model), inputs, Options()))


@pytest.mark.parametrize(
    ("model", "shape", "layer"),
    [
        (Net(0.1, "first", "second"), (7, 6), "first.weight"),
        (Net(0.0, "first", "second", middle=nn.ReLU), (7, 6), "first.weight"),
        (Net(0.3, "first", "second", "last", bias=False), (7, 6), "second.weight"),
        (Reader(nn.LSTM), (5, 4, 6), "core.weight_ih_l0"),
        (Reader(nn.GRU), (5, 4, 6), "core.weight_hh_l0"),
        (Pictures(), (5, 4, 9, 9), "one.weight"),
        (Pictures(groups=2), (5, 4, 9, 9), "up.weight"),
        (Pictures(norm=True), (5, 4, 9, 9), "one.weight"),
        (Written(torch.ones), (7, 6), "w1"),
        (Written(torch.zeros), (7, 6), "w1"),
    ],
)
def test_units_that_stay_equal(model, shape, layer):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    answer = ask(model, *shape)
    assert answer.status == "CONFIRMED"
    assert layer in answer.evidence["alike"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_numbers_are_told():
    answer = ask(Net(0.1, "first", "second"))
    assert answer.summary.startswith(
        "all 16 units of `first.weight` are still equal after 20 steps"
    )
    assert answer.evidence["way"]["first.weight"] > 0.001


@pytest.mark.parametrize(
    "model",
    [
        Net(0.1, "first"),
        Net(0.1, "last"),
        Net(0.1, "first", "second", middle=nn.Dropout),
        Low(),
    ],
)
def test_units_that_come_apart(model):
    answer = ask(model)
    assert answer.status == "INCONCLUSIVE"
    assert "start equal and come apart" in answer.summary


@pytest.mark.parametrize("model", [Net(0.1), Written(torch.randn), nn.LayerNorm(6)])
def test_units_that_start_different(model):
    assert ask(model).status == "REFUTED"


def test_a_kept_filter_has_no_units_to_train():
    model = Net(0.1, "first")
    model.first.weight.requires_grad_(False)
    assert ask(model).status == "REFUTED"


GRADER = """import torch
from torch import nn


class Grader(nn.Module):
    def __init__(self, width=12, grades=3):
        super().__init__()
        self.hidden, self.mark = nn.Linear(width, 40), nn.Linear(40, grades)
        for layer in (self.hidden, self.mark):
            nn.init.constant_(layer.weight, 0.2)
            nn.init.zeros_(layer.bias)

    def forward(self, essays):
        return self.mark(self.hidden(essays).tanh())
"""
OUTSIDE = """import torch
from torch import nn


class Grader(nn.Module):
    def __init__(self, width=12, grades=3):
        super().__init__()
        self.hidden, self.mark = nn.Linear(width, 40), nn.Linear(40, grades)

    def forward(self, essays):
        return self.mark(self.hidden(essays).tanh())


def reset(layer):
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.weight, 0.2)
        nn.init.zeros_(layer.bias)


grader = Grader()
grader.apply(reset)
marks = grader(torch.randn(8, 12))
"""


@pytest.mark.parametrize(("text", "status"), [(GRADER, "CONFIRMED"), (OUTSIDE, "INCONCLUSIVE")])
def test_the_verdict_on_a_finding(text, status, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grader.py").write_text(text)
    given = ["--no-cache", "--isolated", "--verify", "--python", sys.executable]
    run([*given, "--select", "constant-init", "--output-format", "json", "grader.py"])
    found = json.loads(capsys.readouterr().out)
    assert [f["verdict"]["status"] for f in found] == [status]
    said = found[0]["verdict"]["summary"]
    assert ("all 40 units" if status == "CONFIRMED" else "did not run") in said
