"""Rates computed from the text of a program are those that torch gives."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from program_text import main_program

from nnlint.questions.optimisation.curves import curve_of, one_after_another
from nnlint.semantics.values import Built

HEAD = """
import math
import torch
from torch.optim.lr_scheduler import *
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr={lr})
"""
ROUNDS = 70


def rates_of_torch(text: str, steps: int, several: bool = False) -> list[float]:
    names: dict[str, Any] = {}
    exec(text, names)
    optimizer = names["optimizer"]
    assert isinstance(optimizer, torch.optim.Optimizer)
    rates = [float(optimizer.param_groups[0]["lr"])]
    stepped = [names["first"], names["second"]] if several else [names["scheduler"]]
    for _ in range(steps):
        optimizer.step()
        for scheduler in stepped:
            scheduler.step()
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def schedulers_of(text: str) -> list[Built]:
    events = main_program(text).events("build")
    built = [e.subject for e in events if isinstance(e.subject, Built)]
    return [b for b in built if b.entry.kind == "scheduler"]


def one(rng: random.Random) -> str:
    """A scheduler that may be a part of others."""
    n, m = rng.randint(1, 40), rng.randint(2, 40)
    a, b = rng.choice([0.1, 0.25, 0.5, 0.9]), rng.choice([0.0, 0.01, 0.3])
    return rng.choice(
        [
            f"StepLR(optimizer, {n}, gamma={a})",
            f"StepLR(optimizer, step_size={n})",
            f"MultiStepLR(optimizer, [{n}, {n + m}, {n + m}], gamma={a})",
            f"ExponentialLR(optimizer, {a})",
            f"ConstantLR(optimizer, factor={a}, total_iters={n})",
            f"LinearLR(optimizer, {a}, total_iters={n})",
            f"LinearLR(optimizer, start_factor=1.0, end_factor={b}, total_iters={m})",
            f"CosineAnnealingLR(optimizer, {m}, eta_min={b / 100})",
            f"LambdaLR(optimizer, lambda epoch: {a} ** (epoch // {n}))",
            f"LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / {n}) * max(0.0, 1 - s / {m}))",
            f"LambdaLR(optimizer, lambda e: 0.5 * (1 + math.cos(math.pi * e / {m})))",
            f"CosineAnnealingWarmRestarts(optimizer, {n}, T_mult={rng.randint(1, 3)})",
        ]
    )


def alone(rng: random.Random) -> str:
    """A scheduler that stands alone."""
    n, m = rng.randint(2, 40), rng.randint(2, 40)
    a, b = rng.choice([0.5, 0.9, 0.99]), rng.choice([0.1, 0.3, 0.45])
    down = rng.choice(["", f", step_size_down={m}"])
    kind = rng.choice(["'triangular'", "'triangular2'", f"'exp_range', gamma={a}"])
    total = ROUNDS + rng.randint(0, 60)
    shape = rng.choice(
        ["", ", anneal_strategy='linear'", ", three_phase=True", ", div_factor=10.0"]
    )
    first, second, third = one(rng), one(rng), one(rng)
    return rng.choice(
        [
            first,
            f"PolynomialLR(optimizer, total_iters={m}, power={rng.choice([1.0, 0.9, 2.0])})",
            f"MultiplicativeLR(optimizer, lambda epoch: {a})",
            f"MultiplicativeLR(optimizer, lambda e: 1.0 if e < {n} else {a})",
            f"CyclicLR(optimizer, 0.001, {a}, step_size_up={n}{down}, mode={kind}, cycle_momentum=False)",
            f"OneCycleLR(optimizer, {a}, total_steps={total}, pct_start={b}, cycle_momentum=False{shape})",
            f"SequentialLR(optimizer, [{first}, {second}], milestones=[{n}])",
            f"SequentialLR(optimizer, [{first}, {second}, {third}], milestones=[{n}, {n + m}])",
            f"ChainedScheduler([{first}, {second}])",
        ]
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(60))
def test_rates_are_those_of_torch(seed: int) -> None:
    rng = random.Random(seed)
    lr = rng.choice([0.1, 0.3, 1.0, 3e-4])
    text = f"{HEAD.format(lr=lr)}scheduler = {alone(rng)}\n"
    curve = curve_of(schedulers_of(text)[-1])
    assert curve is not None, text
    expected = rates_of_torch(text, ROUNDS)
    for step, rate in enumerate(expected):
        found = curve(step, lr)
        assert found is not None
        assert found == pytest.approx(rate, rel=1e-9, abs=1e-9), (text, step)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(12))
def test_rates_of_two_schedulers_on_one_optimizer(seed: int) -> None:
    rng = random.Random(seed)
    text = f"{HEAD.format(lr=0.5)}first = {one(rng)}\nsecond = {one(rng)}\n"
    curve = one_after_another(schedulers_of(text))
    assert curve is not None, text
    for step, rate in enumerate(rates_of_torch(text, ROUNDS, several=True)):
        assert curve(step, 0.5) == pytest.approx(rate, rel=1e-9, abs=1e-9), (text, step)
