"""The length and the rate of the run that a schedule belongs to, and what follows from them."""

from __future__ import annotations

import ast

import pytest

from nnlint.finding import Finding, Level, Position
from nnlint.verify.runtime.probes import lr_schedule
from nnlint.verify.runtime.subject import Options, Subject
from nnlint.verify.schedules import plan_of

OTHER = """import argparse
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR, StepLR
from torch.utils.data import DataLoader


def other(loader: DataLoader, epochs=10):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()


"""
LOOP = """def train(loader: DataLoader, {parameters}):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = {scheduler}
    for epoch in range({rounds}):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            {inner}
        {outer}
"""


def answer(tmp_path, text, scheduler, name="default-step-decay"):
    """What the probe says of a schedule in a file, and the plan that it steps."""
    path = tmp_path / "train.py"
    path.write_text(text)
    node = next(
        n
        for n in ast.walk(ast.parse(text))
        if ast.unparse(n) == ast.unparse(ast.parse(scheduler))
        if isinstance(n, ast.Call)
    )
    start, end = (
        (n, c + 1)
        for n, c in ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
    )
    finding = Finding("NN601", name, Level.ADVICE, "", str(path), Position(*start), Position(*end))
    plan = plan_of(finding)
    options = Options(schedule=plan, finding={"name": name})
    return lr_schedule.run(Subject(None, None, options)), plan


def loop(scheduler, parameters="epochs=200", rounds="epochs", per_batch=False):
    step = "schedule.step()"
    inner, outer = (step, "pass") if per_batch else ("pass", step)
    return OTHER + LOOP.format(
        parameters=parameters, scheduler=scheduler, rounds=rounds, inner=inner, outer=outer
    )


@pytest.mark.parametrize(
    "scheduler",
    [
        "StepLR(optimizer, step_size=30)",
        "MultiStepLR(optimizer, [30, 60, 90])",
        "LambdaLR(optimizer, lambda e: 0.1 ** (e // 30))",
    ],
)
def test_the_run_of_another_function_is_not_taken(tmp_path, scheduler):
    found, plan = answer(tmp_path, loop(scheduler), scheduler)
    assert (plan["epochs"], plan["lr"], plan["unknown"]) == (200, 0.5, "")
    assert found.status == "CONFIRMED" and "from epoch 90" in found.summary


def test_arguments_from_elsewhere_are_filled_in(tmp_path):
    text = loop("StepLR(optimizer, period)", "period, epochs")
    text += "\n\ntorch.manual_seed(0)\ntrain(DataLoader(torch.load('x')), 20, 90)\n"
    found, plan = answer(tmp_path, text, "StepLR(optimizer, period)")
    assert plan["expression"] == "StepLR(optimizer, 20)" and plan["epochs"] == 90
    assert found.status == "REFUTED" and "from 0.5 to 5e-05" in found.summary


@pytest.mark.parametrize(
    ("parameters", "rounds", "per_batch", "reason"),
    [
        ("epochs", "epochs", False, "goes over nothing of a known length"),
        ("epochs=90", "epochs", True, "stepped for each batch"),
    ],
)
def test_no_verdict_on_a_run_of_unknown_length(tmp_path, parameters, rounds, per_batch, reason):
    scheduler = "StepLR(optimizer, step_size=30)"
    found, _ = answer(tmp_path, loop(scheduler, parameters, rounds, per_batch), scheduler)
    assert found.status == "INCONCLUSIVE" and reason in found.summary
    assert len(found.evidence["rates"]) == 100


def test_a_step_at_the_wrong_place_is_not_judged_by_how_far_the_rate_falls(tmp_path):
    scheduler = "StepLR(optimizer, step_size=300)"
    found, _ = answer(tmp_path, loop(scheduler), "schedule.step()", "scheduler-order")
    assert found.status == "INCONCLUSIVE" and "never changes" in found.summary
