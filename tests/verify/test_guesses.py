"""Sizes are told from what they are sizes of, and shapes are read where they are documented."""

from __future__ import annotations

import pytest
from torch import nn

from nnlint.verify.runtime.construction.building import build
from nnlint.verify.runtime.construction.documented import shape_of_all, shapes_named
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
