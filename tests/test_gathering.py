"""Findings of a project that become one: twins, and rules that gather."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnlint.cli import main

UNSEEDED = """import torch
from torch import nn

# the data
x = torch.load("{name}.pt")
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(10):
    optimizer.zero_grad()
    model(x).mean().backward()
    optimizer.step()
"""
SEEDED = UNSEEDED.replace("# the data\n", "torch.manual_seed(0)\n")


def script(path: Path, text: str = UNSEEDED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("{name}", path.stem))


def notebook(path: Path, *cells: str) -> None:
    code = [
        {"cell_type": "code", "metadata": {}, "source": c, "outputs": [], "execution_count": None}
        for c in cells
    ]
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": code}
    path.write_text(json.dumps(content))


def told(folder: Path, capsys, monkeypatch, *options: str) -> list[dict]:
    """What the command line reports, as JSON."""
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit):
        main(["--output-format", "json", "--isolated", "--quiet", *options, "."])
    return json.loads(capsys.readouterr().out)


def places(finding: dict) -> list[str]:
    return [related["filename"] for related in finding["related"]]


def test_one_finding_where_most_programs_lack_a_seed(tmp_path, capsys, monkeypatch):
    for name in ("audio", "images", "text"):
        script(tmp_path / name / f"{name}.py")
    script(tmp_path / "seeded.py", SEEDED)
    for _ in range(2):
        # the second time from the cache
        (finding,) = told(tmp_path, capsys, monkeypatch)
        assert finding["filename"] == "audio/audio.py"
        assert places(finding) == ["images/images.py", "text/text.py"]
        assert "2 other training programs of this project" in finding["message"]
    (finding,) = told(tmp_path, capsys, monkeypatch, "--jobs", "2", "--no-cache")
    assert places(finding) == ["images/images.py", "text/text.py"]


def test_findings_stay_apart_where_most_programs_are_seeded(tmp_path, capsys, monkeypatch):
    for name in ("audio", "images"):
        script(tmp_path / f"{name}.py")
    for name in ("first", "second"):
        script(tmp_path / f"{name}.py", SEEDED)
    for _ in range(2):
        found = told(tmp_path, capsys, monkeypatch)
        assert [(f["filename"], f["related"]) for f in found] == [
            ("audio.py", []),
            ("images.py", []),
        ]


def test_projects_stay_apart(tmp_path, capsys, monkeypatch):
    for project in ("one", "two"):
        script(tmp_path / project / "setup.py", "")
        script(tmp_path / project / "a.py")
        script(tmp_path / project / "b.py")
    found = told(tmp_path, capsys, monkeypatch)
    assert [(f["filename"], places(f)) for f in found] == [
        ("one/a.py", ["one/b.py"]),
        ("two/a.py", ["two/b.py"]),
    ]


def test_what_is_left_out_is_no_part(tmp_path, capsys, monkeypatch):
    script(tmp_path / "a.py", UNSEEDED.replace("nn.Linear(8, 1)", "nn.Linear(8, 1)  # noqa: NN101"))
    for name in ("b", "c", "d"):
        script(tmp_path / f"{name}.py")
    (finding,) = told(tmp_path, capsys, monkeypatch)
    assert (finding["filename"], places(finding)) == ("b.py", ["c.py", "d.py"])
    (finding,) = told(tmp_path, capsys, monkeypatch, "--per-file-ignores", "c.py:NN101")
    assert (finding["filename"], places(finding)) == ("b.py", ["d.py"])
    assert told(tmp_path, capsys, monkeypatch, "--select", "NN202") == []


def test_a_baseline_knows_every_place(tmp_path, capsys, monkeypatch):
    for name in ("a", "b", "c"):
        script(tmp_path / f"{name}.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["--isolated", "--write-baseline", "known.json", "."])
    assert len(json.loads(Path("known.json").read_text())) == 3
    script(tmp_path / "a.py", SEEDED)
    assert told(tmp_path, capsys, monkeypatch, "--baseline", "known.json") == []
    script(tmp_path / "new.py")
    (finding,) = told(tmp_path, capsys, monkeypatch, "--baseline", "known.json")
    assert (finding["filename"], finding["related"]) == ("new.py", [])


def test_fixes_reach_every_place(tmp_path, capsys, monkeypatch):
    for name in ("a", "b"):
        script(tmp_path / f"{name}.py")
    assert told(tmp_path, capsys, monkeypatch, "--fix", "--unsafe-fixes") == []
    assert "torch.manual_seed(0)" in (tmp_path / "b.py").read_text()


SOFTMAX = """import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 4), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in torch.load("batches.pt"):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
"""


def test_a_script_and_its_notebook_are_told_once(tmp_path, capsys, monkeypatch):
    head, _, tail = SOFTMAX.partition("optimizer =")
    notebook(
        tmp_path / "lesson.ipynb", "%matplotlib inline\n" + head, f"# train\noptimizer ={tail}"
    )
    script(tmp_path / "exported.py", "# coding: utf-8\n\n# In[1]:\n\n" + SOFTMAX)
    (finding,) = told(tmp_path, capsys, monkeypatch)
    assert (finding["code"], finding["filename"]) == ("NN401", "exported.py")
    assert "lesson.ipynb" in places(finding)


@pytest.mark.parametrize(
    ("name", "more", "once"),
    [
        ("copy/train.py", "", True),
        ("copy/train.py", "print(model)\n", True),
        ("other.py", "", True),
        ("other.py", "print(model)\n", False),
        ("copy/train.py", "".join(f"print({i}, model)\n" for i in range(9)), False),
    ],
)
def test_copies_of_a_script(name, more, once, tmp_path, capsys, monkeypatch):
    script(tmp_path / "train.py", SOFTMAX)
    script(tmp_path / name, SOFTMAX + more)
    found = told(tmp_path, capsys, monkeypatch)
    assert len(found) == (1 if once else 2)
