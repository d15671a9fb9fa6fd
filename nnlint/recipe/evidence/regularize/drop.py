"""Evidence of dropout."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.model.layers import DROPOUTS
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners, number, place_of
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built, Constant, Operation

_RATES = ("p", "dropout", "drop_prob", "drop_rate", "attn_drop", "dropout_p")
_WITHIN = frozenset({"rnn", "attention", "transformer"})
"""Families of layers that drop inside of them."""


def drop(context: Context) -> Iterator[Evidence]:
    """A layer of what a run trains drops something by default, and is really applied."""
    for learner in learners(context):
        applied = {o.layer.site.key for o in context.analysis.operations if o.layer is not None}
        for layer in learner.layers:
            rate = rate_of(layer) if isinstance(layer, Built) else 0.0
            if isinstance(layer, Built) and rate > 0 and layer.site.key in applied:
                if not learner.run.is_off(layer.conditions):
                    yield context.done(place_of(layer), f"drops {rate:.0%} in training")
        trained = {id(layer) for layer in learner.layers}
        for operation in learner.run.program.operations:
            rate = _rate_of_call(operation)
            if rate > 0 and id(operation.owner) in trained:
                yield context.done(operation.site, f"drops {rate:.0%} in training")


def rate_of(layer: Built) -> float:
    """The share that a layer drops in training, by what it is built with or by default."""
    family = layer.entry.family
    if family == "rnn" and number(layer.arguments.get("num_layers")) == 1:
        return 0.0
    if layer.entry.kind != "layer" or not (family in DROPOUTS or family in _WITHIN):
        return 0.0
    return max((number(layer.arguments.get(name)) or 0.0 for name in _RATES), default=0.0)


def _rate_of_call(operation: Operation) -> float:
    if operation.layer is not None or operation.entry.family not in DROPOUTS:
        return 0.0
    training = operation.arguments.get("training")
    if isinstance(training, Constant) and training.value is False:
        return 0.0
    return number(operation.arguments.get("p")) or 0.0
