"""How often a run steps its scheduler is told from loops, loaders and conditions."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.questions.optimisation.advancing import Advance, advance_of

PROGRAM = """
import torch
from torch import nn

def train(model, loader, epochs, every, use_schedule=True):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    {loops}
"""
BATCH = "nn.functional.cross_entropy(model(x), y).backward(); optimizer.step()"
PER_EPOCH = "for epoch in {over}:\n        for x, y in loader: " + BATCH + "\n        {step}"
PER_BATCH = (
    "for epoch in range(8):\n        for i, (x, y) in enumerate(loader):\n"
    "            " + BATCH + "\n            {step}"
)


def advance(loops: str) -> Advance | None:
    return advance_in(PROGRAM.format(loops=loops))


def advance_in(text: str) -> Advance | None:
    """How the only function of a text steps its only scheduler."""
    (program,) = analysed(text).programs[1:]
    (found,) = (pair for pair in program.walk() if pair[0].kind == "scheduler_step")
    return advance_of(program, *found)


@pytest.mark.parametrize(
    ("over", "step", "steps"),
    [
        ("range(90)", "scheduler.step()", 90),
        ("range(1, 91)", "scheduler.step()", 90),
        ("range(5, 90)", "scheduler.step()", 85),
        ("range(90)", "if (epoch + 1) % 3 == 0: scheduler.step()", 30),
        ("range(90)", "if not epoch % 10: scheduler.step()", 9),
        ("range(90)", "if epoch >= 10: scheduler.step()", 80),
        ("range(1, 91)", "if epoch in (30, 60): scheduler.step()", 2),
        ("range(90)", "if use_schedule: scheduler.step()", 90),
    ],
)
def test_steps_per_epoch(over: str, step: str, steps: int) -> None:
    found = advance(PER_EPOCH.format(over=over, step=step))
    assert found is not None
    assert found.steps.is_known
    assert found.steps.tried == pytest.approx(steps)
    assert next(found.steps_before()) == 0


@pytest.mark.parametrize(
    ("over", "step"),
    [
        ("range(90)", "if model(x).sum() > 0: scheduler.step()"),
        ("range(90)", "if epoch % every == 0: scheduler.step()"),
        ("iter(lambda: next(loader), None)", "if epoch: scheduler.step()"),
    ],
)
def test_conditions_that_nothing_here_answers(over: str, step: str) -> None:
    assert advance(PER_EPOCH.format(over=over, step=step)) is None


def test_open_numbers_are_compared() -> None:
    found = advance(PER_EPOCH.format(over="range(epochs)", step="scheduler.step()"))
    other = advance(PER_EPOCH.format(over="range(2 * epochs)", step="scheduler.step()"))
    assert found is not None
    assert other is not None
    assert not found.steps.is_known
    assert found.steps.over(found.all_rounds) == 1
    assert other.steps.over(found.steps) is None, "parameters of two programs"


@pytest.mark.parametrize(
    ("step", "share"),
    [("scheduler.step()", 1), ("if i % 4 == 3: scheduler.step()", 0.25)],
)
def test_steps_per_batch(step: str, share: float) -> None:
    found = advance(PER_BATCH.format(step=step))
    assert found is not None
    assert found.share == pytest.approx(share)


COUNTED = """
import torch
from torch import nn

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    done = 0
    {start}
    while epoch < 30:
        for x, y in loader:
            {batch}
            done += 1
            {inner}
        epoch += 1
        {outer}
"""


def counted(start: str, inner: str, outer: str) -> Advance | None:
    return advance_in(COUNTED.format(start=start, batch=BATCH, inner=inner, outer=outer))


def test_rounds_that_are_counted_by_hand() -> None:
    per_epoch = counted("epoch = 0", "pass", "scheduler.step()")
    assert per_epoch is not None
    assert per_epoch.steps.tried == 30
    assert counted("epoch = len(loader)", "pass", "scheduler.step()") is None
    every_tenth = counted("epoch = 0", "if done % 10 == 0: scheduler.step()", "pass")
    assert every_tenth is not None
    assert every_tenth.share == pytest.approx(0.1)
