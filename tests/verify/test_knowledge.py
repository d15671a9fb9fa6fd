"""What the static analysis knows of a class reaches the worker, and builds it."""

from __future__ import annotations

import pytest
from torch import nn

from nnlint.finding import Finding, Level, Position
from nnlint.verify.knowledge import knowledge_of
from nnlint.verify.runtime.construction.building import build
from nnlint.verify.runtime.construction.known import Sizes, known_arguments, known_specs
from nnlint.verify.runtime.construction.shrinking import smaller
from nnlint.verify.runtime.construction.specs import BATCH, FLOAT, HEIGHT, PRIMES, TIME, Spec
from nnlint.verify.runtime.extent import Extent
from nnlint.verify.suspects import target_of
from nnlint.verify.targets import Target

MODEL = """import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        assert width == 7 * depth
        self.layer = nn.Linear(3, width)

    def forward(self, x):
        return self.layer(x)


class Net(nn.Module):
    def __init__(self, encoder, mode, classes, act=None):
        super().__init__()
        assert isinstance(encoder, Encoder) and mode == "per-frame" and act is nn.Tanh
        self.encoder = encoder
        self.head = nn.Linear(encoder.layer.out_features, classes)

    def forward(self, frames, gain=None):
        b, t, f = frames.shape
        assert t == 19 and gain is not None
        return self.head(self.encoder(frames)) * gain
"""
TRAIN = """import torch
from torch import nn

from net import Encoder, Net

MODE = "per-frame"


def main(classes):
    model = Net(Encoder(21, depth=3), MODE, classes, act=nn.Tanh)
    frames = torch.randn(16, 19, 3)
    return model(frames, gain=torch.rand(16, 19, 1))
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "net.py").write_text(MODEL)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "train.py").write_text(TRAIN)
    return tmp_path


def test_call_sites_of_other_files_tell_arguments_and_shapes(project):
    path = str(project / "net.py")
    known = knowledge_of(Target("Net", file=path))
    [call] = known["built"]
    encoder = {"call": {"file": path, "name": "Encoder"}, "args": {"width": 21, "depth": 3}}
    assert call["args"] == {
        "encoder": encoder,
        "mode": "per-frame",
        "act": {"name": "torch.nn.Tanh"},
    }
    assert call["at"] == "train.py:10"
    shapes = [i["args"] for i in known["inputs"] if i["at"] == "train.py:12"]
    assert shapes == [
        {"frames": {"shape": [[16], [19], [3]]}, "gain": {"shape": [[16], [19], [1]]}}
    ]


def test_they_build_what_no_guess_does(project):
    path = str(project / "net.py")
    assert build(path, "Net", budget=4).inputs is None
    built = build(path, "Net", budget=30, knowledge=knowledge_of(Target("Net", file=path)))
    assert built.origin == "call at train.py:10, completed by guesses"
    shapes = [tuple(t.shape) for _, t in built.inputs.tensors]
    # sixteen examples are five as well: the first axis is the batch
    assert shapes == [(BATCH, 19, 3), (BATCH, 19, 1)]
    assert list(built.inputs.kwargs) == ["gain"]


def test_forward_alone_tells_ranks_names_and_equal_sizes(tmp_path):
    path = tmp_path / "attention.py"
    path.write_text(
        "from torch import nn\n\n\nclass Attend(nn.Module):\n"
        "    def __init__(self, dim, heads):\n        super().__init__()\n"
        "        self.heads = heads\n        self.conv = nn.Conv2d(3, dim, 1)\n\n"
        "    def forward(self, image, tokens):\n"
        "        B, T, C = tokens.shape\n"
        "        return self.conv(image), tokens.view(B, T, self.heads, C // self.heads)\n"
    )
    [call] = knowledge_of(Target("Attend", file=str(path)))["inputs"]
    assert call["at"] == "its forward"
    [first, *_] = known_specs(call["args"], {}, nn.Module())
    assert first["image"].shape == (BATCH, 3, HEIGHT, HEIGHT)
    assert first["tokens"].shape == (BATCH, TIME, PRIMES[0])


def test_a_file_that_cannot_be_read_tells_nothing(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("class Net(:\n")
    known = knowledge_of(Target("Net", file=str(path)))
    assert known == {"built": [], "inputs": []} and knowledge_of(Target("Net", module="a")) == {}


def symbol(number, name="", role="", value=None):
    return {"number": number, "name": name, "role": role, "value": value}


def test_one_name_is_one_size_and_two_names_are_two():
    model = nn.Module()
    model.heads = 4
    sizes = Sizes({"width": 24}, model)
    heads, steps = symbol(0, "heads"), symbol(1, "t", "time")
    assert sizes.of([heads, 2]) == 8 and sizes.of([symbol(5, "width")]) == 24
    assert sizes.of([steps]) == TIME and sizes.of([steps, steps]) == TIME**2
    assert (
        sizes.of([symbol(2)]) == PRIMES[0] and sizes.of([symbol(3, "other", "time")]) == PRIMES[1]
    )
    assert sizes.of([symbol(4, value=6)]) == 6 and sizes.of([symbol(6, "b", "batch")]) == BATCH


def test_what_cannot_be_made_is_left_to_guesses():
    def load(file, name):
        raise ImportError(file)

    data = {
        "act": {"name": "torch.nn.ReLU"},
        "gone": {"name": "torch.nn.NoSuchLayer"},
        "pair": {"tuple": [2, {"dict": {"a": [1]}}]},
        "part": {"call": {"file": "x.py", "name": "Part"}, "args": {}},
        "norm": {"call": {"name": "torch.nn.LayerNorm"}, "args": {"normalized_shape": 8}},
    }
    made = known_arguments(data, load)
    assert made["act"] is nn.ReLU and made["pair"] == (2, {"a": [1]})
    assert made["norm"].normalized_shape == (8,) and made.keys() == {"act", "pair", "norm"}


def test_known_shapes_take_the_kind_that_the_model_needs(tmp_path):
    path = tmp_path / "lm.py"
    path.write_text(
        "import torch\nfrom torch import nn\n\n\nclass LM(nn.Module):\n"
        "    def __init__(self, vocabulary):\n        super().__init__()\n"
        "        self.embed = nn.Embedding(vocabulary, 8)\n\n"
        "    def forward(self, ids):\n        assert ids.shape[1] == 23\n"
        "        return self.embed(ids)\n\n\n"
        "def check():\n    LM(17)(torch.zeros(4, 23))\n"
    )
    known = knowledge_of(Target("LM", file=str(path)))
    built = build(str(path), "LM", budget=30, knowledge=known)
    ((_, tensor),) = built.inputs.tensors
    assert built.model.embed.num_embeddings == 17 and tensor.shape == (BATCH, 23)
    assert not tensor.is_floating_point() and int(tensor.max()) < 17


def test_a_finding_at_a_call_is_about_the_class_that_it_calls(project):
    train = project / "scripts" / "train.py"
    place = Position(10, 17)
    finding = Finding("NN101", "missing-seed", Level.WARNING, "no seed", str(train), place, place)
    assert target_of(finding) == Target("Encoder", file=str(project / "net.py"))


def test_specifications_of_plain_values_and_collections():
    data = {
        "n": 3,
        "mask": None,
        "pair": [{"shape": [[2], [4]]}, {"shape": [[2]]}],
        "no": {"name": "x"},
    }
    first, literal = known_specs(data, {}, nn.Module())
    assert first.keys() == {"n", "mask", "pair"}
    assert [i.shape for i in first["pair"].items] == [(BATCH, 4), (BATCH,)]
    assert [i.shape for i in literal["pair"].items] == [(2, 4), (2,)]
    assert all(i.kind == FLOAT for i in first["pair"].items)


PICTURES = {
    "Stem": ("nn.Conv2d(3, 4, 3, 2, 1)", "self.layer(x).mean((2, 3))", (64, 64)),
    "Flattened": (
        "nn.Sequential(nn.Conv2d(3, 4, 3, 16), nn.Flatten(), nn.Linear(784, 2))",
        "self.layer(x)",
        (224, 224),
    ),
    "Checked": ("nn.Conv2d(3, 4, 3)", "self.layer(x[:, :, :150])", (224, 224)),
    "Deep": ("nn.Conv2d(3, 4, 64, 64)", "self.layer(x)", (224, 224)),
    "Pooled": ("nn.AdaptiveAvgPool2d(1)", "self.layer(x).flatten(1)", (64, 64)),
    "Normed": (
        "nn.Sequential(nn.Conv2d(3, 4, 8, 64), nn.InstanceNorm2d(4))",
        "self.layer(x)",
        (224, 224),
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_small_where_the_model_lets_them(tmp_path, name):
    """A known call takes large ones; what a model does shows in small ones as well, sooner."""
    layer, result, expected = PICTURES[name]
    path = tmp_path / "pictures.py"
    path.write_text(
        f"import torch\nfrom torch import nn\n\n\nclass {name}(nn.Module):\n"
        f"    def __init__(self):\n        super().__init__()\n        self.layer = {layer}\n\n"
        f"    def forward(self, x):\n        x = x[:, [2, 1, 0]]\n        return {result}\n\n\n"
        f"def check():\n    return {name}()(torch.randn(2, 3, 224, 224))\n"
    )
    known = knowledge_of(Target(name, file=str(path)))
    built = build(str(path), name, budget=30, knowledge=known)
    ((_, tensor),) = built.inputs.tensors
    assert tensor.shape == (BATCH, 3, *expected)
    given = build(str(path), name, shapes=[{"shape": [2, 3, 224, 224]}], budget=30)
    assert given.inputs.tensors[0][1].shape == (2, 3, 224, 224)


def test_pictures_of_one_call_stay_in_proportion():
    def shapes(*given, numbers=frozenset()):
        specs = tuple(Spec("x", FLOAT, (BATCH, *shape)) for shape in given)
        found = smaller(specs, Extent(numbers, frozenset(), 1, frozenset()))
        return found and [s.shape[1:] for s in found]

    assert shapes((3, 256, 512), (1, 128, 256)) == [(3, 128, 256), (1, 64, 128)]
    assert shapes((224, 224, 3)) == [(64, 64, 3)]
    assert shapes((1, 128, 128, 128), (7,)) == [(1, 32, 32, 32), (7,)]
    assert shapes((3, 300, 200)) == [(3, 96, 64)]
    assert shapes((3, 301, 200)) is None
    assert shapes((3, 32, 32)) is None and shapes((512, 64)) is None
    assert shapes((3, 224, 224), numbers=frozenset({100})) is None
    assert shapes((3, 224, 224), numbers=frozenset({300, 64})) == [(3, 64, 64)]
