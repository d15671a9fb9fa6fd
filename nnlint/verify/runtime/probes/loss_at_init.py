"""Is the loss at initialisation what an untrained model must have?

Criterion: r = L₀ / expected, where expected is ln n for n classes, ln 2 for binary targets,
and the loss of the constant mean for regression. CONFIRMED (something is off) for r over
1.5 or under 0.7; REFUTED between. An output that already is a probability is CONFIRMED
under cross entropy: whatever the weights, the loss cannot fall under ln(1 + (n-1)/e).
Threshold: clean MLP, CNN, ResNet and GPT measured 0.99–1.04; raw 0–255 inputs 6–12, a tied
N(0,1) embedding 12, a head scaled by 50 2.7.
Source: "Verify loss @ init", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import math

import torch

from ..running import Runner, jittered
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import NoTask, Task, make_task

NAME = "loss-at-init"
HIGH, LOW = 1.5, 0.7
SIZE = 32


def run(subject: Subject) -> Answer:
    """Compare the first loss with what chance gives."""
    loss, seed = subject.options.loss, subject.options.seed
    inputs = subject.inputs.resized(SIZE, seed)
    try:
        task = make_task(subject.runner, inputs, loss, seed)
    except NoTask as error:
        return inconclusive(str(error))
    with torch.no_grad():
        values = [
            float(task(subject.runner.call(inputs, training, seed))) for training in (False, True)
        ]
    evidence = {
        "loss": loss,
        "at init": values[0],
        "in train mode": values[1],
        "expected": task.expected,
        "inputs": inputs.describe(),
    }
    if not math.isfinite(values[0]):
        return confirmed(f"the loss at initialisation is {values[0]}", **evidence)
    bounded = _bounded(subject, task)
    if bounded:
        return confirmed(bounded, **evidence)
    ratio = values[0] / task.expected
    evidence["ratio"] = ratio
    text = f"the loss at initialisation is {values[0]:.3f}, {ratio:.2f} × the {task.expected:.3f} of chance"
    if ratio > HIGH:
        return confirmed(f"{text}: the untrained model is confidently wrong", **evidence)
    if ratio < LOW and task.loss not in ("mse", "l1", "huber"):
        return confirmed(f"{text}: lower than a model can know before training", **evidence)
    return refuted(text, **evidence)


def _bounded(subject: Subject, task: Task) -> str:
    """What is wrong with the range of the output, under any weights."""
    if task.loss not in ("cross_entropy", "bce_with_logits", "nll", "bce"):
        return ""
    inputs = subject.inputs.resized(8, subject.options.seed)
    runner = Runner(jittered(subject.model, 5), subject.runner.device)
    with torch.no_grad():
        outputs = [
            task.pick(runner.call(inputs.perturbed(0, draw), False)).double() for draw in range(4)
        ]
    low, high = min(float(o.min()) for o in outputs), max(float(o.max()) for o in outputs)
    sums = [o.sum(-1) for o in outputs]
    n = task.classes
    if task.loss == "cross_entropy" and low >= 0 and all(_is(s, 1.0) for s in sums):
        floor = math.log(1 + (n - 1) / math.e)
        return (
            f"each row of the output is a probability over {n} classes: the loss, which applies "
            f"softmax itself, cannot fall under {floor:.3f}"
        )
    if task.loss == "bce_with_logits" and low >= 0 and high <= 1 and high - low > 1e-6:
        return (
            "the output is a probability, and the loss applies the sigmoid itself: it cannot fall "
            f"under {math.log(1 + math.exp(-1)):.3f} for positives and {math.log(2):.3f} for negatives"
        )
    if task.loss == "nll" and (high > 1e-6 or not all(_is(o.exp().sum(-1), 1.0) for o in outputs)):
        return "the output is no log-probability: NLL is unbounded below and falls without learning"
    if task.loss == "bce" and (low < 0 or high > 1):
        return f"the output reaches from {low:.2g} to {high:.2g}: no probability for BCE"
    return ""


def _is(values: torch.Tensor, goal: float) -> bool:
    return bool(((values - goal).abs() < 1e-4).all())
