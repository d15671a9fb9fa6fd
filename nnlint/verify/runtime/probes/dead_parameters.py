"""Does every parameter get a gradient?

Criterion, over three seeds in train mode, with a random functional of all outputs: unused
when the gradient is None each time; dead when it is zero each time and still so after one
step of SGD (a gate that starts at zero comes alive then). CONFIRMED when there is either,
REFUTED when there is none. Frozen parameters are left out.
Source: DistributedDataParallel stops at parameters that get no gradient.
"""

from __future__ import annotations

import copy
from typing import Any, Optional

import torch
from torch import Tensor, nn

from ..inputs import seed_all
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..trees import leaves

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
    silent = {name: largest[name] for name, value in largest.items() if value == 0}
    if silent:
        _step(named)
        for seed in range(3):
            _accumulate(model, subject, named, silent, seed)
    dead = [name for name, value in silent.items() if value == 0]
    evidence: dict[str, Any] = {"unused": unused, "dead": dead, "parameters": len(named)}
    if unused or dead:
        parts = [f"{_some(unused)} {'get' if len(unused) > 1 else 'gets'} no gradient"] * bool(
            unused
        )
        parts += [f"the gradient of {_some(dead)} is always zero"] * bool(dead)
        return confirmed("; ".join(parts), **evidence)
    return refuted(f"all {len(named)} parameters get a gradient", **evidence)


def _accumulate(
    model: nn.Module,
    subject: Subject,
    named: list[tuple[str, nn.Parameter]],
    largest: dict[str, Optional[float]],
    seed: int,
) -> bool:
    args, kwargs = subject.inputs.copied()
    seed_all(seed)
    model.zero_grad(set_to_none=True)
    with torch.enable_grad():
        outputs = [t for _, t in leaves(model(*args, **kwargs)) if t.requires_grad]
        if not outputs:
            return False
        total: Any = sum(((o * torch.randn_like(o)).sum() for o in outputs), torch.zeros(()))
        total.backward()
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
