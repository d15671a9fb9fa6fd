"""Does dropout shift the variance that batch norm sees between training and evaluation?

Criterion: over 64 examples and 8 seeds, the variance of each batch-norm layer's input with
dropout on, over that with dropout off. CONFIRMED when a layer's ratio, over the mean of
its channels, is over 1.1 (or under 1/1.1), REFUTED when no layer's is.
Threshold: without dropout the ratio is 1; sampling 64 examples scatters it by about 2 %.
Source: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by
Variance Shift" (CVPR 2019).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..inputs import seed_all
from ..running import is_batch_norm
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "variance-shift"
LIMIT, SIZE, SEEDS = 1.1, 64, 8


def run(subject: Subject) -> Answer:
    """Compare the inputs of batch norm with and without dropout."""
    model = subject.model
    norms = {m: name for name, m in model.named_modules() if is_batch_norm(m)}
    if not norms:
        return inconclusive("the model has no batch norm")
    with_dropout = _variances(subject, norms, True)
    without = _variances(subject, norms, False)
    ratios = {}
    for name, value in with_dropout.items():
        other = without.get(name)
        if other is not None and bool((other > 1e-12).any()):
            alive = other > 1e-12
            ratios[name] = float(value[alive].mean() / other[alive].mean())
    if not ratios:
        return inconclusive("batch norm is never reached")
    name = max(ratios, key=lambda n: max(ratios[n], 1 / max(ratios[n], 1e-9)))
    worst = ratios[name]
    text = f"the input of `{name}` has {worst:.2f} × the variance in training that it has in evaluation"
    if worst > LIMIT or worst < 1 / LIMIT:
        return confirmed(f"{text}: its running variance is wrong by that factor", ratios=ratios)
    return refuted(text, ratios=ratios)


def _variances(subject: Subject, norms: dict[nn.Module, str], dropout: bool) -> dict[str, Tensor]:
    model, runner = subject.model, subject.runner
    collected: dict[str, list[Tensor]] = {}

    def hook(module: nn.Module, args: Any) -> None:
        value = args[0].detach().transpose(0, 1).flatten(1)
        collected.setdefault(norms[module], []).append(value.double().var(1))

    handles = [m.register_forward_pre_hook(hook) for m in norms]
    try:
        for seed in range(SEEDS):
            inputs = subject.inputs.resized(SIZE, seed)
            with runner.state(model, False), torch.no_grad():
                model.train(dropout)
                for module in norms:
                    module.training = True
                args, kwargs = inputs.copied()
                seed_all(seed)
                model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return {name: torch.stack(values).mean(0) for name, values in collected.items()}
