"""Sizes are told from what they are sizes of, and shapes are read where they are documented."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.construction.batch_axis import batch_hint
from nnlint.verify.runtime.construction.building import build
from nnlint.verify.runtime.construction.documented import shape_of_all, shapes_named
from nnlint.verify.runtime.construction.fitting import fit_inputs
from nnlint.verify.runtime.construction.guesses import by_name


@pytest.mark.parametrize(
    "name",
    [
        *("act_dim", "action_dim", "activation_size", "context_dim", "norm_dim", "normalizer_size"),
        *("n_modes", "num_types", "n_activations", "num_norm_groups", "prob_features", "drop_dim"),
        *("growth_rate", "frame_rate", "upsample_rate", "sample_rate", "momentum_dim", "n_actions"),
    ],
)
def test_sizes_stay_sizes(name: str):
    assert type(by_name(name)[0]) is int


def test_what_is_no_size_keeps_its_kind():
    for name in ("act", "act_fn", "act_layer", "activation", "out_act"):
        assert "relu" in by_name(name)
    for name in ("norm", "norm_layer", "norm_type", "normalization"):
        assert nn.LayerNorm in by_name(name)
    for name in ("norm_first", "normalize", "normalize_before"):
        assert by_name(name) == [False, True]
    assert by_name("drop_rate")[0] == by_name("dropout_rate")[0] == 0.1
    assert by_name("context_length")[0] == by_name("context")[0] == 12


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Bags (bags, tiles, 3, height, width).", ["bags", "tiles", "3", "height", "width"]),
        ("Clips of shape (clips, frames, 3, h, w)", ["clips", "frames", "3", "h", "w"]),
        ("Takes (batch, 3, 32, 32) and returns (batch, 10)", ["batch", "3", "32", "32"]),
        ("Patients (patients, visits, codes, code_dim).", None),
        ("Takes (seq_len, batch, dim).", None),
        ("Takes (time, channels, features).", None),
        ("Gates (mean, std, scale) of it.", None),
        ("Results of shape [rows, channels, time]; returns (rows, time, channels)", None),
    ],
)
def test_shapes_that_begin_with_any_name_of_examples(text: str, names: list[str] | None):
    assert shape_of_all(text) == names


def test_shapes_beside_the_argument():
    text = "Args:\n    bags (Tensor): tiles of bags.\n    clips: (clips, frames, 3, h, w)"
    assert list(shapes_named(text, "bags")) == []
    assert next(iter(shapes_named(text, "clips"))) == ["clips", "frames", "3", "h", "w"]


STACKED = '''
import torch
from torch import nn


class Slides(nn.Module):
    """Averages tiles of slides (slides, tiles, 3, height, width)."""

    def __init__(self, act_dim):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(3, act_dim, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, slides):
        count, tiles = slides.shape[:2]
        return self.look(slides.flatten(0, 1)).view(count, tiles, -1).mean(1)


class Clips(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.look = nn.Conv2d(4, width, 3)

    def forward(self, clips):
        """Takes clips: (clips, frames, 4, height, width), gives (clips, width)."""
        count = clips.size(0)
        frames = self.look(clips.reshape(-1, *clips.shape[2:])).mean((2, 3))
        return frames.reshape(count, clips.size(1), -1).amax(1)


class Views(nn.Module):
    """Fuses the views of objects.

    Shape: (objects, views, 3, height, width)
    """

    def __init__(self, width=8):
        super().__init__()
        self.look = nn.Conv2d(3, width, 3)

    def forward(self, views):
        each = [self.look(view).mean((2, 3)) for view in views.unbind(1)]
        return torch.stack(each).sum(0)
'''


@pytest.mark.parametrize(("name", "channels"), [("Slides", 3), ("Clips", 4), ("Views", 3)])
def test_five_sizes_are_read_from_the_documentation(tmp_path, name: str, channels: int):
    path = tmp_path / "model.py"
    path.write_text(STACKED)
    built = build(str(path), name, None, None, None, 0, 45.0, None)
    ((_, tensor),) = built.inputs.tensors
    assert tensor.dim() == 5 and tensor.shape[2] == channels
    assert built.inputs.count == tensor.shape[0]


class Molecules(nn.Module):
    """Nodes beside a matrix of links."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(7, 4)

    def forward(self, x, adjacency):
        n = x.size(1)
        linked = adjacency + torch.eye(n)
        return linked @ self.layer(x)


class BigGraph(Molecules):
    def forward(self, features, adj):
        b, n, _ = features.shape
        big = torch.block_diag(*adj)
        return (big @ self.layer(features.reshape(b * n, -1))).view(b, n, -1)


class Citations(Molecules):
    """One graph: a node in each row."""

    def forward(self, x, adj_matrix):
        return adj_matrix.mm(self.layer(x))


class Columns(nn.Module):
    """Numbers beside categories, of which each has a table."""

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, 8) for n in (5, 12, 3))
        self.layer = nn.Linear(8 + 24, 4)

    def forward(self, numbers, categories):
        tables = [table(categories[:, i]) for i, table in enumerate(self.tables)]
        return self.layer(torch.cat([numbers, *tables], 1))


class Clips(nn.Module):
    """Frames one after another in the channels."""

    def __init__(self, frames: int = 8):
        super().__init__()
        self.frames, self.layer = frames, nn.Conv2d(3, 4, 3)

    def forward(self, clip):
        b, _, h, w = clip.shape
        out = self.layer(clip.view(b * self.frames, 3, h, w)).mean((2, 3))
        return out.view(b, self.frames, -1).mean(1)


class Digits(nn.Module):
    """Weights for each place of what images of one size leave."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 9), nn.Conv2d(8, 8, 9, stride=2))
        self.places = nn.Parameter(torch.randn(1, 36, 8))

    def forward(self, x):
        return (self.layers(x).flatten(2).mT * self.places).sum(1)


class Cut(nn.Module):
    """Cut to the longest: what is no sequence loses its features."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(13, 4)

    def forward(self, frames, lengths):
        return self.layer(frames[:, : int(lengths.max())]).sum(1)


@pytest.mark.parametrize("kind", [Molecules, BigGraph, Citations, Columns, Clips, Digits, Cut])
def test_inputs_that_must_fit_each_other_or_a_view(kind: type[nn.Module]):
    model = kind()
    inputs = fit_inputs(model, {})
    args, kwargs = inputs.copied()
    assert model(*args, **kwargs).shape[-1] in (4, 8)
    if kind is Molecules:
        # a size along the second axis counts nodes, and no examples
        assert batch_hint(model) is None
