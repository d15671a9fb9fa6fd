"""Schedules that a module hands its trainer, against the epochs that the trainer is given."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built, Class, Constant, Instance, Items, Site, constant
from nnlint.syntax.calls import argument_of, called_name, last_name
from nnlint.syntax.walking import walk

_CONFIGURES = "configure_optimizers"
_SHORT, _LONG = 0.8, 1.25
"""How far the run may be off a schedule's length."""
_LEFT = 0.1
"""The part of its way down that a schedule has left where it has certainly not come to its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Configured:
    """A schedule whose length is not that of the run for which its module is trained."""

    site: Site
    """Where the schedule is built."""
    said: str
    """What says its length."""
    consequence: str
    """What the run gets of it."""
    trainer: Site


def mismatched_for_trainer(program: Program) -> Iterator[Configured]:
    """The schedules of modules that a Lightning trainer trains for another number of epochs."""
    told: set[object] = set()
    for event in program.events("fit"):
        epochs = _epochs(event)
        model = event.operands[0] if event.operands else None
        if epochs is None or not isinstance(model, Instance):
            continue
        for call in _schedules(model):
            site, trainer = Site(model.cls.scope.module, call), event.subject
            if site.key in told or not isinstance(trainer, Built) or trainer.site is None:
                continue
            told.add(site.key)
            found = _judged(model, call, epochs)
            if found is not None:
                yield Configured(site, *found, trainer.site)


def _epochs(fit: Event) -> int | None:
    """For how many epochs a trainer certainly trains, if nothing ends it before."""
    trainer = fit.subject
    if not isinstance(trainer, Built) or trainer.entry.family != "lightning":
        return None
    given = trainer.explicit
    if "**" in trainer.arguments or not given.isdisjoint(("max_steps", "max_time", "fast_dev_run")):
        return None
    if "callbacks" in given and not _never_stops(trainer.arguments.get("callbacks")):
        return None
    epochs = constant(trainer.arguments.get("max_epochs"), soft=False)
    return epochs if type(epochs) is int and epochs > 1 and "max_epochs" in given else None


def _never_stops(callbacks: object) -> bool:
    several = (
        callbacks.items if isinstance(callbacks, Items) and not callbacks.open else (callbacks,)
    )
    return all(
        isinstance(c, Built) and c.entry.family == "callback" and "Stopping" not in c.entry.name
        for c in several
    )


def _schedules(model: Instance) -> Iterator[ast.Call]:
    """The only schedule that a module builds for its trainer, which steps it once an epoch."""
    method = next(
        (
            n
            for n in model.cls.node.body
            if isinstance(n, ast.FunctionDef) and n.name == _CONFIGURES
        ),
        None,
    )
    nodes = walk(method) if method is not None and isinstance(model.cls, Class) else []
    words = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    built = [n for n in nodes if isinstance(n, ast.Call) and called_name(n) in _LENGTHS]
    others = [n for n in nodes if isinstance(n, ast.Call) and _is_other(n)]
    if len(built) == 1 and not others and words.isdisjoint(("step", "frequency")):
        yield built[0]


_LENGTHS = {"CosineAnnealingLR": "T_max", "StepLR": "step_size", "MultiStepLR": "milestones"}


def _is_other(call: ast.Call) -> bool:
    name = called_name(call)
    chained = name in ("SequentialLR", "ChainedScheduler")
    return chained or (name not in _LENGTHS and name.endswith(("LR", "Restarts", "scheduler")))


def _judged(model: Instance, call: ast.Call, epochs: int) -> tuple[str, str] | None:
    """What says the length of a schedule, and what comes of it where the run has another one."""
    name = called_name(call)
    argument = _LENGTHS[name]
    given = argument_of(call, argument, 1)
    text = f"{argument}={model.cls.scope.module.text(given)}" if given is not None else ""
    numbers = _numbers(model, given)
    if not numbers or min(numbers) < 1:
        return None
    first = min(numbers)
    if name != "CosineAnnealingLR":
        if first < epochs:
            return None
        return text, f"its first drop comes after the end, in epoch {first} of {epochs}"
    left = (1 + math.cos(math.pi * epochs / first)) / 2
    if first <= _SHORT * epochs and (epochs % (2 * first) or epochs == 2 * first):
        return text, (
            f"the cosine is down after {first} of {epochs} epochs and climbs back up, to "
            f"{left:.0%} of the rate in the last one"
        )
    if first >= _LONG * epochs and left > _LEFT:
        return text, f"the run ends after {epochs} epochs, while {left:.0%} of the rate is left"
    return None


def _numbers(model: Instance, given: ast.expr | None) -> list[int]:
    """The whole numbers that are written down, or given to the constructor of the module."""
    match given:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            found = [_numbers(model, part) for part in parts]
            return [n for one in found for n in one] if all(found) else []
        case ast.Constant(value=number) if type(number) is int:
            return [number]
        case ast.Attribute(value=ast.Name(id="self") | ast.Attribute(attr="hparams")):
            name = last_name(given)
            value = model.state.get(name) or model.named.get(name)
            if isinstance(value, Constant) and not value.soft and type(value.value) is int:
                return [value.value]
    return []
