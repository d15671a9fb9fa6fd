"""Outlines: what is known of the axes of a tensor whose shape is not known whole.

A layer of one output makes a column, (examples, 1), of a batch of vectors, which is what it is
given nearly always. What squeezes such a column makes a row of it, (examples,).
"""

from __future__ import annotations

import ast

from nnlint.semantics.axes import Shape, new_axis, size_of
from nnlint.semantics.axes.transfer.arithmetic import broadcast_shapes
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import Arithmetic, Constant, Join, Operation, Tensor, constant

KEEP_AXES = frozenset({"same", "like"})
"""Transfers that leave every axis as it is."""
DEPTH = 24


def outline(tensor: Tensor, depth: int = DEPTH) -> Shape | None:
    """The shape of a tensor, or that of a column or row that it is taken for; None for others."""
    if tensor.shape is not None:
        return tensor.shape
    match tensor.producer:
        case Join(inputs=inputs) if depth:
            found = [outline(one, depth - 1) for one in inputs]
            first = found[0]
            alike = first is not None and all(_same_sort(first, other) for other in found)
            return first if alike else None
        case Operation() as operation if depth:
            return _made_by(operation, depth - 1)
        case _:
            return None


def is_column(shape: Shape | None) -> bool:
    """Whether a shape is (examples, 1)."""
    return shape is not None and len(shape) == 2 and _is_one(shape, 1) and not _is_one(shape, 0)


def is_row(shape: Shape | None) -> bool:
    """Whether a shape is (examples,)."""
    return shape is not None and len(shape) == 1 and not _is_one(shape, 0)


def comes_from_vectors(tensor: Tensor) -> bool:
    """Whether a tensor is computed of what comes from outside by nothing but layers that take a
    batch of vectors: all axes but the last are examples, for all that is known."""
    producer, depth = tensor.producer, DEPTH
    while isinstance(producer, Operation) and depth:
        vectors = producer.entry.axes in KEEP_AXES | {"linear", "squeeze"}
        if not producer.inputs or not (vectors or _takes_only(producer)):
            return False
        if producer.inputs[0].shape is not None:
            return False
        producer, depth = producer.inputs[0].producer, depth - 1
    return not isinstance(producer, Operation | Join)


def _made_by(operation: Operation, depth: int) -> Shape | None:
    axes, inputs = operation.entry.axes, operation.inputs
    if axes == "linear":
        one = constant(operation.arguments.get("out_features")) == 1
        return ((new_axis("batch", "batch"),), ()) if one else None
    if not inputs:
        return None
    if axes == "broadcast":
        return _of_arithmetic(operation, depth)
    inner = outline(inputs[0], depth)
    if axes in KEEP_AXES:
        return inner
    taken = _takes_only(operation) or (
        axes == "squeeze" and constant(operation.arguments.get("dim"), 0) in (None, 1, -1)
    )
    return inner[:1] if taken and inner is not None and is_column(inner) else None


def _of_arithmetic(operation: Operation, depth: int) -> Shape | None:
    """The outline of a sum or product, of tensors and known numbers."""
    result: Shape = ()
    for value in operation.arguments.values():
        operand = tensor_of(value)
        shape = outline(operand, depth) if operand is not None else None
        if shape is None and not isinstance(value, Constant | Arithmetic):
            return None
        result = broadcast_shapes(result, shape or ())
    return result or None


def _takes_only(operation: Operation) -> bool:
    """Whether an operation takes the only column: `x[:, 0]`, `x[..., -1]`."""
    index = operation.site.node.slice if isinstance(operation.site.node, ast.Subscript) else None
    if operation.entry.family != "index" or not isinstance(index, ast.Tuple):
        return False
    whole, last = ast.unparse(index.elts[0]), ast.unparse(index.elts[-1])
    return len(index.elts) == 2 and whole in (":", "...") and last in ("0", "-1")


def _same_sort(first: Shape, other: Shape | None) -> bool:
    if other is None or len(first) != len(other):
        return False
    return all(_is_one(first, i) == _is_one(other, i) for i in range(len(first)))


def _is_one(shape: Shape, index: int) -> bool:
    whole = size_of(shape[index])
    symbol = whole.symbol
    return whole.integer == 1 or (symbol is not None and symbol.value == 1)
