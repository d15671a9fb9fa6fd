"""Smaller pictures than a known call takes: what a model does shows in them as well, sooner."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor, nn

from ..extent import Extent
from ..inputs import Inputs
from ..running import Runner
from .specs import FLOAT, Examples, Spec

SMALL = {4: 64, 5: 32}
"""Sizes along the shortest axis of pictures and volumes: networks that halve them five times,
or four, leave two positions."""
_LOCAL = (
    nn.modules.conv._ConvNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
)


def smaller(specs: tuple[Spec, ...], extent: Extent) -> Optional[tuple[Spec, ...]]:
    """The specifications with all pictures made smaller by one factor.

    Returns:
        None where they are small, or the model's code speaks of a size in between: it may do
        something else from there on.
    """
    places = [_places(spec) for spec in specs]
    sizes = [specs[i].shape[a] for i, axes in enumerate(places) for a in axes]
    if not sizes:
        return None
    least = min(SMALL[len(spec.shape)] for spec, axes in zip(specs, places) if axes)
    shortest = min(sizes)
    if shortest <= least or any(size * least % shortest for size in sizes):
        return None
    known = extent.numbers | extent.tables
    if any(size * least // shortest < k <= size for size in sizes for k in known):
        return None
    return tuple(_scaled(s, axes, least, shortest) for s, axes in zip(specs, places))


def _places(spec: Spec) -> Sequence[int]:
    """The axes of a picture or a volume along which positions lie."""
    rank = len(spec.shape)
    if spec.kind != FLOAT or rank not in SMALL or not isinstance(spec.shape[0], Examples):
        return ()
    channels_last = spec.shape[-1] <= 4 < spec.shape[1]
    return range(1, rank - 1) if channels_last else range(2, rank)


def _scaled(spec: Spec, axes: Sequence[int], numerator: int, denominator: int) -> Spec:
    shape = tuple(
        size * numerator // denominator if axis in axes else size
        for axis, size in enumerate(spec.shape)
    )
    return dataclasses.replace(spec, shape=shape)


def keeps_positions(model: nn.Module, inputs: Inputs) -> bool:
    """Whether a run leaves more than one position behind every convolution and pooling.

    What is left of one position cannot be in the wrong order. A run that fails, in eval or in
    train mode, leaves none.
    """
    left: list[bool] = []

    def note(_: nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() >= 4 and min(args[0].shape[2:]) > 1:
            left.append(min(output.shape[2:]) > 1)

    runner = Runner(model)
    handles = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, _LOCAL)]
    try:
        with torch.no_grad():
            for training in (False, True):
                runner.run(inputs, training)
    except Exception:
        return False
    finally:
        for handle in handles:
            handle.remove()
    return all(left)
