"""Slices, constructor arguments and inputs, found without help."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.construction.annotated import annotated
from nnlint.verify.runtime.construction.batch_axis import time_hint
from nnlint.verify.runtime.construction.building import NotLoaded, build, load_target
from nnlint.verify.runtime.construction.fitting import NotRun, fit_inputs
from nnlint.verify.runtime.construction.trials import Trials
from nnlint.verify.runtime.inputs import Inputs

SCRIPT = '''import argparse
import nothing_that_is_installed
from nothing_that_is_installed import decorate

parser = argparse.ArgumentParser()
parser.add_argument("data", help="a folder")
parser.add_argument("--dataset", required=True)
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
    assert built.origin == "the arguments given" and shapes(built) == [(4, 2, 6)]
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


def module_in(folder, text: str) -> str:
    path = folder / "model.py"
    path.write_text("import torch\nfrom torch import nn\n\n\n" + text)
    return str(path)


@pytest.mark.parametrize(
    ("hint", "names", "kind"),
    [
        ('Float[Tensor, "batch time 3"]', ("batch", "time", "3"), "float"),
        ("Int64[torch.Tensor, '*batch t=12']", ("batch", "12"), "long"),
        ('Bool[Tensor, "b ... t"]', ("b", "t"), "bool"),
        ("TensorType['batch', 'dim']", ("batch", "dim"), "float"),
    ],
)
def test_annotations_name_axes(hint, names, kind):
    assert annotated(hint) == (names, kind)


def test_annotations_that_name_none():
    assert annotated("Tensor") is None and annotated(None) is None
    assert annotated('Float[Tensor, "h*w c"]') is None


def test_annotated_shapes_are_inputs(tmp_path):
    text = (
        "class Net(nn.Module):\n"
        "    def __init__(self, dim):\n        super().__init__()\n        self.dim = dim\n\n"
        "    def forward(self, x: 'Float[Tensor, \"batch k time dim\"]', "
        "ids: 'Int[Tensor, \"batch k\"]'):\n"
        "        assert x.shape[:2] == ids.shape and x.shape[-1] == self.dim\n"
        "        return x * ids[..., None, None]\n"
    )
    built = build(module_in(tmp_path, text), "Net", budget=30)
    x, ids = shapes(built)
    assert x[:2] == ids and x[3] == built.model.dim and len({*x}) == 4


def test_a_class_that_a_package_passes_on_is_found_without_importing_the_package(tmp_path):
    folder = tmp_path / "handed"
    folder.mkdir()
    (folder / "__init__.py").write_text("import not_installed\nfrom ._net import Net\n")
    (folder / "_net.py").write_text(
        "from torch import nn\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(6, 2)\n\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
    )
    built = build(str(folder / "__init__.py"), "Net")
    assert built.problem == "" and shapes(built)[0][-1] == 6


@pytest.mark.parametrize(
    "constructor",
    [
        # a number that the constructor asserts, in a default that need not be None
        "(self, widths=None):\n        assert len(widths) == 4",
        # sizes that the message tells
        "(self, in_channels, n_groups=48):\n        nn.GroupNorm(n_groups, in_channels)",
        # a stand-in that must have more than a forward
        "(self, encoder, width):\n        assert encoder.hidden_size > 0",
        "(self, input_shape):\n        batch, time, channels = input_shape",
        "(self, depths, kernel_sizes):\n"
        "        assert len(depths) == len(kernel_sizes), 'lengths must be the same'\n"
        "        depths[3]",
        "(self, mode):\n        if mode not in {'MAX', 'AVG'}:\n"
        "            raise ValueError(f\"Unsupported option '{mode}', options are {{'MAX', 'AVG'}}\")",
        "(self, block_class: nn.ReLU):\n        block_class()",
    ],
)
def test_constructors_are_found_out(tmp_path, constructor):
    text = (
        f"class Net(nn.Module):\n    def __init__{constructor}\n        super().__init__()\n"
        "        self.layer = nn.Linear(6, 2)\n\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
    )
    text = text.replace("        super().__init__()\n        self", "        self")
    text = text.replace(":\n        ", ":\n        super().__init__()\n        ", 1)
    built = build(module_in(tmp_path, text), "Net", budget=30)
    assert built.problem == "" and shapes(built)[0][-1] == 6


def test_two_inputs_that_are_joined_before_the_first_layer(tmp_path):
    text = (
        "class Warp(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(2, 4, 3)\n\n"
        "    def forward(self, moving, fixed):\n        assert moving.shape == fixed.shape\n"
        "        return self.conv(torch.cat([moving, fixed], 1))\n"
    )
    built = build(module_in(tmp_path, text), "Warp", budget=30)
    assert [s[1] for s in shapes(built)] == [1, 1]


def test_slow_models_are_tried_without_computing():
    model = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.BatchNorm1d(3)).eval()
    trials = Trials(model)
    trials.slow = True
    progress, error = trials.run(Inputs.of((torch.ones(5, 7),), {}))
    assert progress == 0 and "7" in str(error)
    assert trials.run(Inputs.of((torch.ones(5, 6),), {})) == (3, None)
    assert all(p.device.type == "cpu" for p in model.parameters())


def test_models_that_look_at_values_run_for_real():
    class Gate(torch.nn.Module):
        def forward(self, x):
            return x * 2 if float(x.mean()) > 0 else x

    trials = Trials(Gate())
    trials.slow = True
    assert trials.run(Inputs.of((torch.ones(5, 7),), {})) == (1, None)


def test_examples_are_as_many_as_nothing_else_is():
    class Mesh(nn.Module):
        """Five places with a fixed neighbourhood, which is no batch."""

        def __init__(self):
            super().__init__()
            self.register_buffer("near", torch.rand(5, 5))
            self.layer = nn.Linear(5, 5)

        def forward(self, x):
            return self.layer(x) @ self.near

    inputs = fit_inputs(Mesh().eval(), {})
    assert inputs.guessed and inputs.count != 5 and inputs.args[0].shape[-1] == 5


def test_what_else_may_be_given_is_not_made_up():
    class Open(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x, *rest, **options):
            return self.layer(x)

    inputs = fit_inputs(Open().eval(), {})
    assert len(inputs.args) == 1 and not inputs.kwargs


def fitted(tmp_path, body: str, name: str = "Net", **arguments):
    path = tmp_path / "model.py"
    path.write_text("import torch\nfrom torch import nn\nimport torch.nn.functional as F\n" + body)
    return build(str(path), name, None, arguments or None, None, 0, 45.0, None)


def test_the_only_documented_shape_is_that_of_the_input(tmp_path):
    body = """
class Net(nn.Module):
    \"\"\"Smooths signals (batch, channels, time) and returns (batch, time).\"\"\"

    def __init__(self, channels):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, signal):
        return (signal * self.gain).mean(1)
"""
    built = fitted(tmp_path, body, channels=6)
    assert [tuple(t.shape[1:]) for _, t in built.inputs.tensors] == [(6, 11)]
    assert time_hint(built.model) == 2


def test_inputs_fit_in_train_mode_as_well(tmp_path):
    body = """
class Net(nn.Module):
    def __init__(self, width=10):
        super().__init__()
        self.gates = nn.Parameter(torch.zeros(3, width))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        if self.training:
            return self.head(x @ self.gates.softmax(-1).t())
        return self.head(x @ F.one_hot(self.gates.argmax(-1), x.size(-1)).float().t())
"""
    built = fitted(tmp_path, body)
    assert [t.shape[-1] for _, t in built.inputs.tensors] == [10]


def test_steps_fit_a_short_table_of_positions(tmp_path):
    body = """
class Net(nn.Module):
    def __init__(self, words=30, room=6):
        super().__init__()
        self.words, self.places = nn.Embedding(words, 8), nn.Embedding(room, 8)

    def forward(self, ids):
        return self.words(ids) + self.places(torch.arange(ids.shape[1]))
"""
    built = fitted(tmp_path, body)
    assert [t.shape[1] for _, t in built.inputs.tensors] == [6]


def test_matrices_beside_what_they_multiply(tmp_path):
    body = """
class Net(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, nodes, links):
        return self.layer(torch.bmm(links, self.layer(torch.bmm(links, nodes))))
"""
    built = fitted(tmp_path, body)
    (_, nodes), (_, links) = built.inputs.tensors
    assert links.shape[1] == links.shape[2] == nodes.shape[1]


def test_a_search_ends_where_no_input_helps():
    tried = []

    class Net(nn.Module):
        def __init__(self, trunk):
            super().__init__()
            self.trunk = trunk

        def forward(self, x):
            return self.trunk(x)

    model = Net(3)
    model.register_forward_pre_hook(lambda *_: tried.append(1))
    with pytest.raises(NotRun, match="not callable"):
        fit_inputs(model, {})
    assert len(tried) == 1
