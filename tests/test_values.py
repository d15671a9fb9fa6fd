"""Values that programs build in roundabout ways: lists, names made of text, defaults."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.semantics.values import Key, keys

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def flow(text):
    """The families of layers that run, in order, in a module with nothing unknown between."""
    names = [o.entry.name.rpartition(".")[2] for o in analysed(HEAD + text).operations]
    return [n for n in names if n in ("Linear", "ReLU", "Dropout", "BatchNorm1d", "Softmax")]


def in_init(lines, call="self.net(x)", parameters=""):
    """A module whose constructor runs the given lines."""
    body = "\n".join(f"        {line}" for line in lines.strip().splitlines())
    return f"""
class Net(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
{body}
    def forward(self, x):
        return {call}
"""


@pytest.mark.parametrize(
    "lines",
    [
        "self.net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())",
        "self.net = nn.Sequential(*[nn.Linear(1, 1), nn.ReLU()])",
        "layers = [nn.Linear(1, 1)]\nlayers += [nn.ReLU()]\nself.net = nn.Sequential(*layers)",
        "a = [nn.Linear(1, 1), nn.ReLU(), nn.ReLU()]\na.pop()\nself.net = nn.Sequential(*a)",
        "a = [nn.ReLU()]\na.insert(0, nn.Linear(1, 1))\nself.net = nn.Sequential(*a)",
        "self.net = nn.Sequential()\nself.net.append(nn.Linear(1, 1))\n"
        "self.net.add_module('relu', nn.ReLU())",
        "self.net = nn.Sequential()\nfor i, m in enumerate([nn.Linear(1, 1), nn.ReLU()]):\n"
        "    self.net.add_module(f'layer{i}', m)",
        "self.net = nn.Sequential(*(nn.Linear(1, 1), nn.ReLU(), nn.ReLU())[:-1])",
    ],
)
def test_sequences_keep_their_order(lines):
    assert flow(in_init(lines)) == ["Linear", "ReLU"]


def test_what_is_unknown_in_a_sequence_leaves_the_rest_known():
    text = in_init(
        "self.net = nn.Sequential(*stem, nn.Linear(1, 1), norm(1), nn.Softmax(1))",
        parameters=", stem, norm",
    )
    assert flow(text) == ["Linear", "Softmax"]


def test_layers_of_an_unknown_number_of_rounds_stand_twice():
    text = in_init(
        """layers = []
for _ in range(depth):
    layers += [nn.Linear(1, 1), nn.ReLU()]
self.net = nn.Sequential(*layers)""",
        parameters=", depth",
    )
    assert flow(text) == ["Linear", "ReLU"] * 2


def test_names_made_of_text_are_the_same_where_the_text_is():
    text = in_init(
        """for i in range(depth):
    setattr(self, f"linear{i}", nn.Linear(1, 1))
    self.add_module("drop%d" % i, nn.Dropout(0.1))""",
        call='getattr(self, "drop{}".format(n))(getattr(self, f"linear{n}")(x))',
        parameters=", depth",
    )
    assert flow(text.replace("forward(self, x)", "forward(self, x, n)")) == ["Linear", "Dropout"]


def test_subclass_of_sequential_runs_what_it_is_given():
    text = """
class Block(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.add_module("relu", nn.ReLU())
Block()(torch.rand(1, 1))
"""
    assert flow(text) == ["Linear", "ReLU"]


def test_members_of_a_module_dict():
    text = in_init(
        "self.heads = nn.ModuleDict({'a': nn.Linear(1, 1)})\nself.heads['b'] = nn.Dropout(0.1)",
        call="[self.heads[name](x) for name in self.heads]",
    )
    assert flow(text) == ["Linear", "Dropout"]


def test_configuration_of_an_annotated_parameter_has_its_defaults():
    text = """
from dataclasses import dataclass, field
@dataclass
class Config:
    rate: float = field(default=0.25)
""" + in_init("self.net = nn.Dropout(config.rate)", parameters=", config: Config")
    (drop,) = (o for o in analysed(HEAD + text).operations if o.entry.family == "dropout")
    assert drop.arguments["p"].value == 0.25


def test_defaults_choose_what_a_function_returns():
    text = """
def norm(kind="layer"):
    if kind == "batch":
        return nn.BatchNorm1d(1)
    return nn.ReLU()
norm()(torch.rand(1, 1))
"""
    assert flow(text) == ["ReLU"]


def test_head_put_in_place_of_the_last_layer_of_a_library_model():
    for name, place in (("resnet18", "fc"), ("vgg16", "classifier[6]"), ("vit_b_16", "heads.head")):
        text = f"""
from torchvision import models
net = models.{name}()
net.{place} = nn.Softmax(1)
net(torch.rand(1, 1))
"""
        assert flow(text) == ["Softmax"], name


def test_fields_of_a_named_tuple():
    text = """
from collections import namedtuple
Out = namedtuple("Out", "x, layer")
out = Out(torch.rand(1, 1), layer=nn.ReLU())
out.layer(out[0])
x, layer = out
layer(x)
"""
    assert flow(text) == ["ReLU", "ReLU"]


def test_saved_hyperparameters():
    text = """
import pytorch_lightning as pl
class Net(pl.LightningModule):
    def __init__(self, rate=0.25):
        super().__init__()
        self.save_hyperparameters()
        self.drop = nn.Dropout(self.hparams.rate)
    def forward(self, x):
        return self.drop(x)
"""
    (drop,) = (o for o in analysed(HEAD + text).operations if o.entry.family == "dropout")
    assert drop.arguments["p"].value == 0.25


def test_one_of_several_constants_may_be_called():
    text = """
import sys
hook = "start" if len(sys.argv) > 1 else None
hook(1)
nn.ReLU()(torch.rand(1, 1))
"""
    assert flow(text) == ["ReLU"]


def test_texts_of_a_program_are_no_keys_of_values():
    texts = [key.says for key in vars(keys).values() if isinstance(key, Key)]
    assert len(texts) > 30
    written = "".join(f"options[{text!r}] = {at}\n" for at, text in enumerate(texts))
    text = f"""
import random
options = torch.load("options.pt")
{written}
for x in torch.load("batches.pt"):
    y = options["{texts[0]}"](x) + options.drawn
    if options["test of"] > random.random():
        first, second = options
nn.ReLU()(torch.rand(1, 1))
"""
    program = main_program(HEAD + text)
    assert program.complete and program.operations
