"""What a value on the way of a sample shares memory with."""

from __future__ import annotations

import textwrap

import pytest
from program_text import analysed

from nnlint.questions.data.mutating import mutations

HEAD = """
import json, random
import h5py
import numpy as np
import torch
from torch.utils.data import Dataset

class Samples(Dataset):
    def __init__(self, given):
        self.images = np.load("images.npy")
        self.signals = torch.load("signals.pt")
        self.rows = json.load(open("rows.json"))
        self.file = h5py.File("volumes.h5")["volumes"]
        self.given = given
        self.seen = {}

    def __len__(self):
        return 3

    def __getitem__(self, i):
"""


def changed(body: str) -> list[str]:
    """The attributes whose contents an access changes."""
    analysis = analysed(HEAD + textwrap.indent(textwrap.dedent(body), " " * 8))
    return [m.stored.attribute for p in analysis.programs for m in mutations(p)]


@pytest.mark.parametrize(
    "body, attribute",
    [
        ("self.images[i] /= 255\nreturn self.images[i]", "images"),
        ("image = self.images[i]\nimage -= image.mean()\nreturn image", "images"),
        ("window = self.signals[i : i + 3].view(-1)\nwindow.mul_(2)\nreturn window", "signals"),
        ("part = torch.from_numpy(self.images[i])\npart[:, 2:] += 1\nreturn part", "images"),
        ("row = self.rows[i]\nrow['x'] = row['x'] + [0]\nreturn row", "rows"),
        ("x = self.given[i]\nx[:, :2] *= 2\nreturn x", "given"),
    ],
)
def test_what_is_stored_is_changed(body: str, attribute: str) -> None:
    assert changed(body) == [attribute]


@pytest.mark.parametrize(
    "body",
    [
        "image = self.images[i].copy()\nimage /= 255\nreturn image",
        "image = self.images[i] / 255\nimage -= 1\nreturn image",
        "volume = self.file[i]\nvolume -= volume.mean()\nreturn volume",
        "image = self.images[np.arange(i)]\nimage /= 255\nreturn image",
        "if i not in self.seen:\n    self.images[i] /= 255\n    self.seen[i] = True\nreturn i",
        "label = self.given[i]\nlabel -= 1\nreturn label",
        "row = self.rows[i]\nrow['index'] = i\nreturn row",
    ],
)
def test_nothing_that_is_stored_is_changed(body: str) -> None:
    assert changed(body) == []
