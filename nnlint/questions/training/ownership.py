"""Questions about whose gradients a backward pass computes, and who applies them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from nnlint.questions.participants import held_models, is_library_call
from nnlint.questions.training.backpropagation import Backpropagation, Reached
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import Indexed, covers, distinct, same_model
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import MODEL_OF, Tensor, Unknown, Value

_HANDS_ON = re.compile(
    r"grad|sync|updat|step|averag|aggreg|meta|apply|reduce|merge|optim|train|fit", re.IGNORECASE
)
"""How functions are called that may take gradients from one model to another, or apply them."""


class Ownership:
    """Which optimizers the gradients of each backward pass of a program can be for."""

    def __init__(self, program: Program) -> None:
        self._flow = program.once(Backpropagation)
        self._program = program
        self._places = {id(event): place for place, event in enumerate(program.events())}
        self._made: dict[int, int] = {}
        for event in program.events("build", "copy"):
            self._made.setdefault(id(event.subject), self._places[id(event)])

    def reached(self, backward: Event) -> list[Reached]:
        """The forward passes that the gradients of a backward pass reach, as far as known."""
        found = {
            id(r.forward): r
            for value in (backward.subject, *backward.operands)
            for r in self._flow.everything(value)
        }
        return list(found.values())

    def may_be_for(self, backward: Event, optimizer: Value | None) -> bool:
        """Whether a backward pass may give gradients to what an optimizer holds."""
        reached = self.reached(backward)
        if not reached or optimizer is None:
            return True
        held = held_models(optimizer)
        if held:
            return any(not distinct(m, r.model) for m in held for r in reached)
        return not all(self._is_newer(r.model, optimizer) for r in reached)

    def _is_newer(self, model: Value, optimizer: Value) -> bool:
        """Whether a model is made in sight, and the optimizer was there before."""
        made = self._made.get(id(model))
        return (
            made is not None
            and isinstance(optimizer, Unknown)
            and optimizer.origin in ("parameter", "attribute")
        )

    def foreign(self, block: Block, optimizer: Value | None) -> frozenset[int]:
        """Identities of the backward passes in a block that are not for an optimizer."""
        return frozenset(
            id(event) for event in block.events("backward") if not self.may_be_for(event, optimizer)
        )

    def unowned(self, block: Block, optimizer: Value | None) -> frozenset[int]:
        """Those of them that are for no optimizer: a program must apply them by hand, if at all."""
        foreign = self.foreign(block, optimizer)
        return frozenset(
            id(event)
            for event in block.events("backward")
            if id(event) in foreign and not any(self.holds(r.model) for r in self.reached(event))
        )

    @cached_property
    def held(self) -> list[Value]:
        """The models that the optimizers of the program hold, be they stepped or not."""
        holders = [e.subject for e in self._program.events("build", "step")]
        return [m for models in map(held_models, holders) for m in models or ()]

    @cached_property
    def _all_held(self) -> Indexed[Value]:
        return Indexed((m, m) for m in self.held)

    def holds(self, model: Value) -> bool:
        """Whether an optimizer of the program holds a model, a part of it or what it is part of."""
        return bool(self._all_held.of(model))

    def may_hold(self, model: Value) -> bool:
        """Whether an optimizer of the program holds a model, or may hold it."""
        return bool(self._all_held.perhaps(model))

    def is_fed(self, optimizer: Value | None) -> bool:
        """Whether a backward pass reaches what an optimizer holds."""
        held = held_models(optimizer) or ()
        return any(
            same_model(m, r.model)
            for event in self._program.events("backward")
            for r in self.reached(event)
            for m in held
        )

    def is_used_by_hand(self, model: Value) -> bool:
        """Whether a program takes the gradients of a model itself, or may hand them on."""
        return any(_takes(event, model) for event, _ in self._program.walk())

    def is_looked_at(self, backward: Event, scope: Block, held: Sequence[Value]) -> bool:
        """Whether gradients are read behind a backward pass, before any step, that are not
        those of what an optimizer holds."""
        passed = False
        for event, _ in scope.walk():
            passed = passed or event is backward
            if passed and event.kind == "step":
                return False
            if passed and event.kind == "read_grad":
                owner = _model_of(event.subject)
                if isinstance(event.subject, Tensor) or not any(same_model(m, owner) for m in held):
                    return True
        return False


def _takes(event: Event, model: Value) -> bool:
    match event.kind:
        case "read_grad" | "set_grad" | "clip":
            return same_model(_model_of(event.subject), model)
        case "opaque":
            called = event.name.rpartition(".")[2]
            given = any(covers(v, model) for v in event.operands)
            return given and bool(_HANDS_ON.search(called)) and not is_library_call(event)
        case _:
            return False


def _model_of(value: Value | None) -> Value | None:
    """The model whose parameter a value is, or the value itself."""
    owner = value.state.get(MODEL_OF) if isinstance(value, Unknown) else None
    return owner if isinstance(owner, Value) else value
