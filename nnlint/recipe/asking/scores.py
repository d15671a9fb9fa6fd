"""Scores: numbers about what a model gives that people can read."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.backpropagation import Computation
from nnlint.questions.training.measuring import losses_trained_on
from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Arithmetic, Constant, Operation, Site, Tensor, Unknown, Value

_LIBRARIES = (
    *("sklearn.metrics.", "torchmetrics.", "torcheval.", "evaluate.", "pytorch_msssim."),
    *(
        "jiwer.",
        "sacrebleu.",
        "nltk.translate.",
        "rouge_score.",
        "seqeval.",
        "lpips.",
        "pytrec_eval",
    ),
)
_EXPONENTIALS = frozenset({"exp", "sqrt"})
Score = tuple[Value, tuple[Site, str]]


def scores(context: Context, run: Run) -> Iterator[Score]:
    """The scores of a run: each value with where it is computed and what it is."""
    flow = run.program.once(Computation)
    trained = run.program.once(losses_trained_on)
    for operation in run.program.operations:
        result = operation.result
        if result is None or id(operation) in trained:
            continue
        if operation.entry.kind == "metric":
            if any(flow.reaches(value) for value in operation.arguments.values()):
                yield result, (operation.site, "measures what the model predicts")
        elif operation.entry.name == "torch.eq" and _compares(flow, operation):
            yield result, (operation.site, "counts right predictions")
    for call in context.calls(run):
        if _is_metric(call) and any(_reaches(context, flow, value) for value in call.given):
            yield call.result, (call.site, "measures what the model predicts")
        elif call.last_name in _EXPONENTIALS and context.tracing.losses(*call.given):
            yield call.result, (call.site, "turns the loss into a readable unit")


def _compares(flow: Computation, operation: Operation) -> bool:
    """Whether predictions are compared with what should have come out."""
    sides = [v for v in operation.arguments.values() if not isinstance(v, Constant)]
    reached = [bool(flow.reaches(side)) for side in sides]
    return len(sides) == 2 and reached[0] != reached[1]


def _is_metric(call: Call) -> bool:
    return call.name.startswith(_LIBRARIES) and not call.is_own


def _reaches(context: Context, flow: Computation, value: Value) -> bool:
    """Whether a value holds what models give."""
    return any(
        flow.reaches(part)
        for part in context.tracing.behind(value)
        if isinstance(part, Tensor | Unknown | Arithmetic)
    )
