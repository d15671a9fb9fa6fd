"""Evidence of supervised learning."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.loss.losses import call_parameters
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Operation, Tensor, Unknown, Value


def supervised(context: Context) -> Iterator[Evidence]:
    """A loss that is trained on compares the model's output with targets that come with the data."""
    for learner in learners(context):
        for operation in learner.run.program.operations:
            if (
                operation.entry.kind == "loss"
                and operation.grad
                and _has_labels(operation, context)
            ):
                yield context.done(operation.site, "learns from targets that come with the data")


def _has_labels(loss: Operation, context: Context) -> bool:
    """Whether the target of a loss is in the batch, and the prediction is not made of it."""
    names = call_parameters(loss)[:2]
    own, told = (loss.arguments.get(name) for name in names) if len(names) == 2 else (None, None)
    if own is None or told is None:
        return False
    behind = list(context.tracing.behind(own))
    if not any(_is_output(value) for value in behind):
        return False
    target = list(context.tracing.behind(told))
    if any(_is_output(value) for value in target):
        return False
    inputs = {id(value) for value in behind if _is_part_of_batch(value)}
    given = [value for value in target if _is_part_of_batch(value)]
    return bool(given) and all(id(value) not in inputs for value in given[:1])


def _is_output(value: Value) -> bool:
    made = value.producer if isinstance(value, Tensor) else None
    return isinstance(made, Operation) and (bool(made.modules) or made.layer is not None)


def _is_part_of_batch(value: Value) -> bool:
    """Whether a value is what a loop takes from a loader, or a part of it."""
    return isinstance(value, Unknown) and value.origin == "loop"
