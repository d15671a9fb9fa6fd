"""Can the model overfit one batch?

Criterion: with Adam at 1e-3 and at 3e-3, without dropout, the loss on one batch of five
with random targets falls under 0.02 or 1 % of its start within 500 steps. CONFIRMED (it
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

from ..inputs import Inputs, seed_all
from ..progress import late
from ..running import equal
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import NoTask, curve, fit, make_task, quiet_dropout
from ..trees import leaves

NAME = "overfit"
GOAL, SHARE = 0.02, 0.01
CLASH = 1 / 3
RATES = (1e-3, 3e-3)
SIZE = 5


def run(subject: Subject) -> Answer:
    """Train a copy on one batch."""
    options = subject.options
    inputs = subject.inputs.resized(SIZE, options.seed)
    evidence: dict[str, Any] = {"loss": options.loss, "curves": {}, "inputs": inputs.describe()}
    lowest = start = math.inf
    still_falling = False
    try:
        task = make_task(subject.runner, inputs, options.loss, options.seed)
        for rate in RATES:
            start = float(task(subject.runner.call(inputs, False, options.seed)))
            goal = max(GOAL, SHARE * start)
            losses = fit(subject.runner, inputs, task, options.steps, rate, goal, options.seed)
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
    if lowest < CLASH * start:
        return inconclusive(
            f"the loss on one batch falls from {start:.3f} to {lowest:.3f}, and no further: random "
            "targets of examples that look alike would do that",
            **evidence,
        )
    if _is_random(subject, inputs):
        return inconclusive(
            f"the loss stalls at {lowest:.3f}, and the model draws random numbers in train mode",
            **evidence,
        )
    floor = math.log(1 + (task.classes - 1) / math.e) if task.classes > 1 else None
    mark = ""
    if options.loss == "cross_entropy" and floor and abs(lowest - floor) < 0.03:
        mark = f", the floor ln(1 + ({task.classes}-1)/e) of softmax applied twice"
    return confirmed(
        f"one batch of {SIZE} cannot be overfitted: the loss stalls at {lowest:.3f}{mark}",
        **evidence,
    )


def _is_random(subject: Subject, inputs: Inputs) -> bool:
    """Whether train mode is random without dropout."""
    model = copy.deepcopy(subject.model)
    model.train()
    quiet_dropout(model)
    results = []
    for seed in (0, 1):
        args, kwargs = inputs.copied()
        seed_all(seed)
        with torch.no_grad():
            results.append(leaves(model(*args, **kwargs)))
    return not equal(*results)
