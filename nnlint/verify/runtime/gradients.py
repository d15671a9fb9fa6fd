"""The recipe's own method: a backward pass from one example's output to every input."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .dependency import Layout, Matrix
from .inputs import Inputs, seed_all
from .running import Runner
from .trees import leaves


def gradient_matrix(
    runner: Runner, inputs: Inputs, layout: Layout, training: bool, seed: int = 0
) -> Matrix | None:
    """Largest gradient of a random functional of output row i by input column j.

    A random cotangent, since the gradient of a plain sum behind a softmax or LayerNorm is
    about 1e-8. Gradients confirm and never refute: detach, numpy, top-k and saturation
    hide a leak from them. Batch norm uses its running statistics.

    Returns:
        None when no input or output carries gradients.
    """
    if not layout.followers:
        return None
    args, kwargs = inputs.copied()
    sources: list[tuple[int, Tensor]] = []
    for path, tensor in leaves((args, kwargs)):
        slot = inputs.slots.get(path)
        if slot is not None and slot.axis is not None and tensor.is_floating_point():
            sources.append((slot.axis, tensor.requires_grad_(True)))
    if not sources:
        return None
    with runner.state(runner.model, training), torch.enable_grad():
        seed_all(seed)
        results = dict(leaves(runner.model(*args, **kwargs)))
        rows = []
        for example in range(inputs.count):
            functional = _functional(results, layout, inputs.count, example)
            if functional is None:
                return None
            grads = torch.autograd.grad(
                functional, [t for _, t in sources], retain_graph=True, allow_unused=True
            )
            rows.append(_row(grads, sources, inputs.count))
    return rows


def _functional(
    results: dict[Any, Tensor], layout: Layout, count: int, example: int
) -> Tensor | None:
    generator = torch.Generator().manual_seed(example)
    total: Tensor | None = None
    for follower in layout.followers:
        tensor = results.get(follower.path)
        if tensor is None or not tensor.requires_grad:
            continue
        row = follower.rows(tensor, count, "outer")[example]
        cotangent = torch.randn(row.shape, generator=generator).to(row)
        term = (row * cotangent).sum()
        total = term if total is None else total + term
    return total


def _row(grads: Any, sources: list[tuple[int, Tensor]], count: int) -> list[float]:
    row = torch.zeros(count, dtype=torch.float64)
    for grad, (axis, _) in zip(grads, sources):
        if grad is None:
            continue
        flat = grad.detach().movedim(axis, 0).reshape(count, -1).abs().double().cpu()
        row = torch.maximum(row, flat.nan_to_num(nan=math.inf).amax(1))
    values: list[float] = row.tolist()
    return values
