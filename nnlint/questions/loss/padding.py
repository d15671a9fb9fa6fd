"""Questions about padded sequences: does a loss count the padding?"""

from __future__ import annotations

import ast

from nnlint.questions.loss.losses import averages_over_all_elements, operands
from nnlint.questions.loss.shifts import MOVES
from nnlint.semantics.values import Constant, Join, Operation, Tensor, constant

IGNORED = -100
"""The class that a cross entropy leaves out by default."""


def padding_of(loss: Operation) -> Operation | None:
    """The padding of the targets that a loss over classes averages over; None if it has none."""
    if not loss.grad or not averages_over_all_elements(loss):
        return None
    weight = loss.arguments.get("weight")
    if "ignore_index" in loss.explicit or "**" in loss.arguments:
        return None
    if weight is not None and not (isinstance(weight, Constant) and weight.value is None):
        # a weight of 0 for the padding's class leaves it out as well
        return None
    prediction, target = operands(loss)
    if prediction is None or target is None or _is_selected(prediction):
        return None
    padding = _padding(target)
    if padding is None:
        return None
    value = constant(padding.arguments.get("padding_value"))
    return padding if isinstance(value, int | float) and value != IGNORED else None


def _padding(target: Tensor, depth: int = 16) -> Operation | None:
    """The operation that padded a target of which all positions are kept, but for a shift."""
    producer = target.producer
    if isinstance(producer, Join) or depth == 0 or not isinstance(producer, Operation):
        return None
    if producer.entry.family == "pad_sequence":
        return producer
    if producer.entry.family in MOVES or _is_slice(producer):
        return _padding(producer.inputs[0], depth - 1) if producer.inputs else None
    return None


def _is_selected(prediction: Tensor, depth: int = 8) -> bool:
    """Whether some positions of a prediction are picked, as by a mask."""
    producer = prediction.producer
    if not isinstance(producer, Operation) or not producer.inputs or depth == 0:
        return False
    if producer.entry.family == "index" and not _is_slice(producer):
        return True
    return producer.entry.transparent and _is_selected(producer.inputs[0], depth - 1)


def _is_slice(operation: Operation) -> bool:
    node = operation.site.node
    if operation.entry.name != "torch.Tensor.__getitem__" or not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return all(isinstance(p, ast.Slice) for p in parts)
