"""Questions about models that are trained in part: which of their parts does no optimizer hold?"""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.model.parts import way_to
from nnlint.questions.participants import held_models, is_library_call, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, Reached
from nnlint.questions.training.coverage import (
    FIXED_NAME,
    Uncovered,
    is_meant_to_train,
    scope_of,
    step_after,
)
from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.differentiability import origins
from nnlint.semantics.holding import covers
from nnlint.semantics.registration import has_weights
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built, Instance, Value


def left_out_parts(program: Program) -> Iterator[Uncovered]:
    """Parts of models that a loss trains, of which optimizers hold other parts only."""
    search = _Search(program)
    if not search.holders:
        return
    told: set[object] = set()
    for event, blocks in program.walk():
        step = step_after(event, blocks) if event.kind == "backward" else None
        if step is None or search.owner.is_looked_at(event, scope_of(blocks), search.owner.held):
            continue
        for found in search.missing(event, step):
            if found.site.key not in told:
                told.add(found.site.key)
                yield found


class _Search:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.owner = program.once(Ownership)
        self.flow = program.once(Backpropagation)
        self.holders: list[tuple[Built, Value]] = []
        """What each optimizer that is stepped holds, where all of that is known."""
        known = all(isinstance(m, Instance | Built) for m in self.owner.held)
        for step in program.events("step") if known else ():
            if steps_optimizer(step) and isinstance(step.subject, Built):
                held = held_models(step.subject) or ()
                self.holders += ((step.subject, model) for model in held)

    def missing(self, backward: Event, step: Event) -> Iterator[Uncovered]:
        """The parts that a backward pass reaches in models of which other parts are held."""
        reached = self.owner.reached(backward)
        for value in (backward.subject, *backward.operands):
            for layer in origins(value, self.flow.output_of).live:
                if isinstance(layer, Built) and has_weights(layer):
                    whole = next((r for r in reached if covers(r.model, layer)), None)
                    if whole is not None and not self.owner.may_hold(layer):
                        yield from self._left_out(whole, layer, step)

    def _left_out(self, whole: Reached, layer: Built, step: Event) -> Iterator[Uncovered]:
        """What a layer belongs to that no optimizer holds, in a model that is held in part."""
        way = way_to(whole.model, layer)
        beside: tuple[Built, Value] | None = None
        name = around = ""
        part: Value | None = None
        for text, module in way:
            name += text
            holder = self._holder_in(module)
            if part is None and holder is None and has_weights(module):
                part, around = module, name
            beside = holder if part is None else beside
        beside = beside or self._holder_in(whole.model)
        if part is None or beside is None or not self._is_trained(whole, part, around):
            return
        optimizer, held = beside
        owner = spoken_name(whole.forward)
        inner = "".join(text for text, _ in way_to(whole.model, held))
        yield Uncovered(
            "part", optimizer.site, owner + around, optimizer.site, step.site, owner + inner
        )

    def _holder_in(self, module: Value) -> tuple[Built, Value] | None:
        """An optimizer that holds a part of a module."""
        return next((h for h in self.holders if covers(module, h[1])), None)

    def _is_trained(self, whole: Reached, part: Value, name: str) -> bool:
        """Whether nothing says that a part is fixed on purpose, or trained in another way."""
        if FIXED_NAME.search(name) or self.owner.is_used_by_hand(part):
            return False
        if not is_meant_to_train(whole, self.program.events()):
            return False
        return not any(
            covers(value, part) or covers(part, value)
            for event in self.program.events("opaque", "freeze", "requires_grad", "load", "eval")
            if event.kind != "opaque" or not is_library_call(event)
            for value in (event.subject, *event.operands)
            if value is not whole.model or event.kind == "opaque"
        )
