"""Which models a program trains, with which loss, on the batches of what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.losses import call_parameters
from nnlint.questions.participants import held_models, is_model, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, loss_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import MIXING, RESHAPES, SCALES, tensor_of, upstream
from nnlint.semantics.holding import covers
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    MADE,
    Arithmetic,
    Built,
    Choice,
    Function,
    Instance,
    Items,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)

_LIGHTNING_STEP = "training_step"


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """One model that a program trains."""

    model: Instance | Built
    site: Site
    """Where its gradients are asked for, or it is handed to a trainer."""
    losses: tuple[Operation, ...] = ()
    """The losses of libraries that go into what is minimised."""
    criterion: Operation | Instance | Function | None = None
    """What alone makes the loss out of an output and a target: a library's loss, or one of the
    project's. None where it is made of several, or of something else."""
    by_itself: bool = False
    """The loss is computed within the model: in its `forward`, or as trainers of libraries ask
    for it."""
    data: Value | None = None
    """What the batches come from, as far as it is known."""
    prepares: Site | None = None
    """Where the program changes a batch before the model or the loss takes it."""
    converts: Site | None = None
    """Where it computes something of the output before the loss takes it."""


def trainings(program: Program) -> list[Training]:
    """The models that a program trains, each once, in the order in which it does."""
    found: dict[int, Training] = {}
    for event, blocks in program.walk():
        for training in _of_event(program, event, blocks):
            found.setdefault(id(training.model), training)
    return list(found.values())


def _of_event(program: Program, event: Event, blocks: tuple[Block, ...]) -> Iterator[Training]:
    match event.kind:
        case "backward":
            yield from _of_backward(program, event, blocks)
        case "fit":
            yield from _of_trainer(event)
        case _:
            pass


def _of_backward(program: Program, event: Event, blocks: tuple[Block, ...]) -> Iterator[Training]:
    loss = loss_of(event)
    passes = [r.forward for r in program.once(Backpropagation).reaches(loss)]
    tensor = tensor_of(loss)
    losses = _losses(tensor) if tensor is not None else ()
    if not passes and tensor is None:
        # the loss is an attribute of what a model returns, or is made by what nobody knows
        passes = _passes_beside(event, blocks)
    stepped = _stepped(program)
    for forward in {id(p.subject): p for p in passes}.values():
        model = forward.subject
        if not isinstance(model, Instance | Built) or not is_model(model):
            continue
        if stepped is not None and not any(covers(held, model) for held in stepped):
            continue
        if tensor is None:
            losses = tuple(
                o for o in program.operations if o.entry.kind == "loss" and model in o.modules
            )
        inner = bool(losses) and all(model in o.modules for o in losses)
        made = None if inner or tensor is None else _criterion(tensor, model, event)
        changed = next((c for o in forward.operands if (c := _changed(o, MOVED))), None)
        converts = None
        if isinstance(made, Operation):
            first, second = call_parameters(made)[:2]
            target = made.arguments.get(second)
            if changed is None and target is not None:
                changed = _changed(target, MOVED | RESHAPED)
            prediction = tensor_of(made.arguments.get(first))
            converts = None if prediction is None else _converted(prediction, model)
        yield Training(model, event.site, losses, made, inner, _data(blocks), changed, converts)


MOVED = frozenset({"cast", "identity", "detach", "contiguous", "clone", "device"})
"""Families of operations after which a batch has the same values in the same places."""
RESHAPED = RESHAPES | {"squeeze", "unsqueeze", "index", "stack", "expand"}
"""Further ones, after which a target or an output only has another shape."""


def _changed(value: Value, same: frozenset[str], depth: int = 20) -> Site | None:
    """Where a part of a batch is changed on its way; None where it is as the loader gave it."""
    if depth == 0:
        return None
    match value:
        case Tensor(producer=Operation() as made):
            if not made.inputs or not (_families(made) & same):
                return made.site
            return _changed(made.inputs[0], same, depth - 1)
        case Tensor(producer=Source(of=Value() as given)):
            return _changed(given, same, depth - 1)
        case Arithmetic():
            return value.site
        case Unknown(origin="call") if value.state.get(MADE):
            site: Site = value.state[MADE][-1]
            return site
        case Items() | Choice():
            inner = value.items if isinstance(value, Items) else value.options
            return next((c for v in inner if (c := _changed(v, same, depth - 1))), None)
        case _:
            return None


def _converted(prediction: Tensor, model: Value) -> Site | None:
    """Where more than the shape of a model's output is changed before the loss takes it."""
    current = prediction
    for _ in range(20):
        made = current.producer
        if not isinstance(made, Operation) or model in made.modules or made.layer is model:
            return None
        if not made.inputs or not (_families(made) & (MOVED | RESHAPED)):
            return made.site
        current = made.inputs[0]
    return None


def _families(operation: Operation) -> frozenset[str]:
    return frozenset({operation.entry.family, operation.entry.name.rpartition(".")[2]})


def _passes_beside(event: Event, blocks: tuple[Block, ...]) -> list[Event]:
    """The forward passes with gradients in the innermost loop around a backward pass."""
    loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
    return [e for e in loop.events("forward") if e.grad] if loop is not None else []


def _stepped(program: Program) -> list[Value] | None:
    """The models that optimizers step on; None where one of these is not known."""
    found: list[Value] = []
    for event in program.events("step"):
        if steps_optimizer(event):
            held = held_models(event.subject)
            if held is None:
                return None
            found += held
    return found or None


def _losses(loss: Tensor) -> tuple[Operation, ...]:
    """The losses of libraries behind what is minimised, each place once."""
    found = {
        o.site.key: o
        for o in upstream(loss, lambda o: o.entry.kind == "loss")
        if o.entry.kind == "loss"
    }
    return tuple(found.values())


def _criterion(loss: Tensor, model: Value, event: Event) -> Operation | Instance | Function | None:
    """What alone makes a loss; a factor or mean behind it is another unit, and no other loss."""
    made = loss.producer
    while isinstance(made, Operation) and made.entry.kind != "loss":
        owner = made.owner
        if owner is not None and owner is not model and is_model(owner):
            return owner if made.function and made.function.name == "forward" else None
        if made.function is not None and made.callers and owner is None:
            called = made.callers[-1]
            if called.module is event.site.module and _takes_two(called.node):
                return made.function
        scaled = made.entry.name in SCALES or (
            made.entry.transparent and made.entry.family not in MIXING
        )
        reduced = made.entry.family == "reduce"
        if not (scaled or reduced) or not made.inputs:
            return None
        made = made.inputs[0].producer
    if not isinstance(made, Operation) or len(_losses(loss)) != 1:
        return None
    return made if len(call_parameters(made)) >= 2 else None


def _takes_two(call: ast.AST) -> bool:
    """Whether a call is given an output and a target and nothing else."""
    return isinstance(call, ast.Call) and len(call.args) == 2 and not call.keywords


def _data(blocks: tuple[Block, ...]) -> Value | None:
    """What the innermost loop around a step goes over, but for numbers of rounds."""
    for block in reversed(blocks):
        found = _iterated(block.subject) if block.kind == "loop" else None
        if found is not None:
            return found
    return None


def _iterated(value: Value | None) -> Value | None:
    """The object that gives the elements of an iterable, behind `enumerate` and `zip`."""
    if isinstance(value, Arithmetic):
        return next((v for o in value.operands if (v := _iterated(o)) is not None), None)
    return value if isinstance(value, Built | Instance) else None


def _of_trainer(event: Event) -> Iterator[Training]:
    """The model that a trainer of a library is given."""
    trainer = event.subject
    given: list[Value] = list(event.operands)
    if isinstance(trainer, Built) and "model" in trainer.arguments:
        given.insert(0, trainer.arguments["model"])
    for value in given:
        if isinstance(value, Instance | Built) and is_model(value):
            data = next((v for v in given if v is not value and _is_data(v)), None)
            if data is None and isinstance(trainer, Built):
                data = trainer.arguments.get("train_dataset")
            yield Training(value, event.site, by_itself=True, data=data)
            return


def _is_data(value: Value) -> bool:
    if isinstance(value, Instance):
        return isinstance(value.cls.find("train_dataloader"), Function)
    return isinstance(value, Built) and value.entry.kind in ("loader", "dataset")


def lightning_step(program: Program) -> tuple[Event, tuple[Operation, ...]] | None:
    """The training step of a Lightning module that is entered: what it returns, and the losses
    of libraries in it."""
    for event in program.events("returned_loss"):
        tensor = tensor_of(loss_of(event))
        return event, _losses(tensor) if tensor is not None else ()
    return None
