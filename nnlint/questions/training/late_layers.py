"""Questions about layers that come late: are they put into a model that an optimizer holds?"""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.model.building import is_kept, is_own_code
from nnlint.questions.participants import builds_of, held_models, steps_optimizer
from nnlint.questions.training.coverage import FIXED_NAME, Uncovered
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.registration import has_weights
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import PART_OF, RECEIVER, Built, Instance, Unknown, Value

_RUNS_IT = ("forward", "opaque", "load", "fit")
"""Events by which a model may have been called before."""
_FIXES = ("freeze", "requires_grad", "load", "eval", "opaque")
"""Events after which a layer may be fixed, or held by something that is not seen."""


def late_layers(program: Program) -> Iterator[Uncovered]:
    """Layers with weights that a model gets after its optimizer was built."""
    search = _Search(program)
    taken_out: list[tuple[int, Value]] = []
    for event in program.events("replace"):
        if not event.operands:
            continue
        taken_out += ((search.place[id(event)], value) for value in event.operands[1:])
        if not has_weights(event.operands[0]):
            continue
        for step in search.steps:
            found = search.put_in(event, step, taken_out)
            if found is not None:
                yield found
                break


class _Search:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.place = {id(event): number for number, event in enumerate(program.events())}
        self.steps = [event for event in program.events("step") if steps_optimizer(event)]
        self.built = {
            id(e.subject): e for e in program.events("build") if isinstance(e.subject, Built)
        }

    def put_in(
        self, event: Event, step: Event, taken_out: list[tuple[int, Value]]
    ) -> Uncovered | None:
        """The layer that an event puts into a model between the build of the optimizer that
        holds it and a step."""
        start = self.built.get(id(step.subject))
        if start is None or not _is_held(event, held_models(step.subject) or ()):
            return None
        # what is taken out meanwhile may be put in again, or what is put around it
        held = [value for at, value in taken_out if at > self.place[id(start)]]
        in_order = self.place[id(start)] < self.place[id(event)] < self.place[id(step)]
        if not in_order or not has_weights(event.operands[0], besides=held):
            return None
        kind = "replaced"
        if start.callers != event.callers:
            if not self._is_first_built_in_call(event, start):
                return None
            kind = "late"
        return Uncovered(kind, event.site, event.site.text, start.site, step.site)

    def _is_first_built_in_call(self, event: Event, start: Event) -> bool:
        """Whether a model builds a layer when it is first called, and is called only after its
        optimizer was built.

        One that is built in each call is new in each, whoever holds it.
        """
        model, layer = event.subject, event.operands[0]
        made = builds_of(self.program, model)
        if not isinstance(model, Instance) or not made or not event.grad:
            return False
        if not is_own_code(event.site, model) or not is_kept(event.conditions, model):
            return False
        earlier = self.program.events()[: self.place[id(start)]]
        if any(
            e.kind in _RUNS_IT and any(same_model(v, model) for v in (e.subject, *e.operands))
            for e in earlier
        ):
            return False
        fixed = any(
            covers(layer, v) for e in self.program.events(*_FIXES) for v in (e.subject, *e.operands)
        )
        used = any(
            o.grad and o.layer is not None and covers(layer, o.layer)
            for o in self.program.operations
        )
        return used and not fixed and not FIXED_NAME.search(event.name)


def _is_held(replaced: Event, models: tuple[Value, ...]) -> bool:
    """Whether an optimizer holds the model that a part is put into, or just the part before."""
    for model in models:
        if covers(model, replaced.subject):
            return True
        if isinstance(model, Unknown) and model.name.rpartition(".")[2] == replaced.name:
            owner = model.state.get(PART_OF) or model.state.get(RECEIVER)
            if owner is replaced.subject:
                return True
        if any(covers(before, model) for before in replaced.operands[1:]):
            return True
    return False
