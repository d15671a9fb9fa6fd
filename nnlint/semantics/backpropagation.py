"""Where gradients flow: which calls of models does the gradient of a value reach?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.participants import covers, is_model
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLEE,
    MADE,
    WRITTEN,
    Arithmetic,
    Choice,
    Instance,
    Items,
    Join,
    Maybe,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)

FLAT = frozenset(
    {"detach", "argmax", "compare", "create", "tensor", "draw", "gradient", "rounding"}
)
"""Families of operations through which no gradient flows."""
CRITERION = re.compile(r"criter|loss|distill|(?:^|_)(?:mse|kl|huber|bce|l1|ce)", re.IGNORECASE)
"""How programs call the losses that a function is given."""
INDEXED = frozenset({"gather", "index", "select", "embedding"})
"""Families of operations whose further inputs are indices."""


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """A forward pass that a gradient reaches."""

    forward: Event
    model: Value


class Backpropagation:
    """The forward passes of a program, found from the values that come out of them."""

    def __init__(self, program: Program) -> None:
        self.forwards = program.events("forward")
        self._by_place: dict[object, list[Event]] = {}
        for event in self.forwards:
            self._by_place.setdefault(event.site.key, []).append(event)
        self._known: dict[int, tuple[Value, tuple[Reached, ...]]] = {}

    def reaches(self, value: Value | None) -> tuple[Reached, ...]:
        """The forward passes with gradients that a value depends on differentiably."""
        if value is None:
            return ()
        known = self._known.get(id(value))
        if known is None:
            # a value that leads back to itself adds nothing
            self._known[id(value)] = (value, ())
            found: dict[int, Reached] = {}
            for reached in self._through(value):
                found.setdefault(id(reached.forward), reached)
            known = self._known[id(value)] = (value, tuple(found.values()))
        return known[1]

    def everything(self, value: Value | None) -> list[Reached]:
        """The forward passes that a gradient reaches directly or through others."""
        found: dict[int, Reached] = {}
        waiting = list(self.reaches(value))
        while waiting:
            reached = waiting.pop(0)
            if id(reached.forward) not in found:
                found[id(reached.forward)] = reached
                for operand in reached.forward.operands:
                    waiting += self.reaches(operand)
        return list(found.values())

    def _through(self, value: Value) -> Iterator[Reached]:
        match value:
            case Tensor():
                yield from self._of_tensor(value)
            case Unknown():
                yield from self._of_call(value)
            case Arithmetic():
                yield from self._of_all(value.operands)
            case Choice():
                yield from self._of_all(value.options)
            case Items():
                yield from self._of_all(value.items)
            case Maybe():
                yield from self.reaches(value.value)

    def _of_all(self, values: Iterable[Value]) -> Iterator[Reached]:
        for value in values:
            yield from self.reaches(value)

    def _of_tensor(self, tensor: Tensor) -> Iterator[Reached]:
        yield from self._of_all(tensor.state.get(WRITTEN, ()))
        match tensor.producer:
            case Source(of=Value() as unknown):
                yield from self.reaches(unknown)
            case Join(inputs=inputs):
                yield from self._of_all(inputs)
            case Operation() as operation:
                yield from self._of_operation(operation)

    def _of_operation(self, operation: Operation) -> Iterator[Reached]:
        if not operation.grad or operation.entry.family in FLAT:
            return
        model = _model_of(operation)
        if model is not None:
            yield from self._calls(model, operation)
            return
        inputs = operation.inputs
        yield from self._of_all(inputs[:1] if operation.entry.family in INDEXED else inputs)
        if operation.entry.family not in INDEXED:
            # unknown operands of arithmetic are no tensors yet
            operands = (operation.arguments.get(name) for name in ("input", "other"))
            yield from self._of_all(v for v in operands if isinstance(v, Unknown | Arithmetic))

    def _calls(self, model: Value, operation: Operation) -> Iterator[Reached]:
        """The call of a model in which an operation runs."""
        places = {site.key for site in (*operation.callers, operation.site)}
        runs = [e for e in self.forwards if e.grad and covers(e.subject, model)]
        found = next((e for e in runs if e.site.key in places), None)
        if found is None:
            # the layers of a sequence stand where they are built: told by what goes in
            given = _inputs(operation, model)
            found = next((e for e in runs if given & {*map(id, map(tensor_of, e.operands))}), None)
        if found is not None and found.subject is not None:
            yield Reached(found, found.subject)

    def _of_call(self, result: Unknown) -> Iterator[Reached]:
        """The call of an unknown model that returned a value."""
        callee = result.state.get(CALLEE)
        if not isinstance(callee, Unknown):
            return
        if CRITERION.search(callee.name.rpartition(".")[2]):
            yield from self._of_all(result.state.get(ARGUMENTS, ()))
            return
        for site in result.state.get(MADE, ())[-1:]:
            for event in self._by_place.get(site.key, ()):
                # `network.apply(parameters, x)`, as in JAX, records nothing
                applied = getattr(getattr(site.node, "func", None), "attr", "") == "apply"
                if event.grad and event.subject is callee and not applied and is_callable(callee):
                    yield Reached(event, callee)


def _inputs(last: Operation, model: Value) -> set[int]:
    """The tensors that went into the call of a model, by the last operation in it."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = [last]
    while waiting:
        for tensor in waiting.pop().inputs:
            made = tensor.producer
            inside = isinstance(made, Operation) and made.modules[:1] == (model,)
            if not inside:
                found.add(id(tensor))
            elif isinstance(made, Operation) and id(made) not in seen:
                seen.add(id(made))
                waiting.append(made)
    return found


def is_callable(callee: Unknown) -> bool:
    """Whether something unknown that is called may be a model, and is no imported function."""
    return callee.origin in ("parameter", "attribute", "call", "loop")


def _model_of(operation: Operation) -> Value | None:
    """The model in whose call an operation runs."""
    if operation.modules:
        return operation.modules[0]
    if operation.layer is not None and operation.entry.kind == "layer":
        owner = operation.owner
        return owner if isinstance(owner, Instance) and is_model(owner) else operation.layer
    return None


def trained_places(program: Program) -> frozenset[object]:
    """Where gradients reach a forward pass; nowhere if one backward pass cannot be followed."""
    flow = program.once(Backpropagation)
    reached = [
        [r for value in (event.subject, *event.operands) for r in flow.everything(value)]
        for event in program.events("backward")
    ]
    return frozenset(r.forward.site.key for found in reached for r in found if all(reached))
