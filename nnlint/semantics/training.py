"""Questions about training programs: seeds, steps, cleared gradients, modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    Built,
    Choice,
    Instance,
    Items,
    Maybe,
    Parameters,
    Site,
    Unknown,
    Value,
)

MAY_SEED = re.compile(r"seed|determin|reproduc|setup|set_up|init|prepare|configure", re.IGNORECASE)
_MAY_CLEAR = re.compile(r"grad|optim|step|update|backward|reset|train|closure", re.IGNORECASE)
STATEFUL_FAMILIES = frozenset({"dropout", "dropout_channel", "alpha_dropout", "batch_norm"})


def fixes_seed(program: Program) -> bool:
    """Whether a program fixes torch's seed, or calls something that may do so."""
    for event, _ in program.walk():
        if event.kind == "seed":
            return True
        if event.kind in ("opaque", "forward") and MAY_SEED.search(event.name):
            return True
        if event.kind in ("build", "fit") and _seeds_itself(event.subject):
            return True
    return False


def _seeds_itself(value: Value | None) -> bool:
    return isinstance(value, Built) and bool(value.entry.seeds)


def first_random_construction(program: Program) -> Site | None:
    """Where a program first depends on the seed: a model or loader is built, or it trains.

    A layer built inside a model's constructor counts where the program builds the model.
    """
    built = {
        e.site.key
        for e in program.events("build")
        if isinstance(e.subject, Instance) and "training" in e.subject.state
    }
    fallback: Site | None = None
    for event, _ in program.walk():
        if event.kind == "build" and _draws_weights_or_order(event.subject):
            outer = [c for c in event.callers if c.key in built]
            return outer[0] if outer else event.site
        if event.kind in ("fit", "step") and fallback is None:
            fallback = event.site
    return fallback


def _draws_weights_or_order(value: Value | None) -> bool:
    return isinstance(value, Built) and (
        value.entry.kind in ("model", "loader") or value.entry.family in WEIGHTED_FAMILIES
    )


WEIGHTED_FAMILIES = frozenset(
    {"linear", "conv", "conv_transpose", "rnn", "attention", "transformer", "embedding"}
)


@dataclass(frozen=True, slots=True, eq=False)
class UnclearedStep:
    """An optimizer step in a loop in which nothing clears the gradients."""

    step: Event
    backward: Event
    loop: Block


def uncleared_steps(program: Program) -> Iterator[UnclearedStep]:
    """Steps in a loop with a backward pass, where the gradients are never cleared."""
    walk = program.walk()
    if not any(step.kind == "step" for step, _ in walk):
        return
    seen: set[object] = set()
    for step, blocks in walk:
        if step.kind != "step" or step.site.key in seen or not _is_optimizer(step.subject):
            continue
        seen.add(step.site.key)
        loops = [b for b in blocks if b.kind == "loop"]
        inner = next((b for b in reversed(loops) if b.events("backward")), None)
        if inner is None:
            continue
        # only what runs again in the innermost loop with both can accumulate
        cleared = any(_may_clear(e, step.subject) for b in loops for e, _ in b.walk())
        if not cleared:
            yield UnclearedStep(step, inner.events("backward")[0], inner)


def _is_optimizer(value: Value | None) -> bool:
    if isinstance(value, Built):
        return value.entry.kind == "optimizer"
    return isinstance(value, Unknown) and "opt" in value.name.lower().rpartition(".")[2]


def _may_clear(event: Event, optimizer: Value | None) -> bool:
    if event.kind == "zero_grad":
        return not _certainly_other(event.subject, optimizer)
    if event.kind == "forward":
        called = event.name.rpartition(".")[2]
        return bool(_MAY_CLEAR.search(called)) or any(
            _reaches(v, optimizer) for v in event.operands
        )
    if event.kind in ("opaque", "fit"):
        return any(_reaches(v, optimizer) for v in (event.subject, *event.operands))
    return False


def _certainly_other(subject: Value | None, optimizer: Value | None) -> bool:
    both_optimizers = isinstance(subject, Built) and isinstance(optimizer, Built)
    if both_optimizers and isinstance(subject, Built) and subject.entry.kind == "optimizer":
        return subject is not optimizer
    if isinstance(subject, Instance | Built) and isinstance(optimizer, Built):
        held = models_of(optimizer)
        return bool(held) and all(
            isinstance(m, Instance | Built)
            and not _contains(subject, m)
            and not _contains(m, subject)
            for m in held
        )
    return False


def models_of(optimizer: Value) -> tuple[Value, ...]:
    """The models whose parameters an optimizer holds, as far as known."""
    if not isinstance(optimizer, Built):
        return ()
    given = optimizer.arguments.get("params")
    return given.models if isinstance(given, Parameters) else ()


def _contains(whole: Value, part: Value, depth: int = 6) -> bool:
    if whole is part:
        return True
    if depth == 0 or not isinstance(whole, Instance | Built):
        return False
    children = [*whole.state.values()] + (list(whole.members) if isinstance(whole, Built) else [])
    return any(_contains(c, part, depth - 1) for c in children if isinstance(c, Instance | Built))


def _reaches(value: Value | None, optimizer: Value | None, depth: int = 4) -> bool:
    """Whether code that is given `value` could clear the gradients of `optimizer`."""
    if value is None or depth == 0:
        return False
    if value is optimizer:
        return True
    if isinstance(value, Items):
        return any(_reaches(v, optimizer, depth - 1) for v in value.items)
    if isinstance(value, Choice):
        return any(_reaches(v, optimizer, depth - 1) for v in value.options)
    if isinstance(value, Maybe):
        return _reaches(value.value, optimizer, depth - 1)
    if isinstance(value, Instance):
        members = [v for v in value.state.values() if isinstance(v, Value)]
        return any(_reaches(v, optimizer, depth - 1) for v in members)
    if isinstance(value, Unknown) and isinstance(optimizer, Unknown):
        return value.name.partition(".")[0] == optimizer.name.partition(".")[0] != ""
    if isinstance(value, Unknown) and "receiver" in value.state:
        return _reaches(value.state["receiver"], optimizer, depth - 1)
    return any(value is model for model in (models_of(optimizer) if optimizer else ()))


@dataclass(frozen=True, slots=True, eq=False)
class TrainModeEvaluation:
    """An evaluation pass of a model that has never been put into eval mode."""

    forward: Event
    layer: Site | None
    """Where the model gets a layer that behaves differently in training, if known."""


def train_mode_evaluations(program: Program) -> Iterator[TrainModeEvaluation]:
    """Gradient-free passes over data of a model that the same program trains, in train mode."""
    if not program.trains or any(e.kind == "eval" for e, _ in program.walk()):
        return
    trained = [e.subject for e in program.events("forward") if e.grad]
    seen: set[object] = set()
    for event, blocks in program.walk():
        if event.kind != "forward" or event.grad or event.site.key in seen:
            continue
        subject = event.subject
        if not isinstance(subject, Instance | Built) or not any(subject is t for t in trained):
            continue
        if not any(b.kind == "loop" for b in blocks) or _may_set_eval(program, subject):
            continue
        layer = stateful_layer(subject)
        if layer is None:
            continue
        seen.add(event.site.key)
        yield TrainModeEvaluation(event, layer.site)


def _may_set_eval(program: Program, model: Value) -> bool:
    return any(
        any(
            v is model or (isinstance(v, Instance) and _contains(v, model))
            for v in (e.subject, *e.operands)
        )
        for e in program.events("opaque", "fit")
    )


def stateful_layer(model: Value, depth: int = 8) -> Built | None:
    """A layer of the model that behaves differently in training: dropout or batch norm."""
    if depth == 0:
        return None
    if isinstance(model, Built):
        if model.entry.family in STATEFUL_FAMILIES:
            return model
        children: list[Value] = [m.value if isinstance(m, Maybe) else m for m in model.members]
    elif isinstance(model, Instance):
        children = [v for v in model.state.values() if isinstance(v, Value)]
    elif isinstance(model, Items):
        children = list(model.items)
    else:
        return None
    return next(
        (f for c in children if c is not model and (f := stateful_layer(c, depth - 1))), None
    )
