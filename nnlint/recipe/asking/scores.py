"""Scores: numbers about what a model gives that people can read."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.measuring import losses_trained_on
from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Site, Value

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
    predictions = Predictions(context, run)
    trained = run.program.once(losses_trained_on)
    for operation in run.program.operations:
        result = operation.result
        if result is None or id(operation) in trained:
            continue
        if operation.entry.kind == "metric":
            if any(map(predictions.depends, operation.arguments.values())):
                yield result, (operation.site, "measures what the model predicts")
        elif operation.entry.name == "torch.eq" and predictions.compares(
            operation.arguments.values()
        ):
            yield result, (operation.site, "counts right predictions")
    for call in context.calls(run):
        if _is_metric(call) and any(map(predictions.depends, call.given)):
            yield call.result, (call.site, "measures what the model predicts")
        elif call.last_name in _EXPONENTIALS and context.tracing.losses(*call.given):
            yield call.result, (call.site, "turns the loss into a readable unit")


def _is_metric(call: Call) -> bool:
    return call.name.startswith(_LIBRARIES) and not call.is_own
