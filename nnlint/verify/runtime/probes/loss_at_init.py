"""Is the loss at initialisation what an untrained model must have?

Criterion: r = L₀ / expected, where expected is ln n for n classes, ln 2 for binary targets,
and the loss of the constant mean for regression. CONFIRMED (something is off) for r over
1.5 or under 0.7; REFUTED between. An output that already is a probability is CONFIRMED
under cross entropy: whatever the weights, the loss cannot fall under ln(1 + (n-1)/e). Of a
finding about an activation only the range is judged, in train mode and under five sets of
weights; INCONCLUSIVE where outputs of one kind disagree.
Threshold: clean MLP, CNN, ResNet and GPT measured 0.99–1.04; raw 0–255 inputs 6–12, a tied
N(0,1) embedding 12, a head scaled by 50 2.7.
Source: "Verify loss @ init", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from torch import Tensor

from ..inputs import Inputs
from ..running import Runner, jittered, shaken
from ..steps import Step
from ..subject import Answer, Subject, confirmed, inconclusive, measured, refuted
from ..training import NoTask, Task, trial_of
from ..trees import Path
from ..watching import Seen, Watch, telling

NAME = "loss-at-init"
OF_STEP = True
HIGH, LOW = 1.5, 0.7
SIZE = 32
RANGES = (
    "softmax-into-cross-entropy",
    "sigmoid-into-bce-with-logits",
    "logits-into-bce",
    "logits-into-nll",
)
"""Findings about the range of what a loss gets; its value at initialisation is no matter."""


def run(subject: Subject) -> Answer:
    """Compare the first loss with what chance gives."""
    seed = subject.options.seed
    try:
        runner, inputs, task = trial_of(subject, SIZE)
    except NoTask as error:
        return inconclusive(str(error))
    with torch.no_grad():
        values = [float(task(runner.call(inputs, training, seed))) for training in (False, True)]
    evidence = {
        "loss": task.loss,
        "at init": values[0],
        "in train mode": values[1],
        "expected": task.expected,
        "inputs": inputs.describe(),
    }
    if subject.options.finding.get("name") in RANGES:
        return _range(subject, task, evidence)
    if not math.isfinite(values[0]):
        return confirmed(f"the loss at initialisation is {values[0]}", **evidence)
    if subject.step is None:
        fault = _faults(subject, task, True).get(task.path)
    else:
        fault = _fault_of_step(subject.step, runner, inputs)
    if fault:
        return confirmed(fault, **evidence)
    if not math.isfinite(task.expected):
        return measured(
            f"the loss at initialisation is {values[0]:.3f}; what it must be is known of torch's "
            "own losses alone",
            **evidence,
        )
    if task.expected <= 0:
        return inconclusive("the targets of the batch are all alike", **evidence)
    ratio = values[0] / task.expected
    evidence["ratio"] = ratio
    text = f"the loss at initialisation is {values[0]:.3f}, {ratio:.2f} × the {task.expected:.3f} of chance"
    if ratio > HIGH:
        return confirmed(f"{text}: the untrained model is confidently wrong", **evidence)
    if ratio < LOW and task.loss not in ("mse", "l1", "huber"):
        return confirmed(f"{text}: lower than a model can know before training", **evidence)
    return refuted(text, **evidence)


def _range(subject: Subject, task: Task, evidence: dict[str, Any]) -> Answer:
    """Whether the output, as it is in training, has the range that the loss wants."""
    training, evaluation = (_faults(subject, task, mode) for mode in (True, False))
    found = [fault for fault in training.values() if fault]
    if found and len(found) == len(training):
        return confirmed(training[task.path], **evidence)
    if found:
        return inconclusive(
            f"of {len(training)} outputs {len(found)} would be at fault, and which of them the "
            f"loss gets is not known: {found[0]}",
            **evidence,
        )
    if any(evaluation.values()):
        return inconclusive(
            "the output has another range in eval mode than in training", **evidence
        )
    if not training:
        return inconclusive("the outputs are not finite under other weights", **evidence)
    return refuted(f"the output of the model has the range that {task.loss} wants", **evidence)


def _faults(subject: Subject, task: Task, training: bool) -> dict[Path, str]:
    """What is wrong with the range of each output that the loss may get, under any weights."""
    if task.loss not in ("cross_entropy", "bce_with_logits", "nll", "bce"):
        return {}
    inputs = subject.inputs.resized(8, subject.options.seed)
    models = [jittered(subject.model, 5), *(shaken(subject.model, seed) for seed in range(4))]
    collected: dict[Path, list[Tensor]] = {}
    for model in models:
        runner = Runner(model, subject.runner.device)
        for draw in range(4):
            with torch.no_grad():
                output = runner.call(inputs.perturbed(0, draw), training)
            for path, tensor in task.alike(output):
                if bool(tensor.isfinite().all()):
                    collected.setdefault(path, []).append(tensor.double())
    return {path: _fault(task, tensors) for path, tensors in collected.items()}


def _fault_of_step(step: Step, runner: Runner, inputs: Inputs) -> Optional[str]:
    """What is wrong with the range of what the program's own loss gets, under any weights."""
    seen: list[Seen] = []
    models = [jittered(step.stepped, 5), *(shaken(step.stepped, seed) for seed in range(4))]
    for model in models:
        with torch.no_grad(), Watch() as watch:
            value = float(Runner(model, runner.device).call(inputs, True))
        seen += telling(watch.calls, value)
    outputs = [s.prediction.detach().double() for s in seen]
    if not seen or len(seen) != len(models) or not all(bool(o.isfinite().all()) for o in outputs):
        return None
    if seen[0].classes > 1 and outputs[0].dim() > 1:
        outputs = [o.movedim(1, -1) for o in outputs]
    task = Task(seen[0].loss, seen[0].classes, lambda output: output, seen[0].target, 0.0)
    return _fault(task, outputs)


def _fault(task: Task, outputs: list[Tensor]) -> str:
    low, high = min(float(o.min()) for o in outputs), max(float(o.max()) for o in outputs)
    n = task.classes
    if task.loss == "cross_entropy" and low >= 0 and all(_is(o.sum(-1), 1.0) for o in outputs):
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


def _is(values: Tensor, goal: float) -> bool:
    return bool(((values - goal).abs() < 1e-4).all())
