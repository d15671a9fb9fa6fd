"""Where gradients flow: which calls of models does the gradient of a value reach?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model, steps_optimizer
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import computed_from, tensor_of
from nnlint.semantics.differentiability import INDEXED, is_flat
from nnlint.semantics.holding import covers
from nnlint.semantics.sums import components
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    CALLEE,
    MADE,
    MADE_BY,
    MADE_OF,
    PART_OF,
    RECEIVER,
    WRITTEN,
    Arithmetic,
    Built,
    Instance,
    Operation,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
)

CRITERION = re.compile(r"criter|loss|distill|(?:^|_)(?:mse|kl|huber|bce|l1|ce)", re.IGNORECASE)
"""How programs call the losses that a function is given."""
_COMES_FROM = (CALLED_ON, RECEIVER, MADE_OF, PART_OF)
"""Keys of the state of something unresolved for what it comes from."""
_CALL_IS_KNOWN = frozenset({ARGUMENTS, CALLEE, CALLED_ON, MADE_OF})
"""Keys of the state of what a call gives, of which it has one unless the call was given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """A forward pass that a gradient reaches."""

    forward: Event
    model: Value


class Backpropagation:
    """The forward passes of a program, found from the values that come out of them."""

    _by_value = False
    """Whether values are followed also where gradients do not go."""

    def __init__(self, program: Program) -> None:
        self._recorded: dict[int, int] = {}
        """The places of the forward passes with gradients among all, by their identity."""
        self._by_place: dict[object, list[Event]] = {}
        self._by_operand: dict[int, list[Event]] = {}
        self._operands: list[Value] = []
        """Keeps alive what is known by its identity."""
        for event in program.events("forward"):
            self._by_place.setdefault(event.site.key, []).append(event)
            if event.grad or self._by_value:
                self._recorded[id(event)] = len(self._recorded)
                for operand in (tensor_of(value) or value for value in event.operands):
                    self._operands.append(operand)
                    self._by_operand.setdefault(id(operand), []).append(event)
        self._known: dict[int, tuple[Value, tuple[Reached, ...]]] = {}

    def reaches(self, value: Value | None) -> tuple[Reached, ...]:
        """The forward passes with gradients that a value depends on differentiably."""
        if value is None:
            return ()
        waiting = [value]
        begun: set[int] = set()
        while waiting:
            current = waiting[-1]
            if id(current) in self._known and id(current) not in begun:
                waiting.pop()
                continue
            inner = list(self._through(current))
            if id(current) not in begun:
                # a value that leads back to itself adds nothing
                begun.add(id(current))
                self._known[id(current)] = (current, ())
                ahead = [v for v in inner if isinstance(v, Value) and id(v) not in self._known]
                if ahead:
                    waiting += reversed(ahead)
                    continue
            waiting.pop()
            begun.discard(id(current))
            self._known[id(current)] = (current, self._together(inner))
        return self._known[id(value)][1]

    def _together(self, steps: Iterable[Reached | Value]) -> tuple[Reached, ...]:
        found: dict[int, Reached] = {}
        for step in steps:
            reached = (step,) if isinstance(step, Reached) else self._known[id(step)][1]
            for one in reached:
                found.setdefault(id(one.forward), one)
        return tuple(found.values())

    def passes_like(self, forward: Event) -> list[Event]:
        """The forward passes of a model at one place in the source: its helper may be called for
        several things, and which of these calls a gradient came through is not always told."""
        return [e for e in self._by_place[forward.site.key] if e.subject is forward.subject]

    def may_reach(self, value: Value | None, wanted: Callable[[Value], bool]) -> bool:
        """Whether a value may depend on a forward pass of a model that is wanted.

        What an unresolved call is given, or what an object that is asked holds, may go into what
        comes out of it; a call that was given up may return anything.
        """
        waiting = [] if value is None else [value]
        seen: set[int] = set()
        for current in waiting:
            if id(current) in seen:
                continue
            seen.add(id(current))
            for step in self._through(current):
                if isinstance(step, Reached):
                    if wanted(step.model):
                        return True
                    waiting += step.forward.operands
                else:
                    waiting.append(step)
            match current:
                case Table():
                    waiting += (v for v in current.state.values() if isinstance(v, Value))
                case Unknown(origin="call") if not current.state.keys() & _CALL_IS_KNOWN:
                    return True
                case Unknown():
                    waiting += current.state.get(ARGUMENTS, ())
                    known = (current.state.get(key) for key in _COMES_FROM)
                    waiting += (v for v in known if isinstance(v, Value))
        return False

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

    def _through(self, value: Value) -> Iterator[Reached | Value]:
        """What a value comes from directly: forward passes, and values to go on with."""
        if isinstance(value, Tensor):
            yield from value.state.get(WRITTEN, ())
            if isinstance(value.producer, Operation):
                yield from self._of_operation(value.producer)
        if isinstance(value, Unknown):
            yield from self._of_call(value)
        yield from components(value) or ()

    def _of_operation(self, operation: Operation) -> Iterator[Reached | Value]:
        if not self._by_value and (not operation.grad or is_flat(operation.entry)):
            return
        model = _model_of(operation)
        if model is not None:
            found = list(self._calls(model, operation))
            if self._by_value and not found and operation.layer not in (None, model):
                # a module calls its layers outside of its own forward pass, as steps do
                found = list(self._calls(operation.layer or model, operation))
            yield from found
            return
        inputs = computed_from(operation)
        yield from inputs[:1] if operation.entry.family in INDEXED else inputs
        if operation.entry.family not in INDEXED:
            # unknown operands of arithmetic are no tensors yet
            operands = (operation.arguments.get(name) for name in ("input", "other"))
            yield from (v for v in operands if isinstance(v, Unknown | Arithmetic))

    def _calls(self, model: Value, operation: Operation) -> Iterator[Reached]:
        """The call of a model in which an operation runs."""
        places = {site.key for site in (*operation.callers, operation.site)}
        found = self._first(model, self._in(places))
        if found is None:
            # the layers of a sequence stand where they are built: told by what goes in
            taking = [e for i in _inputs(operation, model) for e in self._by_operand.get(i, ())]
            way = [site.key for site in operation.callers]
            here = [e for e in taking if [site.key for site in e.callers] == way]
            # one batch may be given to a model by several functions
            found = self._first(model, here) or self._first(model, taking)
        if found is not None and found.subject is not None:
            yield Reached(found, found.subject)

    def _in(self, places: Iterable[object]) -> list[Event]:
        """The forward passes at some places."""
        return [event for place in places for event in self._by_place.get(place, ())]

    def _first(self, model: Value, events: Iterable[Event]) -> Event | None:
        """The first of some forward passes that is one with gradients, and of a model."""
        recorded = {self._recorded[id(e)]: e for e in events if id(e) in self._recorded}
        return next((e for _, e in sorted(recorded.items()) if covers(e.subject, model)), None)

    def output_of(self, result: Unknown) -> tuple[bool, Value | None, tuple[Value, ...]] | None:
        """What an unresolved call that gave a value is, where it is known: whether gradients are
        recorded there, the model, or None for a loss, and what it is given."""
        given = result.state.get(ARGUMENTS, ())
        if MADE_BY in result.state:
            return True, result.state[MADE_BY], given
        callee = result.state.get(CALLEE)
        if not isinstance(callee, Unknown):
            return None
        if CRITERION.search(callee.name.rpartition(".")[2]):
            return True, None, given
        event = next(self._passes_of(callee, result), None)
        return None if event is None else (event.grad, callee, event.operands)

    def _of_call(self, result: Unknown) -> Iterator[Reached | Value]:
        """The call of an unknown model that returned a value."""
        callee = result.state.get(CALLEE)
        if self._by_value and isinstance(result.state.get(MADE_OF), Value):
            yield result.state[MADE_OF]
        if not isinstance(callee, Unknown):
            return
        if CRITERION.search(callee.name.rpartition(".")[2]):
            yield from result.state.get(ARGUMENTS, ())
            return
        for event in self._passes_of(callee, result):
            # `network.apply(parameters, x)`, as in JAX, records nothing
            called = getattr(result.state[MADE][-1].node, "func", None)
            if (event.grad or self._by_value) and getattr(called, "attr", "") != "apply":
                yield Reached(event, callee)

    def _passes_of(self, callee: Unknown, result: Unknown) -> Iterator[Event]:
        """The forward passes of an unknown model in the call that returned a value."""
        for site in result.state.get(MADE, ())[-1:] if is_callable(callee) else ():
            yield from (e for e in self._by_place.get(site.key, ()) if e.subject is callee)


class Computation(Backpropagation):
    """The forward passes that values are computed from, also where no gradient goes: behind a
    maximum, a number, or with gradients off."""

    _by_value = True

    def _through(self, value: Value) -> Iterator[Reached | Value]:
        yield from super()._through(value)
        if isinstance(value, Tensor) and isinstance(value.producer, Source):
            if value.producer.of is not None:
                yield value.producer.of

    def _of_call(self, result: Unknown) -> Iterator[Reached | Value]:
        model = result.state.get(MADE_BY)
        if isinstance(model, Value):
            # nothing is seen inside of a library's model
            places = [site.key for site in result.state.get(MADE, ())[-1:]]
            found = self._first(model, self._in(places))
            if found is not None:
                yield Reached(found, model)
        yield from super()._of_call(result)

    def reaches_of(self, made: Operation | Unknown) -> tuple[Reached, ...]:
        """The forward passes that what an operation or an unknown call gives is computed from."""
        given = made.arguments.values() if isinstance(made, Operation) else (made,)
        return self._together([one for value in given for one in self.reaches(value)])


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
                found |= {id(tensor), *_behind_features(tensor)}
            elif isinstance(made, Operation) and id(made) not in seen:
                seen.add(id(made))
                waiting.append(made)
    return found


def _behind_features(tensor: Tensor) -> Iterator[int]:
    """What a library's model was given, whose features went into a head of the
    program's own."""
    features = tensor.producer.of if isinstance(tensor.producer, Source) else None
    if isinstance(features, Unknown) and features.origin == "call":
        yield from (id(tensor_of(one) or one) for one in features.state.get(ARGUMENTS, ()))


def loss_of(event: Event) -> Value | None:
    """The value that a backward pass starts from."""
    loss = event.subject if isinstance(event.subject, Value) else None
    if loss is None or isinstance(loss, Built | Instance):
        loss = next(iter(event.operands), None)
    if isinstance(loss, Table):
        named = loss.state.get("loss")
        return named if isinstance(named, Value) else None
    return loss


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


def measured_passes(program: Program) -> frozenset[int]:
    """The identities of the forward passes that gradients by weights are asked of, without a
    backward pass: to measure them, as they are in training."""
    flow = program.once(Backpropagation)
    found: set[int] = set()
    for operation in program.operations:
        if operation.entry.family == "gradient":
            by = tensor_of(operation.arguments.get("inputs"))
            for reached in flow.reaches(operation.arguments.get("outputs")):
                given = map(tensor_of, reached.forward.operands)
                if by is None or all(by is not tensor for tensor in given):
                    found.add(id(reached.forward))
    return frozenset(found)


def stepped_passes(program: Program) -> frozenset[tuple[object, int]]:
    """The place and the model of each forward pass through which gradients go that are stepped on
    in the same loop: those of an attack on an evaluation are not."""
    flow = program.once(Backpropagation)
    found: set[tuple[object, int]] = set()
    for event, blocks in program.walk():
        if event.kind != "backward":
            continue
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if loop is not None and any(map(steps_optimizer, loop.events("step"))):
            for value in (event.subject, *event.operands):
                for reached in flow.reaches(value):
                    found.add((reached.forward.site.key, id(reached.model)))
    return frozenset(found)


def trained_places(program: Program) -> frozenset[object]:
    """Where gradients reach a forward pass; nowhere if one backward pass cannot be followed."""
    flow = program.once(Backpropagation)
    reached = [
        [r for value in (event.subject, *event.operands) for r in flow.everything(value)]
        for event in program.events("backward")
    ]
    return frozenset(r.forward.site.key for found in reached for r in found if all(reached))
