"""Scores: numbers about what a model gives that people can read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.training.backpropagation import loss_of
from nnlint.questions.training.measuring import losses_trained_on
from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Built, Operation, Site, Tensor, Value

_LIBRARIES = (
    *(
        "sklearn.metrics.",
        "torchmetrics.",
        "torcheval.",
        "evaluate.",
        "datasets.load_metric.",
        "pytorch_msssim.",
    ),
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
_EXPONENTIALS = frozenset({"exp", "sqrt", "log10"})
_SHARED = frozenset({"torch.mul", "torch.logical_and", "torch.bitwise_and"})
"""What leaves of a predicted mask what is in the true one, too."""
_OVERLAP = "measures how far predictions agree with their targets"


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A number about what a model gives, or what it is counted from."""

    value: Value
    site: Site
    text: str
    """What it does, in a few words."""
    is_mask: bool = False
    """Whether it tells of each prediction whether it is right, and is yet to be counted."""


def scores(context: Context, run: Run) -> Iterator[Score]:
    """The scores that a run computes."""
    predictions = Predictions(context, run)
    trained = run.program.once(losses_trained_on)
    # what is trained on is no score
    ways = [
        value
        for event in run.program.events("backward", "returned_loss")
        for value in context.tracing.behind(loss_of(event))
    ]
    trained = trained | {id(value) for value in ways}
    places = {made.site.key for value in ways if (made := _maker(value)) is not None}
    for operation in run.program.operations:
        result = operation.result
        if result is None or id(operation) in trained or id(result) in trained:
            continue
        if operation.entry.kind == "metric":
            if any(map(predictions.depends, operation.arguments.values())):
                yield Score(result, operation.site, "measures what the model predicts")
        elif operation.entry.name == "torch.eq" and predictions.compares(
            operation.arguments.values()
        ):
            yield Score(result, operation.site, "counts right predictions", is_mask=True)
        elif operation.site.key in places:
            # a loss of the program's own, measured elsewhere, is still a loss
            continue
        elif operation.entry.name in _SHARED and predictions.meets_target(
            operation.arguments.values()
        ):
            yield Score(result, operation.site, _OVERLAP, is_mask=True)
        elif operation.entry.name == "torch.abs" and _is_error(operation, predictions):
            yield Score(result, operation.site, "measures errors in the target's unit", True)
    for call in context.calls(run):
        if id(call.result) in trained:
            continue
        if _is_metric(call) and any(map(predictions.depends, call.given)):
            yield Score(call.result, call.site, "measures what the model predicts")
            # the metric itself is what is logged, or asked for its value later
            metric = call.receiver if isinstance(call.receiver, Built) else call.event.subject
            if isinstance(metric, Built):
                yield Score(metric, call.site, "measures what the model predicts")
        elif call.last_name in _EXPONENTIALS and _of_loss(context, call):
            yield Score(call.result, call.site, "turns the loss into a readable unit")


def _maker(value: Value) -> Operation | None:
    made = value.producer if isinstance(value, Tensor) else None
    return made if isinstance(made, Operation) else None


def _is_error(distance: Operation, predictions: Predictions) -> bool:
    """Whether a distance is one between a prediction and its target."""
    made = distance.inputs[0].producer if distance.inputs else None
    if not isinstance(made, Operation) or made.entry.name != "torch.sub":
        return False
    return predictions.meets_target(made.arguments.values())


def _is_metric(call: Call) -> bool:
    return call.name.startswith(_LIBRARIES) and not call.is_own


def _of_loss(context: Context, call: Call) -> bool:
    """Whether a call is given a loss, and not its opposite, which is the logarithm of a chance."""
    node = call.site.node
    given = node.args[0] if isinstance(node, ast.Call) and node.args else None
    return not isinstance(given, ast.UnaryOp) and bool(context.tracing.losses(*call.involved))
