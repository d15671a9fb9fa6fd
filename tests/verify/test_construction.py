"""Slices, constructor arguments and inputs, found without help."""

from __future__ import annotations

import pytest
import torch

from nnlint.verify.runtime.construction.building import NotLoaded, build, load_target

SCRIPT = '''import argparse
import nothing_that_is_installed
from nothing_that_is_installed import decorate

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=24)
args = parser.parse_args()
raise_if_run = open("/nowhere/at/all").read()
WIDTH = args.width
LENGTH = len(raise_if_run)

import torch
from torch import nn


class Block(nn.Module):
    """Takes x of shape (batch, time, dim)."""

    def __init__(self, dim, heads):
        super().__init__()
        assert dim % heads == 0
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x, mask=None):
        return self.attention(x, x, x)[0]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, 3)

    def forward(self, x):
        return self.layer(x)


class Pair(nn.Module):
    def __init__(self, in_channels, mode):
        super().__init__()
        if mode not in ("sum", "product"):
            raise ValueError("mode must be one of sum, product")
        self.conv = nn.Conv2d(in_channels, 4, 3)

    def forward(self, image, *, tokens):
        b, c, h, w = image.shape
        return self.conv(image).mean((2, 3)) + tokens.float().mean(1, keepdim=True)


class Folded(nn.Module):
    def __init__(self, window):
        super().__init__()
        self.window = window.size
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x):
        assert x.shape[1:] == (4, 6)
        return x * self.scale


class Window:
    size = 4


class Owner(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 24)
        self.part = Folded(Window())

    def forward(self, x):
        return self.part(self.layer(x).view(-1, 4, 6))


raise SystemExit("training")
'''


@pytest.fixture
def script(tmp_path) -> str:
    path = tmp_path / "train_it.py"
    path.write_text(SCRIPT)
    return str(path)


def shapes(built) -> list[tuple[int, ...]]:
    return [tuple(t.shape) for _, t in built.inputs.tensors]


def test_the_slice_runs_no_training_and_keeps_lines(script):
    net = load_target(script, "Net")
    assert net().layer.in_features == 24
    assert net.forward.__code__.co_filename == script
    row = SCRIPT[: SCRIPT.index("return self.layer(x)")].count("\n") + 1
    assert net.forward.__code__.co_firstlineno == row - 1


def test_a_name_that_is_not_there(script):
    with pytest.raises(NotLoaded, match="defines no Gone"):
        load_target(script, "Gone")


def test_arguments_that_agree_and_documented_shapes(script):
    built = build(script, "Block", budget=30)
    assert built.problem == "" and len(shapes(built)[0]) == 3
    assert built.model(*built.inputs.args).shape == shapes(built)[0]


def test_first_layer_keyword_only_and_compared_constants(script):
    built = build(script, "Pair", budget=30)
    image, tokens = shapes(built)
    assert len(image) == 4 and image[1] == built.model.conv.in_channels
    assert list(built.inputs.kwargs) == ["tokens"] and tokens[0] == image[0]


def test_given_arguments_and_shapes_come_first(script):
    built = build(script, "Block", [], {"dim": 6, "heads": 3}, [{"shape": [4, 2, 6]}])
    assert built.origin == "given" and shapes(built) == [(4, 2, 6)]
    wrong = build(script, "Block", [], {"dim": 6, "heads": 3}, [{"shape": [4, 2, 5]}])
    assert wrong.inputs is None and "with the inputs given" in wrong.problem


def test_token_inputs_stay_in_the_table(tmp_path):
    path = tmp_path / "lm.py"
    path.write_text(
        "from torch import nn\n\n\nclass LM(nn.Module):\n"
        "    def __init__(self, vocab_size, width):\n        super().__init__()\n"
        "        self.embed = nn.Embedding(vocab_size, width)\n"
        "        self.head = nn.Linear(width, vocab_size)\n\n"
        "    def forward(self, idx):\n        b, t = idx.shape\n"
        "        return self.head(self.embed(idx))\n"
    )
    built = build(str(path), "LM", budget=30)
    (tensor,) = (t for _, t in built.inputs.tensors)
    assert tensor.dtype == torch.int64 and tensor.dim() == 2
    assert int(tensor.max()) < built.model.embed.num_embeddings


def test_a_part_as_its_owner_builds_and_calls_it(script):
    built = build(script, "Folded", budget=30)
    assert built.origin == "inside Owner"
    assert shapes(built)[0][1:] == (4, 6)
