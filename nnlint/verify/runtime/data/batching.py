"""The first batch of the user's own data, as a model gets it.

A loader's own first batch is taken; a data set is batched first. Of several splits it is that
for training.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ..inputs import seed_all
from ..progress import late
from ..steps import Batch
from ..trees import leaves
from .faults import NoData, within
from .opening import inside, opened
from .splits import TRAINING, for_training, in_this_process, kind_of, length_of

SAMPLES = 32
"""Examples of a batch that is made from a data set alone."""
MOST_BATCHES, MOST_LABELS = 20, 4096
"""How far targets are read on to learn how often each class occurs."""


def first_batch(spec: Mapping[str, Any], seed: int = 0) -> Batch:
    """The first batch of a loader.

    Parameters:
        spec: what names it, as `opened` takes it.

    Raises:
        NoData: it raises, hangs, yields nothing, or yields nothing that a model takes.
    """
    title = str(spec.get("title") or spec["name"])

    def taken(splits: dict[str, Any]) -> tuple[str, Any, Any]:
        source = for_training(splits)
        kind, loader = kind_of(source), _batched(source, title)
        return kind, loader, _first(loader, title)

    (kind, loader, batch), folder = opened(spec, seed, taken, TRAINING)
    value = _as_tensors(batch)
    _check(value, title)
    result = Batch(value, kind, loader, folder, _classes(getattr(loader, "dataset", None)))
    if _restarts(loader):
        seconds = float(spec.get("seconds") or 0) / 3
        with contextlib.suppress(Exception), within(seconds, title), inside(folder):
            seed_all(seed)
            result.repeated = _alike(value, _as_tensors(_first(loader, title)))
    return result


def _batched(source: Any, title: str) -> Any:
    """A source as one that gives batches."""
    kind = kind_of(source)
    if kind == "loader":
        return in_this_process(source)
    if isinstance(source, IterableDataset):
        return DataLoader(source, batch_size=SAMPLES)
    if kind != "dataset":
        return source
    count = length_of(source)
    if count == 0:
        raise NoData(f"{title} is a data set of no examples")
    generator = torch.Generator().manual_seed(0)
    size = SAMPLES if count is None else min(SAMPLES, count)
    return DataLoader(source, size, shuffle=count is not None, generator=generator)


def _first(loader: Any, title: str) -> Any:
    for batch in loader:
        return batch
    raise NoData(f"{title} yields nothing")


def _restarts(loader: Any) -> bool:
    return isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)


def _as_tensors(value: Any, depth: int = 4) -> Any:
    """The batch with arrays and lists of numbers as tensors; objects as they are."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
        return torch.as_tensor(value)
    if depth == 0 or isinstance(value, (Tensor, str, bytes)):
        return value
    if isinstance(value, Mapping):
        return {key: _as_tensors(part, depth - 1) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(v, (bool, int, float)) for v in value):
            return torch.tensor(value)
        parts = [_as_tensors(part, depth - 1) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _check(value: Any, title: str) -> None:
    tensors = leaves(value)
    if not tensors:
        raise NoData(f"the first batch of {title} holds no tensor: it is a {_made_of(value)}")
    if not any(t.numel() for _, t in tensors):
        raise NoData(f"the first batch of {title} is empty")


def _made_of(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value:
        return f"{type(value).__name__} of {type(value[0]).__name__}"
    return type(value).__name__


def _classes(dataset: Any) -> Optional[int]:
    named = getattr(dataset, "classes", None)
    if isinstance(named, (list, tuple)) and len(named) > 1:
        return len(named)
    inner = getattr(dataset, "dataset", None)
    return _classes(inner) if inner is not None and inner is not dataset else None


def _alike(left: Any, right: Any) -> bool:
    first, second = leaves(left), leaves(right)
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())
        for (_, a), (_, b) in zip(first, second)
    )


def more_targets(batch: Batch, path: Any) -> list[Tensor]:
    """The target at `path` of further batches, to learn how often each class occurs."""
    found: list[Tensor] = []
    total = 0
    if not _restarts(batch.loader):
        return found
    with contextlib.suppress(Exception), inside(batch.folder):
        for index, more in enumerate(batch.loader):
            target = dict(leaves(_as_tensors(more)))[path]
            found.append(target.detach())
            total += target.numel()
            if index + 1 >= MOST_BATCHES or total >= MOST_LABELS or late():
                break
    return found
