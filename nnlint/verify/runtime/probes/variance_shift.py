"""Does dropout shift the variance that batch norm sees between training and evaluation?

Criterion: over 64 examples (16 large ones) and 8 seeds, or 3 where these leave no doubt, the
variance of each batch-norm layer's input with dropout on, over that with dropout off. CONFIRMED
when a layer's ratio, over the mean of its channels, is over 1.1 (or under 1/1.1), REFUTED when no
layer's is, INCONCLUSIVE when dropout was reported and changes the input of none: the one that it
feeds is elsewhere.
Of a finding, only the dropout inside its class is on.
Threshold: without dropout the ratio is 1; sampling 64 examples scatters it by about 2 %, with 3
seeds by up to 4 %: one over 1.25, or all under 1.03, leave no doubt.
Source: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by
Variance Shift" (CVPR 2019).
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from ..construction.same_class import is_class
from ..inputs import seed_all
from ..running import is_batch_norm
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "variance-shift"
CONSTRUCTS = True
"""A layer's line may be the one that builds it."""
UNREACHED = {"unreached": True}
"""In the evidence: a class around this one may hold what was looked for."""
LIMIT, SEEDS = 1.1, 8
ENOUGH, CLEAR, NOTHING = 3, 1.25, 1.03
"""Seeds that are enough where the largest ratio is over the second or under the third number."""
SIZE, FEWER, LARGE = 64, 16, 4096
"""Examples, and how many where one has more than so many values."""
PATIENCE = 20.0
"""Seconds after which two seeds are enough."""


def run(subject: Subject) -> Answer:
    """Compare the inputs of batch norm with and without dropout."""
    model = subject.model
    norms = {m: name for name, m in model.named_modules() if is_batch_norm(m)}
    if not norms:
        return inconclusive(f"{type(model).__name__}, as it is built here, has no batch norm")
    with_dropout, without = _variances(subject, norms)
    ratios = _ratios(with_dropout, without)
    if not ratios and without and not subject.options.finding:
        return refuted("dropout changes the input of no batch norm", ratios=ratios)
    if not ratios:
        return inconclusive(
            f"no batch norm inside {type(model).__name__} gets what its dropout changes",
            **UNREACHED,
        )
    name = max(ratios, key=lambda n: _shift(ratios[n]))
    worst = ratios[name]
    text = f"the input of `{name}` has {worst:.2f} × the variance in training that it has in evaluation"
    if worst > LIMIT or worst < 1 / LIMIT:
        return confirmed(f"{text}: its running variance is wrong by that factor", ratios=ratios)
    return refuted(text, ratios=ratios)


def _ratios(with_dropout: dict[str, Tensor], without: dict[str, Tensor]) -> dict[str, float]:
    """By how much dropout changes the variance that each norm gets, where it does."""
    ratios = {}
    for name, value in with_dropout.items():
        other = without.get(name)
        if other is None or torch.equal(value, other):
            continue
        alive = other > 1e-12
        if bool(alive.any()):
            ratios[name] = float(value[alive].mean() / other[alive].mean())
    return ratios


def _shift(ratio: float) -> float:
    """How far a ratio is from 1, in either direction."""
    return max(ratio, 1 / max(ratio, 1e-9))


def _is_clear(ratios: dict[str, float]) -> bool:
    """Whether more seeds would say the same."""
    largest = max(map(_shift, ratios.values()), default=LIMIT)
    return largest > CLEAR or largest < NOTHING


def _switch(model: nn.Module, dropout: bool, within: tuple[str, str]) -> None:
    """Dropout on or off, in the modules of one class where there are any."""
    chosen = [m for m in model.modules() if is_class(type(m), *within)]
    model.train(dropout and not chosen)
    for module in chosen:
        module.train(dropout)


def _variances(
    subject: Subject, norms: dict[nn.Module, str]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Variances of the channels that each norm gets, with dropout and without."""
    model, runner = subject.model, subject.runner
    finding = subject.options.finding
    within = str(finding.get("class")), str(finding.get("class_file") or "")
    collected: dict[tuple[str, bool], list[Tensor]] = {}
    dropout = False

    def hook(module: nn.Module, args: Any) -> None:
        value = args[0].detach().transpose(0, 1).flatten(1)
        collected.setdefault((norms[module], dropout), []).append(value.double().var(1))

    values = sum(t.numel() for _, t in subject.inputs.tensors) / max(1, subject.inputs.count)
    size = SIZE if values <= LARGE else FEWER
    handles = [m.register_forward_pre_hook(hook) for m in norms]
    started = time.monotonic()
    try:
        for seed in range(SEEDS):
            inputs = subject.inputs.resized(size, seed)
            for dropout in (True, False):
                with runner.state(model, False), torch.no_grad():
                    _switch(model, dropout, within)
                    for module in norms:
                        module.training = True
                    args, kwargs = inputs.copied()
                    seed_all(seed)
                    model(*args, **kwargs)
            if seed + 1 >= ENOUGH and _is_clear(_ratios(*_means(collected))):
                break
            if seed and time.monotonic() - started > PATIENCE:
                break
    finally:
        for handle in handles:
            handle.remove()
    return _means(collected)


def _means(
    collected: dict[tuple[str, bool], list[Tensor]],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The means over all seeds, with dropout and without."""
    means = {key: torch.stack(found).mean(0) for key, found in collected.items()}
    with_dropout, without = (
        {name: value for (name, on), value in means.items() if on is mode} for mode in (True, False)
    )
    return with_dropout, without
