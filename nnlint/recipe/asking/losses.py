"""Losses that are trained on, wherever their numbers go."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.questions.training.backpropagation import loss_of
from nnlint.questions.training.measuring import losses_trained_on
from nnlint.recipe.context import Context, Run
from nnlint.recipe.tracing import is_loss
from nnlint.semantics.values import Tensor, Value


def depends_on_training(context: Context, run: Run, values: Sequence[Value]) -> bool:
    """Whether one of some values is computed from a loss that a run trains on."""
    trained = run.program.once(losses_trained_on)
    goals = {id(loss_of(event)) for event in run.program.events("backward", "returned_loss")}
    for value in context.tracing.behind(*values, stop=is_loss):
        made = value.producer if isinstance(value, Tensor) else value
        if id(value) in goals or (is_loss(value) and (id(made) in trained or id(value) in trained)):
            return True
    return False
