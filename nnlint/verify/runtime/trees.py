"""Nested structures of tensors: what a model takes and what it returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Path = tuple[Any, ...]
"""Where a tensor sits in a structure: indices, keys and attribute names."""


def leaves(value: Any, path: Path = (), depth: int = 6) -> list[tuple[Path, Tensor]]:
    """Every tensor in lists, tuples, mappings, dataclasses and plain objects, in order."""
    if isinstance(value, Tensor):
        return [(path, _plain(value))]
    if depth == 0 or value is None or isinstance(value, (str, bytes, int, float, bool, type)):
        return []
    found: list[tuple[Path, Tensor]] = []
    for key, child in _children(value):
        found += leaves(child, (*path, key), depth - 1)
    return found


def _children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value):
        return [(f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value)]
    if isinstance(value, torch.distributions.Distribution):
        return [
            (name, getattr(value, name)) for name in value.arg_constraints if hasattr(value, name)
        ]
    if isinstance(value, torch.nn.Module) or callable(value):
        return []
    return list(getattr(value, "__dict__", {}).items())


def _plain(tensor: Tensor) -> Tensor:
    if tensor.is_sparse or tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def replace(value: Any, change: Callable[[Path, Tensor], Any], path: Path = ()) -> Any:
    """The same structure with every tensor in lists, tuples and dicts changed."""
    if isinstance(value, Tensor):
        return change(path, value)
    if isinstance(value, dict):
        items = {k: replace(v, change, (*path, k)) for k, v in value.items()}
        try:
            return type(value)(items)
        except TypeError:
            return items
    if isinstance(value, (list, tuple)):
        children = [replace(v, change, (*path, i)) for i, v in enumerate(value)]
        if hasattr(value, "_fields"):
            return type(value)(*children)
        return type(value)(children)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: replace(getattr(value, f.name), change, (*path, f.name))
            for f in dataclasses.fields(value)
            if f.init
        }
        return dataclasses.replace(value, **changed)
    return value


def describe(path: Path) -> str:
    """A path as people write it: `[0]["logits"]`."""
    text = ""
    for key in path:
        text += f"[{key!r}]"
    return text or "output"


def differing(left: Tensor, right: Tensor) -> Tensor:
    """Where two tensors of one shape differ, bit for bit; NaN equals NaN."""
    mask = left != right
    if left.is_floating_point():
        mask &= ~((left != left) & (right != right))
    return mask
