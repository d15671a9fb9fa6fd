"""Whether the logits that a loss is given can have both signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nnlint.questions.loss.losses import last_activation, operands
from nnlint.questions.loss.raw_outputs import is_raw
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import is_tried_out, makers, upstream
from nnlint.semantics.values import Operation

ONE_SIDED = frozenset({"relu", "relu6", "softplus"})
"""Activations that let nothing fall below 0."""
_AVERAGES = frozenset({"pool", "adaptive_pool", "reduce"})
_NORMS = frozenset({"batch_norm", "layer_norm", "group_norm"})


def one_sided_output(loss: Operation) -> Operation | None:
    """The activation on a last layer after which logits have one sign; None without one."""
    last = last_activation(loss)
    found = last.operation if last is not None else None
    if found is not None and last is not None and last.name == "log_softmax" and found.inputs:
        made = makers(found.inputs[0])
        found = made[0] if made and len({o.site.key for o in made}) == 1 else None
    if found is None or found.entry.activation not in ONE_SIDED or not found.inputs:
        return None
    behind = makers(found.inputs[0])
    if not behind or not all(map(_is_of_layer, behind)):
        return None
    prediction = operands(loss)[0]
    between = upstream(prediction, lambda o: o is found) if prediction is not None else ()
    # what is averaged of many positions is another thing than one output
    return None if any(o.entry.family in _AVERAGES for o in _until(between, found)) else found


def only_measures(loss: Operation, programs: Iterable[Program]) -> bool:
    """Whether nothing is learned of a loss: its targets are random or constant, and no program that
    comes to it steps an optimizer."""
    target = operands(loss)[1]
    tried = target is not None and is_tried_out([target]) is True
    return tried and not any(program.events("step", "fit") for program in programs)


def is_shared(activation: Operation) -> bool:
    """Whether what is built in one place is applied to hidden layers, too."""
    return len({id(twin.layer) for twin in activation.twins}) > 1


def _until(operations: Iterable[Operation], last: Operation) -> Iterator[Operation]:
    """Operations up to one of them."""
    for operation in operations:
        if operation is last:
            return
        yield operation


def _is_of_layer(operation: Operation) -> bool:
    """Whether an operation gives what a last layer does, normalised or not."""
    if operation.entry.family in _NORMS and operation.inputs:
        inner = makers(operation.inputs[0])
        return bool(inner) and all(map(is_raw, inner or ()))
    return is_raw(operation)
