"""Findings whose truth does not lie in one class alone, and what a verdict may say of them."""

from __future__ import annotations

import json
import sys

import pytest

from nnlint.cli import run
from nnlint.verify.runtime.construction.enclosing import owners
from nnlint.verify.suspects import owners_of
from nnlint.verify.targets import Target

PYRAMID = """import torch
from torch import nn


class Pyramid(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.drop = nn.Dropout2d(0.5)

    def forward(self, x):
        return self.drop(torch.relu(self.norm(self.conv(x))))


class Head(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.part = Pyramid(4)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4, classes)

    def forward(self, x):
        return self.last(torch.relu(self.norm(self.conv(self.part(x)))).mean((2, 3)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 16)
        self.score = nn.Linear(16, 1)
        self.kind = nn.Sequential(nn.Linear(16, 10), nn.Softmax(dim=1))

    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.score(h), self.kind(h)


def train(loader):
    torch.manual_seed(0)
    model = Discriminator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        for x, label in loader:
            optimizer.zero_grad()
            score, kind = model(x)
            loss = criterion(kind, label)
            loss.backward()
            optimizer.step()
"""


@pytest.fixture
def verdicts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(PYRAMID)
    arguments = ["--no-cache", "--isolated", "--verify", "--python", sys.executable]

    def ask(rule: str):
        run([*arguments, "--select", rule, "--output-format", "json", "model.py"])
        return [f["verdict"] for f in json.loads(capsys.readouterr().out)]

    return ask


def test_a_dropout_that_feeds_a_norm_of_another_class(verdicts):
    (verdict,) = verdicts("dropout-before-batchnorm")
    assert verdict["status"] == "CONFIRMED" and "input of `norm`" in verdict["summary"]
    assert verdict["evidence"]["target"].endswith(":Head")


def test_the_output_that_has_classes_is_judged(verdicts):
    (verdict,) = verdicts("softmax-into-cross-entropy")
    assert verdict["status"] == "CONFIRMED" and "probability over 10 classes" in verdict["summary"]


def test_owners(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(PYRAMID.replace("Pyramid(4)", "part(4)") + "\n\nmodel = Head(part=Pyramid)\n")
    assert [o.name for o in owners_of(Target("Pyramid", file=str(path)))] == ["Head"]
    assert owners_of(Target("Head", file=str(path))) == []


BLOCK = """from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop = nn.Linear(4, 4), nn.Dropout({rate})

    def forward(self, x):
        return self.drop(self.layer(x))
"""
HOLDER = """from torch import nn

{imported}


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.norm = {called}(), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.block(x))
"""


def project_of_namesakes(folder) -> None:
    (folder / "pyproject.toml").write_text("")
    (folder / "first.py").write_text(BLOCK.format(rate=0.5))
    (folder / "second.py").write_text(BLOCK.format(rate=0.0))
    for name, imported, called in (
        ("Other", "from second import Block", "Block"),
        ("Plain", "from first import Block", "Block"),
        ("Renamed", "from first import Block as Part", "Part"),
        ("Dotted", "import first", "first.Block"),
        ("Wrong", "import second", "second.Block"),
    ):
        text = HOLDER.format(name=name, imported=imported, called=called)
        (folder / f"{name.lower()}.py").write_text(text)


def test_an_owner_builds_this_very_class(tmp_path):
    project_of_namesakes(tmp_path)
    first, second = (str(tmp_path / f"{n}.py") for n in ("first", "second"))
    assert {o.name for o in owners_of(Target("Block", file=first))} == {
        "Plain",
        "Renamed",
        "Dotted",
    }
    assert {o.name for o in owners_of(Target("Block", file=second))} == {"Other", "Wrong"}


def test_a_namesake_does_not_stand_for_a_class(tmp_path):
    project_of_namesakes(tmp_path)
    found = {name for _, _, name in owners(str(tmp_path / "first.py"), "Block")}
    assert "Plain" in found and not found & {"Other", "Wrong"}
