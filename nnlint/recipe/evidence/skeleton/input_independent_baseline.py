"""Evidence that there is a baseline that does not see the input."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.backpropagation import Computation
from nnlint.recipe.asking.helpers import helper_calls
from nnlint.recipe.asking.scores import scores
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Arithmetic, Constant, Operation, Tensor, Value

_DUMMIES = ("sklearn.dummy.DummyClassifier", "sklearn.dummy.DummyRegressor")
_CONSTANT = frozenset({"zeros", "zeros_like", "ones", "ones_like", "full", "full_like", "zero_"})


def input_independent_baseline(context: Context) -> Iterator[Evidence]:
    """A run measures or trains a model whose input is replaced by a constant, or what always
    predicts the same."""
    for call in helper_calls(context, "assert_uses_input"):
        yield context.done(call.site, "asserts that the input makes a difference")
    for call in context.calls():
        if call.name in _DUMMIES:
            yield context.done(call.site, "builds a predictor that does not look at the input")
    for run in context.runs:
        flow = run.program.once(Computation)
        measured = _measured(context, run, flow)
        for event in run.events("forward"):
            if id(event) in measured and _is_blind(event):
                yield context.done(event.site, "runs the model on a constant input")


def _measured(context: Context, run: Run, flow: Computation) -> set[int]:
    """The forward passes of which a loss or score is computed with labels that are data."""
    found: set[int] = set()
    values: list[Value] = [v for e in run.events("loss") for v in e.operands]
    values += [score.value for score in scores(context, run)]
    for value in values:
        found |= {id(reached.forward) for reached in flow.reaches(value)}
    return found


def _is_blind(event: Event) -> bool:
    """Whether all that goes into a model is constant."""
    given = [v for v in event.operands if isinstance(v, Arithmetic) or tensor_of(v) is not None]
    return bool(given) and all(map(_is_blank, given))


def _is_blank(value: Value) -> bool:
    if isinstance(value, Arithmetic):
        zero = any(isinstance(v, Constant) and v.value == 0 for v in value.operands)
        return value.operator == "*" and zero
    tensor = tensor_of(value)
    return tensor is not None and _is_constant(tensor)


def _is_constant(tensor: Tensor) -> bool:
    made = makers(tensor)
    return bool(made) and all(_gives_constant(operation) for operation in made or ())


def _gives_constant(operation: Operation) -> bool:
    name = operation.entry.name.rpartition(".")[2]
    if name in _CONSTANT:
        return True
    if operation.entry.name == "torch.mul":
        given = operation.arguments.values()
        return any(isinstance(v, Constant) and v.value == 0 for v in given)
    return False
