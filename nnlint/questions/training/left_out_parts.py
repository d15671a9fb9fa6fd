"""Questions about models that are trained in part: which of their parts does no optimizer hold?"""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.model.parts import way_to
from nnlint.questions.participants import held_models, is_library_call, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, Reached, loss_of
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
from nnlint.semantics.registration import has_weights, is_module
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built, Instance, Value


def left_out_parts(program: Program) -> Iterator[Uncovered]:
    """Parts of models that a loss trains, of which optimizers hold other parts only."""
    search = _Search(program)
    if not search.holders:
        return
    told: set[object] = set()
    for event, blocks in program.walk():
        if event.kind == "returned_loss" and not search.steps:
            # a trainer goes back from it, and steps all optimizers that the module has built
            step: Event | None = event
        else:
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
        self.steps = [step for step in program.events("step") if steps_optimizer(step)]
        self.holders: list[tuple[Built, Value]] = []
        """What each optimizer that is stepped holds, where all of that is known."""
        known = all(isinstance(m, Instance | Built) for m in self.owner.held)
        for event in (self.steps or program.events("build")) if known else ():
            if isinstance(event.subject, Built) and event.subject.entry.kind == "optimizer":
                held = held_models(event.subject) or ()
                self.holders += ((event.subject, model) for model in held)

    def missing(self, backward: Event, step: Event) -> Iterator[Uncovered]:
        """The parts that a backward pass reaches in models of which other parts are held."""
        loss = loss_of(backward)
        reached = self.flow.everything(loss)
        for layer in origins(loss, self.flow.output_of).live:
            if isinstance(layer, Built) and has_weights(layer) and not self.owner.may_hold(layer):
                wholes = [r for r in reached if covers(r.model, layer)]
                for whole in (*wholes, *self._modules_around(layer)):
                    yield from self._left_out(whole, layer, step)

    def _modules_around(self, layer: Built) -> list[Reached]:
        """The forward pass of a layer as one of the modules that hold it: in their own methods
        they call their parts one by one."""
        passes = (e for e in self.program.events("forward") if covers(e.subject, layer))
        forward = next(passes, None)
        modules = [e.subject for e in self.program.events("build") if is_module(e.subject)]
        return [
            Reached(forward, module)
            for module in modules
            if forward is not None and isinstance(module, Instance) and covers(module, layer)
        ]

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
        owner = spoken_name(whole.forward) if whole.forward.subject is whole.model else "self"
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
