"""Are there weights that `parameters()` does not know?

Criterion: tensors and modules reachable from attributes through lists, tuples, sets,
dicts, closures and partial functions, but not among `parameters()`, `buffers()` or
`modules()`. CONFIRMED when there is a module with parameters to train or a tensor that
requires gradients, or any other tensor or module with tensors: it stays on the CPU and out
of the checkpoint. REFUTED when there is none. Left out: what a run has put there, such as a
cache, frozen teachers and other references, and single numbers, which go with any device.
Source: `nn.Module.__setattr__` registers modules and parameters, not containers of them.
Overfitting one batch and the loss at initialisation cannot see this.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..design import is_set_aside
from ..subject import Answer, Subject, confirmed, refuted

NAME = "unregistered-parameters"
_OWN = {"_parameters", "_buffers", "_modules", "_flat_weights", "_flat_weight_refs"}


def run(subject: Subject) -> Answer:
    """Look through the attributes of every module."""
    model = subject.model
    tensors = {id(t) for t in (*model.parameters(), *model.buffers())}
    storages = {_storage(t) for t in (*model.parameters(), *model.buffers())}
    modules = {id(m) for m in model.modules()}
    trained: list[str] = []
    kept: list[str] = []
    at_first = _paths(subject)
    for name, module in model.named_modules():
        if type(module).__module__.startswith("torch."):
            continue
        for attribute, value in _attributes(module):
            path = f"{name}.{attribute}".lstrip(".")
            if at_first is not None and path not in at_first:
                continue
            if isinstance(value, nn.Module):
                if id(value) in modules:
                    continue
                if any(p.requires_grad for p in value.parameters()):
                    trained.append(path)
                elif any(True for _ in value.state_dict()) and not is_set_aside(path):
                    kept.append(path)
            elif id(value) not in tensors and _storage(value) not in storages:
                if value.requires_grad and value.is_leaf:
                    trained.append(path)
                elif type(module)._apply is nn.Module._apply and value.dim():
                    # one with its own `_apply`, such as a metric of torchmetrics, moves them
                    kept.append(path)
    evidence = {"trained": trained, "tensors": kept}
    if trained:
        return confirmed(
            f"`{trained[0]}` holds weights that the optimizer never sees: not in parameters()",
            **evidence,
        )
    if kept:
        return confirmed(
            f"`{kept[0]}` is neither parameter nor buffer: it stays on the CPU and out of the "
            "checkpoint",
            **evidence,
        )
    return refuted("every tensor and module is registered", **evidence)


def _paths(subject: Subject) -> set[str] | None:
    """What hangs on a model that has just been built; None where it cannot be built again."""
    if subject.again is None:
        return None
    try:
        torch.manual_seed(subject.options.seed)
        fresh = subject.again()
    except Exception:
        # then everything counts
        return None
    return {
        f"{name}.{attribute}".lstrip(".")
        for name, module in fresh.named_modules()
        for attribute, _ in _attributes(module)
    }


def _attributes(module: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if name not in _OWN and not name.endswith("_hooks"):
            yield from _inside(name, value, 3)


def _inside(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Tensor, nn.Module)):
        yield path, value
    elif depth and isinstance(value, dict):
        for key, child in value.items():
            yield from _inside(f"{path}[{key!r}]", child, depth - 1)
    elif depth and isinstance(value, (list, tuple, set)):
        for index, child in enumerate(value):
            yield from _inside(f"{path}[{index}]", child, depth - 1)
    elif depth and isinstance(value, (types.FunctionType, functools.partial)):
        for mark, child in _captured(value):
            yield from _inside(path + mark, child, depth - 1)


def _captured(function: Any) -> list[tuple[str, Any]]:
    """What a function carries with it: the variables of its closure, the arguments of a partial."""
    if isinstance(function, functools.partial):
        bound = [*enumerate(function.args), *function.keywords.items()]
        return [("", function.func), *((f"({name})", value) for name, value in bound)]
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = []
    for name, cell in zip(names, getattr(function, "__closure__", None) or ()):
        with contextlib.suppress(ValueError):
            found.append((f"({name})", cell.cell_contents))
    return found


def _storage(tensor: Any) -> Any:
    if isinstance(tensor, torch.nn.parameter.UninitializedParameter):
        return id(tensor)
    try:
        return tensor.untyped_storage()._cdata
    except Exception:
        return id(tensor)
