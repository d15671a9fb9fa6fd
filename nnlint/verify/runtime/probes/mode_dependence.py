"""Does it matter whether the model is in train or in eval mode?

Criterion: with equal inputs and seed, CONFIRMED when the output in train mode differs from
that in eval mode, or train mode changes a buffer; REFUTED when three seeds give the same
bits in both modes, so that a missing `model.eval()` changes nothing.
Source: `nn.Module.eval` affects dropout, batch norm and what else reads `training`.
"""

from __future__ import annotations

import torch

from ..inputs import seed_all
from ..running import equal
from ..subject import Answer, Subject, confirmed, refuted
from ..trees import differing, leaves

NAME = "mode-dependence"


def run(subject: Subject) -> Answer:
    """Compare both modes as they are, with batch norm as it is in training."""
    runner, inputs = subject.runner, subject.inputs
    model = runner.model
    for seed in range(3):
        still = runner.run(inputs, False, seed)
        with runner.state(model, False), torch.no_grad():
            model.train(True)
            before = {name: b.clone() for name, b in model.named_buffers()}
            args, kwargs = inputs.copied()
            seed_all(seed)
            moving = leaves(model(*args, **kwargs))
            moved = [n for n, b in model.named_buffers() if _moved(before.get(n), b)]
        if not equal(still, moving):
            return confirmed(
                f"train mode gives other outputs than eval mode for the same input{_by(moved)}",
                inputs=inputs.describe(),
                buffers=moved,
            )
        if moved:
            return confirmed(f"a run in train mode changes `{moved[0]}`", buffers=moved)
    return refuted(
        "train and eval mode give the same output: the model has nothing that reads the mode",
        inputs=inputs.describe(),
    )


def _moved(before: object, after: torch.Tensor) -> bool:
    if not isinstance(before, torch.Tensor) or before.shape != after.shape:
        return True
    return bool(differing(before, after).any())


def _by(moved: list[str]) -> str:
    return f", and moves `{moved[0]}`" if moved else ""
