"""Does every parameter get a gradient?

Criterion, over three seeds in train mode, with a random functional of all outputs: unused
when the gradient is None each time, and with nine more seeds and other inputs; dead when it is
zero each time and still so after one step of SGD (a gate that starts at zero comes alive then).
CONFIRMED when there is either, REFUTED when there is none. INCONCLUSIVE for what another method
uses, for one of several parts of which others were chosen, for recurrent weights where there is
one step, and for teachers, which are set aside on purpose. Frozen parameters are left out.
Source: DistributedDataParallel stops at parameters that get no gradient.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Optional

import torch
from torch import Tensor, nn

from ..design import is_set_aside
from ..running import backpropagate
from ..sources import nodes_of
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "dead-parameters"


def run(subject: Subject) -> Answer:
    """Backpropagate three times before and three times after a step."""
    model = copy.deepcopy(subject.model)
    model.train()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if not named:
        return inconclusive("the model has no parameter to train")
    largest: dict[str, Optional[float]] = {name: None for name, _ in named}
    for seed in range(3):
        if not _accumulate(model, subject, named, largest, seed):
            return confirmed("no gradient reaches a parameter: the outputs carry no graph")
    unused = [name for name, value in largest.items() if value is None]
    if unused:
        # another layer, or another expert, may be chosen next time
        lacking: dict[str, Optional[float]] = dict.fromkeys(unused)
        for seed in range(3, 12):
            _accumulate(model, subject, named, lacking, seed)
        unused = [name for name, value in lacking.items() if value is None]
        largest.update(lacking)
    silent = {name: largest[name] for name, value in largest.items() if value == 0}
    if silent:
        _step(named)
        for seed in range(3):
            _accumulate(model, subject, named, silent, seed)
    zero = [name for name, value in silent.items() if value == 0]
    short = _of_one_step(model, subject, zero)
    dead = [name for name in zero if name not in short]
    evidence: dict[str, Any] = {"unused": unused, "dead": dead, "parameters": len(named)}
    reasons = {n: _elsewhere(model, n, set(largest) - set(unused)) for n in unused}
    sure = [n for n, reason in reasons.items() if not reason]
    if sure or dead:
        parts = [f"{_some(sure)} {'get' if len(sure) > 1 else 'gets'} no gradient"] * bool(sure)
        parts += [f"the gradient of {_some(dead)} is always zero"] * bool(dead)
        return confirmed("; ".join(parts), **evidence)
    if short:
        return inconclusive(
            f"the gradient of {_some(short)} is zero, and the layer gets one step here: `--input` "
            "gives longer ones",
            **evidence,
        )
    if unused:
        return inconclusive(
            f"{_some(unused)} {'get' if len(unused) > 1 else 'gets'} no gradient here, but "
            f"{reasons[unused[0]]}",
            **evidence,
        )
    return refuted(f"all {len(named)} parameters get a gradient", **evidence)


def _of_one_step(model: nn.Module, subject: Subject, names: list[str]) -> list[str]:
    """Recurrent weights of layers that get one step: from no state, nothing goes through them."""
    recurrent = [n for n in names if "weight_hh" in n]
    if not recurrent:
        return []
    longest: dict[nn.Module, int] = {}

    def note(layer: nn.Module, args: Any) -> None:
        steps = 2
        if args and isinstance(args[0], Tensor):
            batched = args[0].dim() == 3
            steps = args[0].shape[1 if batched and getattr(layer, "batch_first", False) else 0]
        longest[layer] = max(steps, longest.get(layer, 0))

    layers = [m for m in model.modules() if isinstance(m, nn.RNNBase)]
    handles = [m.register_forward_pre_hook(note) for m in layers]
    try:
        args, kwargs = subject.inputs.copied()
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return [n for n in recurrent if longest.get(model.get_submodule(n.rpartition(".")[0])) == 1]


def _elsewhere(model: nn.Module, name: str, used: set[str]) -> str:
    """Why a parameter without a gradient may be none that is forgotten."""
    if is_set_aside(name):
        return "its name says that it is set aside"
    owner: Any = model
    prefix: list[str] = []
    around: type = type(model)
    for part in name.split("."):
        if isinstance(owner, (nn.ModuleList, nn.ModuleDict)):
            several = ".".join(prefix)
            alike = any(other.startswith(f"{several}.") for other in used)
            if alike and _chooses(around, prefix[-1]):
                return f"others of `{several}` do: one of them was chosen"
        elif not type(owner).__module__.startswith("torch."):
            method = _method_with(type(owner), part)
            if method:
                return f"`{method}` uses `{part}`, in a part that did not run with these inputs"
            around = type(owner)
        owner = getattr(owner, part, None)
        prefix.append(part)
    return ""


def _method_with(cls: type, attribute: str) -> str:
    """A method that reads an attribute of its own, in a branch or apart from `forward`."""
    for name, value in _methods(cls):
        if name != "forward" and attribute in value.__code__.co_names:
            return name
        branches = (n for n in nodes_of(value) if isinstance(n, (ast.If, ast.IfExp)))
        inner = (n for node in branches for n in ast.walk(node))
        if any(isinstance(n, ast.Attribute) and n.attr == attribute for n in inner):
            return name
    return ""


def _chooses(cls: type, attribute: str) -> bool:
    """Whether some of a list are taken: by an index that is computed, or by a test in a loop."""
    for _, value in _methods(cls):
        for node in nodes_of(value):
            if isinstance(node, ast.Subscript):
                computed = not isinstance(node.slice, (ast.Constant, ast.Slice, ast.UnaryOp))
                if computed and ast.unparse(node.value).endswith(f".{attribute}"):
                    return True
            elif isinstance(node, ast.For):
                tests = any(isinstance(n, ast.If) for n in ast.walk(node))
                if tests and f".{attribute}" in ast.unparse(node.iter):
                    return True
    return False


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for base in cls.__mro__:
        if not base.__module__.startswith("torch."):
            for name, value in vars(base).items():
                if name != "__init__" and isinstance(value, FunctionType):
                    yield name, value


def _accumulate(
    model: nn.Module,
    subject: Subject,
    named: list[tuple[str, nn.Parameter]],
    largest: dict[str, Optional[float]],
    seed: int,
) -> bool:
    inputs = subject.inputs
    if seed > 2:
        for example in range(min(inputs.count, 8)):
            inputs = inputs.perturbed(example, 0, seed)
    if not backpropagate(model, inputs, seed):
        return False
    for name, parameter in named:
        if name in largest and parameter.grad is not None:
            value = _magnitude(parameter.grad)
            largest[name] = max(value, largest[name] or 0.0)
    return True


def _magnitude(grad: Tensor) -> float:
    values = grad.coalesce().values() if grad.is_sparse else grad
    return float(values.abs().nan_to_num(nan=1.0).max()) if values.numel() else 0.0


def _step(named: list[tuple[str, nn.Parameter]]) -> None:
    with torch.no_grad():
        for _, parameter in named:
            if parameter.grad is not None and not parameter.grad.is_sparse:
                parameter.sub_(0.01 * parameter.grad.sign())


def _some(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
