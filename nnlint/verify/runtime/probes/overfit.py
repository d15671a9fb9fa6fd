"""Can the model overfit one batch?

Criterion: with Adam at 1e-3 and at 3e-3, without dropout, the loss on one batch of five
with random targets, or of the program's own data and loss where these are known, falls under 0.02
or 1 % of its start, above what soft targets leave, within 500 steps. CONFIRMED (it
cannot) when neither rate gets there, the loss has stopped falling and is over a third of its
start; REFUTED when one does. INCONCLUSIVE between, since random targets of like examples clash,
and where the model draws random numbers in train mode.
A stall at ln(1 + (n-1)/e), 1.461 for ten classes, is the mark of a double softmax.
Source: "Overfit one batch", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

from ..inputs import Inputs, seed_all
from ..progress import late
from ..running import equal
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import NoTask, curve, fit, quiet_dropout, trial_of
from ..trees import leaves

NAME = "overfit"
OF_STEP = True
GOAL, SHARE = 0.02, 0.01
CLASH = 1 / 3
RATES = (1e-3, 3e-3)
SIZE, OF_DATA = 5, 8


def run(subject: Subject) -> Answer:
    """Train a copy on one batch."""
    options = subject.options
    evidence: dict[str, Any] = {"loss": options.loss, "curves": {}}
    lowest = start = math.inf
    still_falling = False
    try:
        runner, inputs, task = trial_of(subject, SIZE if subject.step is None else OF_DATA)
        evidence.update({"loss": task.loss, "inputs": inputs.describe()})
        if task.hardly_differs:
            return inconclusive("the targets of the batch hardly differ", **evidence)
        for rate in RATES:
            start = float(task(runner.call(inputs, False, options.seed)))
            goal = task.goal(start, GOAL, SHARE)
            losses = fit(runner, inputs, task, options.steps, rate, goal, options.seed)
            evidence["curves"][f"Adam {rate:g}"] = curve(losses)
            lowest = min(lowest, *losses)
            if losses[-1] <= goal:
                return refuted(
                    f"one batch is overfitted: {losses[0]:.3f} → {losses[-1]:.3f} in "
                    f"{len(losses)} steps of Adam at {rate:g}",
                    **evidence,
                )
            if late():
                return inconclusive(
                    f"the loss on one batch is {lowest:.3f} after {len(losses)} steps of Adam at "
                    f"{rate:g}, when the time was up",
                    **evidence,
                )
            half = losses[len(losses) * 4 // 5]
            still_falling |= losses[-1] < 0.9 * half
    except NoTask as error:
        return inconclusive(str(error))
    except RuntimeError as error:
        if "does not require grad" in str(error):
            return confirmed("no gradient reaches a parameter: nothing can be learned", **evidence)
        raise
    if still_falling:
        return inconclusive(
            f"the loss on one batch is {lowest:.3f} after {options.steps} steps, and still falling",
            **evidence,
        )
    if task.lowest is None:
        return inconclusive(
            f"the loss on one batch falls from {start:.3f} to {lowest:.3f}; it is one of the "
            "program's own, and how low it can be is not known",
            **evidence,
        )
    if lowest < CLASH * start:
        return inconclusive(
            f"the loss on one batch falls from {start:.3f} to {lowest:.3f}, and no further: "
            f"{'' if subject.step else 'random '}targets of examples that look alike would do that",
            **evidence,
        )
    if _is_random(runner.model, inputs):
        return inconclusive(
            f"the loss stalls at {lowest:.3f}, and the model draws random numbers in train mode",
            **evidence,
        )
    floor = math.log(1 + (task.classes - 1) / math.e) if task.classes > 1 else None
    mark = ""
    if task.loss == "cross_entropy" and floor and abs(lowest - floor) < 0.03:
        mark = f", the floor ln(1 + ({task.classes}-1)/e) of softmax applied twice"
    return confirmed(
        f"one batch of {inputs.count} cannot be overfitted: the loss stalls at {lowest:.3f}{mark}",
        **evidence,
    )


def _is_random(trained: nn.Module, inputs: Inputs) -> bool:
    """Whether train mode is random without dropout."""
    model = copy.deepcopy(trained)
    model.train()
    quiet_dropout(model)
    results = []
    for seed in (0, 1):
        args, kwargs = inputs.copied()
        seed_all(seed)
        with torch.no_grad():
            results.append(leaves(model(*args, **kwargs)))
    return not equal(*results)
