"""Evidence that dependencies are charted by backpropagation."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.backpropagation import loss_of
from nnlint.recipe.asking.assertions import relations
from nnlint.recipe.asking.helpers import helper_calls
from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.showing import TEXT, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.watching import Call
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import INDEX, Operation, Tensor, Unknown, Value

_JACOBIANS = frozenset({"jacobian", "jacrev", "jacfwd", "hessian"})


def chart_dependencies(context: Context) -> Iterator[Evidence]:
    """A run goes back from the output of one example and looks at the gradients of the inputs, or
    compares outputs before and after a part of the input is changed."""
    for call in helper_calls(context, "assert_no_batch_leak", "assert_causal", "dependency_matrix"):
        yield context.done(call.site, "charts what outputs depend on")
    for run in context.runs:
        gradients = _gradients_of_inputs(context, run)
        if gradients:
            for call in _looked_at(context, run):
                parts = context.tracing.behind(*call.given)
                if any(_is_gradient(part, gradients) for part in parts):
                    yield context.done(
                        call.site, "looks at the inputs' gradients of one example's output"
                    )
        if run.kind == "test":
            for relation in relations(context, run):
                if relation.kind != "<" and _is_same_elsewhere(
                    context, run, relation.left, relation.right
                ):
                    yield context.done(
                        relation.call.site, "compares outputs while a part of the input changes"
                    )


def _looked_at(context: Context, run: Run) -> Iterator[Call]:
    yield from context.assertions(run)
    yield from (relation.call for relation in relations(context, run))
    yield from (show.call for show in shows(context, run) if show.kind == TEXT)


def _gradients_of_inputs(context: Context, run: Run) -> set[int]:
    """The identities of inputs, and of gradients by them, of what one example gives."""
    predictions = Predictions(context, run)
    found: set[int] = set()
    outputs = [loss_of(event) for event in run.events("backward")]
    for operation in run.program.operations:
        last = operation.entry.name.rpartition(".")[2]
        if last in _JACOBIANS and operation.result is not None:
            found.add(id(operation.result))
        elif operation.entry.name == "torch.autograd.grad" and operation.result is not None:
            of = operation.arguments.get("outputs")
            if _is_of_one(context, of) and predictions.reached(of):
                found.add(id(operation.result))
    for output in outputs:
        if output is not None and _is_of_one(context, output):
            for reached in predictions.reached(output):
                found |= {id(tensor_of(v) or v) for v in reached.forward.operands}
    return found


def _is_of_one(context: Context, output: Value | None) -> bool:
    """Whether what is gone back from is a part of an output, and no loss."""
    if context.tracing.losses(output):
        return False
    return any(o.entry.family == "index" for o in context.tracing.operations(output)) or any(
        isinstance(v, Unknown) and (v.origin == "item" or INDEX in v.state)
        for v in context.tracing.behind(output)
    )


def _is_gradient(value: Value, known: set[int]) -> bool:
    if id(value) in known:
        made = value.producer if isinstance(value, Tensor) else None
        return isinstance(made, Operation) and bool(
            {made.entry.name.rpartition(".")[2]} & (_JACOBIANS | {"grad"})
        )
    return isinstance(value, Unknown) and value.name.rpartition(".")[2] == "grad"


def _is_same_elsewhere(context: Context, run: Run, left: Value, right: Value) -> bool:
    """Whether parts of two outputs of a model are compared, whose inputs differ in a part."""
    predictions = Predictions(context, run)
    sides = [predictions.reached(left), predictions.reached(right)]
    if any(len(side) != 1 for side in sides):
        return False
    (one,), (other,) = sides
    if one.model is not other.model or one.forward is other.forward:
        return False
    given = [tensor_of(v) for v in (*one.forward.operands[:1], *other.forward.operands[:1])]
    if len(given) != 2 or given[0] is given[1] or None in given:
        return False
    return any(
        any(part is second for part in context.tracing.behind(first))
        for first, second in (given, reversed(given))
    )
