"""Cells whose first row is indented: the kernel takes that off all rows, so they are no errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnlint.testing import findings_of

_TRAINS = """\
import torch
torch.manual_seed(0)
model = torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in torch.rand(8, 3):
    model(x).sum().backward()
    optimizer.step()"""


def _told(tmp_path: Path, *cells: str) -> list[tuple[str, int, int]]:
    path = tmp_path / "run.ipynb"
    code = [{"cell_type": "code", "source": c, "metadata": {}, "outputs": []} for c in cells]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    found = findings_of([path], _TRAINS)
    return [(f.code, f.start.row, f.start.column) for f in found]


@pytest.mark.parametrize("margin", [" ", "    ", "\t"])
def test_a_margin_is_none_of_the_code(tmp_path: Path, margin: str) -> None:
    """What is found stands where it is written, behind the margin."""
    indented = "\n".join(margin + row for row in _TRAINS.split("\n"))
    assert _told(tmp_path, _TRAINS) == [("NN501", 7, 5)]
    assert _told(tmp_path, indented) == [("NN501", 7, 5 + len(margin))]


def test_texts_and_brackets_keep_their_rows(tmp_path: Path) -> None:
    """What goes on from a row before is left as it is."""
    cell = " sizes = dict(\n a=1,\nb=2)\n text = '''one\n two'''\n %matplotlib inline"
    assert _told(tmp_path, _TRAINS, cell) == [("NN501", 7, 5)]


def test_a_row_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    """Only what is indented alike is a margin."""
    assert [code for code, *_ in _told(tmp_path, "x = 1\n  y = 2")] == ["NN001"]
