"""Questions about padded sequences: does a loss count the padding?"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from nnlint.questions.loss.losses import averages_over_all_elements, operands
from nnlint.questions.loss.shifts import MOVES
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.holding import parts
from nnlint.semantics.values import (
    Constant,
    Items,
    Join,
    Operation,
    Table,
    Tensor,
    Unknown,
    Value,
    constant,
)

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
    if _moves(producer):
        return _padding(producer.inputs[0], depth - 1) if producer.inputs else None
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Uses:
    """What takes in what a padding gives."""

    operations: tuple[Operation, ...]
    seen: bool
    """Whether these are all: no code that is not followed gets it."""


def uses_of(programs: Iterable[Program], padding: Operation) -> Uses:
    """What the padded sequences go into, moved and shifted or as they are."""
    uses: list[Operation] = []
    seen = True

    def has_padded(value: Value) -> bool:
        held = parts(value) if isinstance(value, Items | Table) else (value,)
        return any(_is_padded(tensor_of(v), padding) for v in held)

    for program in programs:
        for operation in program.operations:
            if not _moves(operation) and any(_is_padded(t, padding) for t in operation.inputs):
                uses.append(operation)
        for event in program.events("opaque", "forward"):
            followed = event.kind == "forward" and not isinstance(event.subject, Unknown)
            if not followed and any(map(has_padded, event.operands)):
                seen = False
    return Uses(tuple(uses), seen)


def _is_padded(tensor: Tensor | None, padding: Operation, depth: int = 16) -> bool:
    """Whether a tensor may be what a padding gives, moved or shifted."""
    producer = tensor.producer if tensor is not None and depth else None
    if isinstance(producer, Operation) and producer.site.key == padding.site.key:
        return True
    if isinstance(producer, Join) or (isinstance(producer, Operation) and _moves(producer)):
        return any(_is_padded(t, padding, depth - 1) for t in producer.inputs)
    return False


def _moves(operation: Operation) -> bool:
    return operation.entry.family in MOVES or _is_slice(operation)


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
    indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return all(isinstance(i, ast.Slice) for i in indices)
