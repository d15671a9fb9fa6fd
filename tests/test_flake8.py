"""nnlint as an extension of flake8."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("flake8")
SONGS = Path(__file__).parent.parent / "examples" / "bird_songs"


def flake8(*arguments: str, stdin: str = "") -> str:
    command = [sys.executable, "-m", "flake8", "--select", "NN", *arguments]
    return subprocess.run(command, cwd=SONGS, input=stdin, capture_output=True, text=True).stdout


def test_findings_are_those_of_nnlint_in_the_form_of_flake8() -> None:
    told = flake8("--enable-extensions", "NN", "model.py", "train.py")
    assert told.startswith("model.py:17:23: NN311 `self.dropout(x)` drops from")
    assert "model.py:34:19: NN301" in told
    assert "train.py:28:21: NN505" in told
    assert not flake8("train.py"), "only who asks for it gets it"


def test_what_comes_on_stdin() -> None:
    text = (SONGS / "model.py").read_text()
    assert "stdin:34:19: NN301" in flake8("--enable-extensions", "NN", "-", stdin=text)
