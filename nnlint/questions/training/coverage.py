"""Questions about coverage: does the optimizer hold the parameters that the program trains?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import has_trained_weights
from nnlint.questions.participants import FIXED, held_models, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, Reached
from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import parts, same_model
from nnlint.semantics.registration import has_weights, is_parameter
from nnlint.semantics.timeline import Block, Event, loops_around
from nnlint.semantics.values import (
    Built,
    Instance,
    Site,
    Value,
    states,
)

FIXED_NAME = re.compile(
    rf"{FIXED}|ema|vgg|perceptual|lpips|feature|random|prior|old|reward|clip|oracle|attack|victim|"
    r"blackbox",
    re.IGNORECASE,
)
"""How models are called that are trained by no optimizer on purpose."""


@dataclass(frozen=True, slots=True, eq=False)
class Uncovered:
    """Parameters that a training step does not reach."""

    kind: str
    """`replaced`: a layer put in after the optimizer was built; `late`: one that the model first
    builds when it is called; `other`: the optimizer holds another model; `left out`: a model that
    no optimizer holds; `part`: a part of a model whose other parts it holds."""
    site: Site
    """The layer that is put in, the step, the forward pass of the model, or the optimizer."""
    name: str
    """What the program calls the layer, model or part."""
    optimizer: Site
    """Where the optimizer is built."""
    step: Site
    held: str = ""
    """Of a part that is left out, what the optimizer holds of the model."""


def unheld(program: Program) -> Iterator[Uncovered]:
    """Models that a backward pass reaches and that no optimizer of the program holds."""
    events = program.events()
    owner = program.once(Ownership)
    flow = program.once(Backpropagation)
    # what an optimizer holds that never steps is another rule's
    if not all(isinstance(m, Instance | Built) for m in owner.held):
        return
    seen: set[int] = set()
    for event, blocks in program.walk():
        step = step_after(event, blocks) if event.kind == "backward" else None
        if step is None or not isinstance(step.subject, Built):
            continue
        reached = [r for v in (event.subject, *event.operands) for r in flow.reaches(v)]
        known = bool(reached) and all(isinstance(r.model, Instance | Built) for r in reached)
        if not known:
            continue
        held = held_models(step.subject) or ()
        if owner.is_looked_at(event, scope_of(blocks), held):
            continue
        missing = [r for r in reached if _is_missing(r, owner)]
        if len(missing) == len(reached) and not _only_chained(flow, missing, owner.held):
            if owner.is_fed(step.subject) and not loops_around(blocks):
                # a demonstration before training, or between two of its phases
                continue
            used = any(owner.is_used_by_hand(r.model) for r in missing)
            if id(step.subject) in seen or used:
                continue
            seen.add(id(step.subject))
            first = missing[0].forward
            kind, site = "other", step.site
            if owner.is_fed(step.subject):
                kind, site = "left out", first.site
            yield Uncovered(kind, site, spoken_name(first), step.subject.site, step.site)
            continue
        for found in (r for r in owner.reached(event) if _is_missing(r, owner)):
            name = spoken_name(found.forward)
            meant = is_meant_to_train(found, events) and not owner.is_used_by_hand(found.model)
            if id(found.model) not in seen and meant:
                seen.add(id(found.model))
                yield Uncovered("left out", found.forward.site, name, step.subject.site, step.site)


def scope_of(blocks: tuple[Block, ...]) -> Block:
    """The innermost loop around a place, or else its function."""
    return [
        *(b for b in blocks if b.kind in ("root", "entry", "call")),
        *(b for b in blocks if b.kind == "loop"),
    ][-1]


def step_after(backward: Event, blocks: tuple[Block, ...]) -> Event | None:
    """The step that a backward pass is for: the next one in its loop, or else its function.

    A loop further in that goes back itself steps for its own backward passes. What a loop computes
    behind all of its steps is for the first one of the next round.
    """
    scope = scope_of(blocks)
    before: Event | None = None
    passed = False
    for event, around in scope.walk():
        passed = passed or event is backward
        if event.kind == "step" and steps_optimizer(event):
            loops = [b for b in loops_around(around) if b not in blocks]
            if any(loop.events("backward") for loop in loops):
                continue
            if passed:
                return event
            before = before or event
    return before if scope.kind == "loop" else None


def _only_chained(flow: Backpropagation, reached: list[Reached], every: list[Value]) -> bool:
    """Whether the models may be run on the output of one that is held, as a fixed judge is."""
    return any(
        flow.may_reach(operand, lambda model: any(same_model(m, model) for m in every))
        for found in reached
        for forward in flow.passes_like(found.forward)
        for operand in forward.operands
    )


def _is_missing(reached: Reached, owner: Ownership) -> bool:
    return has_weights(reached.model) and not owner.may_hold(reached.model)


def is_meant_to_train(reached: Reached, events: list[Event]) -> bool:
    """Whether nothing says that a model is fixed on purpose."""
    if FIXED_NAME.search(spoken_name(reached.forward)) or not _starts_random(reached.model):
        return False
    if _comes_trained(reached.model):
        # a criterion that compares features does so with a network that is trained already
        return False
    # what goes back to training mode was in eval mode for a while only
    fixes = ["freeze", "requires_grad", "load", "eval", "copy"]
    if any(e.kind == "train" and same_model(e.subject, reached.model) for e in events):
        fixes.remove("eval")
    return not any(
        event.kind in fixes
        and not (event.kind == "load" and _resumes(event))
        and (same_model(event.subject, reached.model) or event.kind == "copy")
        for event in events
    )


def _resumes(load: Event) -> bool:
    """Whether a state is loaded from a file where that is asked for: else the model is random
    and has to be trained. A state of another model makes it one that follows that model."""
    from_model = any(True for v in load.operands for _ in states(v))
    return not from_model and any(c.soft for c in load.conditions)


def _comes_trained(model: Value) -> bool:
    """Whether all weights of a module are those of a library's model that has been trained."""
    weighty = list(_with_weights(model))
    return bool(weighty) and all(
        isinstance(part, Built) and has_trained_weights(part) for part in weighty
    )


def _with_weights(value: Value, depth: int = 8) -> Iterator[Value]:
    """The layers and library's models that the weights of a module are in, and the project's
    modules with parameters of their own."""
    if isinstance(value, Built) and value.entry.kind in ("layer", "model"):
        if has_weights(value):
            yield value
        return
    if isinstance(value, Instance) and any(map(is_parameter, value.state.values())):
        yield value
    for part in parts(value) if depth > 0 else ():
        yield from _with_weights(part, depth - 1)


def _starts_random(model: Value) -> bool:
    """Whether a program writes out what a model is made of, so that its weights are new."""
    layers = isinstance(model, Built) and model.entry.kind in ("container", "layer")
    return layers or isinstance(model, Instance)
