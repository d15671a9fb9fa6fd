"""Which positions of the input reach one output?

Measured, no verdict: one output element in the middle is differentiated with respect to
the inputs, and the positions with a gradient are boxed in per axis.
Source: "does this layer see local features or global context" decides whether a deeper or
wider kernel is worth trying.
"""

from __future__ import annotations

import torch

from ..inputs import seed_all
from ..subject import Answer, Subject, inconclusive, measured
from ..trees import leaves

NAME = "receptive-field"


def run(subject: Subject) -> Answer:
    """Differentiate one element of the first output."""
    runner = subject.runner
    args, kwargs = subject.inputs.copied()
    sources = [t.requires_grad_(True) for _, t in leaves((args, kwargs)) if t.is_floating_point()]
    if not sources:
        return inconclusive("the inputs are integers: no gradient reaches them")
    with runner.state(runner.model, False), torch.enable_grad():
        seed_all(0)
        outputs = [t for _, t in leaves(runner.model(*args, **kwargs)) if t.requires_grad]
        if not outputs:
            return inconclusive("no output carries gradients")
        output = outputs[0]
        middle = output[tuple(s // 2 for s in output.shape)]
        grads = torch.autograd.grad(middle, sources, allow_unused=True)
    boxes = {}
    for index, (source, grad) in enumerate(zip(sources, grads)):
        if grad is None or source.dim() < 2:
            continue
        spans = []
        for axis in range(1, grad.dim()):
            there = grad.abs().movedim(axis, 0).flatten(1).sum(1).nonzero().flatten()
            reach = int(there[-1] - there[0]) + 1 if len(there) else 0
            spans.append([reach, grad.shape[axis]])
        boxes[f"input {index}"] = spans
    if not boxes:
        return inconclusive("no gradient reaches an input")
    name, spans = next(iter(boxes.items()))
    text = " × ".join(f"{reach} of {size}" for reach, size in spans)
    return measured(f"the middle output sees {text} positions of {name} per axis", boxes=boxes)
