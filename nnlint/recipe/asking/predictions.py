"""Predictions: values that are computed from what models give."""

from __future__ import annotations

from collections.abc import Iterable

from nnlint.questions.training.backpropagation import Computation, Reached
from nnlint.recipe.asking.batches import parts_of_batches
from nnlint.recipe.context import Context, Run
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.registration import has_weights, with_submodules
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    CALLEE,
    TEST,
    Arithmetic,
    Built,
    Constant,
    Instance,
    Operation,
    Tensor,
    Unknown,
    Value,
)

_PREDICTS = frozenset({"predict", "predict_proba", "generate", "decision_function"})
_NOT = frozenset({"torch.logical_not", "torch.bitwise_not"})


class Predictions:
    """Tells which values of a run are predictions.

    Parameters:
        run: what is looked at, of the file that the context is of.
    """

    def __init__(self, context: Context, run: Run) -> None:
        self._tracing = context.tracing
        self._flow = run.program.once(Computation)
        self._given = {
            id(call.result)
            for call in context.calls(run)
            if call.last_name in _PREDICTS and not call.is_own
        }
        self._known: dict[int, tuple[Value, bool]] = {}
        self._is_part = parts_of_batches(context, run)
        given = (v for e in run.events("forward") if not self._is_measure(e) for v in e.operands)
        self._inputs = {id(part) for part in self._tracing.behind(*given)}
        """All that is given to models, and what that is computed from."""

    def depends(self, value: Value) -> bool:
        """Whether a value is computed from a prediction."""
        known = self._known.get(id(value))
        if known is None:
            found = any(self._is_prediction(part) for part in self._tracing.behind(value))
            known = self._known[id(value)] = value, found
        return known[1]

    def reached(self, value: Value | None) -> list[Reached]:
        """The forward passes that a value is computed from, through whatever holds it."""
        found: dict[int, Reached] = {}
        for part in self._tracing.behind(value):
            if isinstance(part, Tensor | Unknown):
                found |= {id(one.forward): one for one in self._flow.reaches(part)}
        return list(found.values())

    def is_input(self, value: Value) -> bool:
        """Whether a model is given a value, or what is computed from it."""
        return id(value) in self._inputs

    def is_target(self, value: Value) -> bool:
        """Whether a value is computed from parts of batches that no model is given."""
        return not self.depends(value) and any(
            self._is_part(part) and id(part) not in self._inputs
            for part in self._tracing.behind(value)
        )

    def meets_target(self, sides: Iterable[Value]) -> bool:
        """Whether of two sides one is predicted, and the other is a target that comes with the
        data."""
        sides = [side for side in sides if not isinstance(side, Constant)]
        return self.compares(sides) and any(map(self.is_target, sides))

    def compares(self, sides: Iterable[Value]) -> bool:
        """Whether of two sides one is predicted, and the other is not."""
        depending = [self.depends(side) for side in sides if not isinstance(side, Constant)]
        return len(depending) == 2 and depending[0] != depending[1]

    def tells(self, test: Value, wrong: bool) -> bool:
        """Whether a test, or mask, holds where predictions are wrong, or where they are right."""
        told = test.state.get(TEST) if isinstance(test, Unknown) else test
        made = tensor.producer if (tensor := tensor_of(test)) is not None else None
        if isinstance(made, Operation):
            if made.entry.name in _NOT and made.inputs:
                return self.tells(made.inputs[0], not wrong)
            if made.entry.name == ("torch.ne" if wrong else "torch.eq"):
                return self.compares(made.arguments.values())
        if isinstance(told, Arithmetic):
            if told.operator in ("not", "~") and told.operands:
                return self.tells(told.operands[0], not wrong)
            if told.operator == ("!=" if wrong else "=="):
                return self.compares(told.operands)
        return False

    def _is_measure(self, event: Event) -> bool:
        """Whether what has no known weights is given a prediction beside something else, as losses
        and scores are."""
        given, model = event.operands, event.subject
        learns = isinstance(model, Built | Instance) and any(
            has_weights(part) for part in with_submodules([model]) if isinstance(part, Built)
        )
        return not learns and len(given) > 1 and any(map(self.depends, given))

    def _is_prediction(self, value: Value) -> bool:
        if id(value) in self._given:
            return True
        callee = value.state.get(CALLEE) if isinstance(value, Unknown) else None
        if isinstance(callee, Unknown) and callee.origin == "option":
            # what a configuration holds and is called is a model
            return True
        return isinstance(value, Tensor | Unknown) and bool(self._flow.reaches(value))
