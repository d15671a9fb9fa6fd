"""An interpreter that cannot be used is told, and how to name another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.cli.verification import tell_unguarded
from nnlint.verify.environment import unguarded

MODEL = """import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        return self.norm(self.drop(x))
"""


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory) -> str:
    """An interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--verify", "--no-cache", "--select", "NN311", "--output-format", "concise", "."],
        ["verify", "model.py:Block"],
        ["verify", "."],
    ],
)
def test_it_is_told_how_to_name_another(
    tmp_path, monkeypatch, capfd, without_torch, arguments, missing
):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL, encoding="utf-8")
    python = "nowhere/python" if missing else without_torch
    status = run([*arguments, "--python", python])
    out, err = capfd.readouterr()
    assert status == (1 if arguments[0] == "--verify" else 2)
    assert "`--python PATH` names the interpreter that has your project's torch" in out + err
    assert "cannot be started" in out + err if missing else "has no torch" in out + err


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_what_is_not_guarded_on_a_platform_is_told(platform, monkeypatch, capsys) -> None:
    assert unguarded("linux") is None
    told = unguarded(platform)
    assert told is not None and told.endswith("run only code that you trust")
    monkeypatch.setattr("nnlint.verify.environment.unguarded", lambda: told)
    tell_unguarded({"quiet": False})
    assert capsys.readouterr().err == f"warning: {told}\n"
    tell_unguarded({"quiet": True})
    assert not capsys.readouterr().err
