"""Does every input change the output?

Criterion: every example of one input is changed (four draws), in eval mode and with
constant weights jittered, so that a gate that starts at zero hides nothing. CONFIRMED when
an input changes no output under any draw, REFUTED when each changes one.
Source: "Use backprop to chart dependencies", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import dataclasses
import inspect

from ..inputs import Inputs
from ..running import Leaves, Runner, equal, jittered
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "input-use"


def run(subject: Subject) -> Answer:
    """Change one input after the other."""
    runner = Runner(jittered(subject.model, 1), subject.runner.device)
    runner.fresh = subject.runner.fresh
    inputs = subject.inputs
    if not runner.deterministic(inputs, False):
        return inconclusive("the same seed and inputs give different outputs from run to run")
    base = runner.run(inputs, False)
    used: list[str] = []
    unused: list[str] = []
    for (path, tensor), text in zip(inputs.tensors, inputs.describe()):
        slot = inputs.slots[path]
        if slot.axis is None or (slot.high is not None and slot.high < 2) or not tensor.numel():
            continue
        only = dataclasses.replace(inputs, slots={path: slot})
        (used if _shows(runner, only, base) else unused).append(text)
    if not used and not unused:
        return inconclusive("no input may be changed")
    if unused:
        return confirmed(f"no change of {', '.join(unused)} changes the output", unused=unused)
    return refuted(f"each of {len(used)} inputs changes the output{_left_out(subject)}", used=used)


def _left_out(subject: Subject) -> str:
    """The arguments that were None, of which nothing is known."""
    names = list(inspect.signature(type(subject.model).forward).parameters)[1:]
    none = [n for n, v in zip(names, subject.inputs.args) if v is None]
    none += [n for n, v in subject.inputs.kwargs.items() if v is None]
    return f"; not looked at, being None here: {', '.join(none)}" if none else ""


def _shows(runner: Runner, inputs: Inputs, base: Leaves) -> bool:
    for draw in range(4):
        changed = inputs
        for example in range(inputs.count):
            changed = changed.perturbed(example, draw, 1)
        try:
            if not equal(base, runner.run(changed, False)):
                return True
        except (RuntimeError, ValueError, IndexError):
            # values out of the model's range say nothing either way
            continue
    return False
