"""Does every input change the output?

Criterion: every example of one input is changed (four draws, and half of it made zero, for what
is read as true or false), in eval and in train mode and with constant weights jittered, so that a
gate that starts at zero hides nothing. CONFIRMED when an input changes no output under any draw,
REFUTED when each changes one. Left out: what was made up here for `*args` and `**kwargs`,
parameters named as unused, and those of which `forward` reads the shape, type or device alone.
Source: "Use backprop to chart dependencies", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect

from ..inputs import SPARSE, Inputs
from ..running import Leaves, Runner, equal, jittered
from ..sources import nodes_of
from ..subject import Answer, Subject, confirmed, inconclusive, parameter_of, refuted

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
    shape_only = _shape_only(type(subject.model).forward)
    for (path, tensor), text in zip(inputs.tensors, inputs.describe()):
        slot = inputs.slots[path]
        name = parameter_of(subject.model, path)
        if (name.startswith("*") and inputs.guessed) or name.startswith(("_", "unused")):
            continue
        if name in shape_only:
            continue
        if slot.axis is None or (slot.high is not None and slot.high < 2) or not tensor.numel():
            continue
        only = dataclasses.replace(inputs, slots={path: slot})
        (used if _shows(runner, only, base) or _trains(runner, only) else unused).append(text)
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


def _trains(runner: Runner, inputs: Inputs) -> bool:
    """Whether an input, such as targets, shows in training."""
    try:
        return _shows(runner, inputs, runner.run(inputs, True), True)
    except Exception:
        # what does not run in training is judged in eval mode alone
        return False


_OF_SHAPE = {"shape", "size", "device", "dtype", "dim", "ndim", "type", "is_cuda", "numel"}


def _shape_only(function: object) -> set[str]:
    """Parameters that are only asked for their shape, type or device."""
    reads: dict[str, int] = {}
    asked: dict[str, int] = {}
    for node in nodes_of(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads[node.id] = reads.get(node.id, 0) + 1
        inner = None
        if isinstance(node, ast.Attribute) and node.attr in _OF_SHAPE:
            inner = node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "len" and node.args:
            inner = node.args[0]
        if isinstance(inner, ast.Name):
            asked[inner.id] = asked.get(inner.id, 0) + 1
    return {name for name, count in asked.items() if reads.get(name) == count}


def _shows(runner: Runner, inputs: Inputs, base: Leaves, training: bool = False) -> bool:
    for draw in (0, 1, 2, 3, SPARSE):
        changed = inputs
        for example in range(inputs.count):
            changed = changed.perturbed(example, draw, 1)
        try:
            if not equal(base, runner.run(changed, training)):
                return True
        except (RuntimeError, ValueError, IndexError):
            # values out of the model's range say nothing either way
            continue
    return False
