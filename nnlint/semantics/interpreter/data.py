"""The shapes of plain data: numbers, lists of them, arrays, and samples made of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis
from nnlint.semantics.axes.transfer.arithmetic import broadcast_shapes
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import (
    Arithmetic,
    Constant,
    Extent,
    Items,
    Maybe,
    Tensor,
    Unknown,
    Value,
    is_gap,
)

DEPTH = 6


def data_shape(value: Value | None, depth: int = DEPTH, single: bool = False) -> Shape | None:
    """The shape of `torch.tensor(value)`; None when even its rank is unknown.

    Parameters:
        single: tensors in a list have one element each: torch makes none of others.
    """
    if depth == 0:
        return None
    match value:
        case Constant(value=bool() | int() | float()) | Extent() | Unknown(origin="length"):
            return ()
        case Unknown(name="item()") | Arithmetic(operator="float" | "int"):
            return ()
        case Constant(value=list() | tuple() | range() as numbers):
            return _of_literal(numbers)
        case Items(kind="list" | "tuple"):
            return _of_items(value, depth, single)
        case Arithmetic(operator="+" | "-" | "*" | "/" | "//" | "**" | "%"):
            return _of_arithmetic(value.operands, depth)
        case Tensor():
            return value.shape
        case Unknown():
            known = tensor_of(value)
            return known.shape if known is not None else None
        case _:
            return None


def _of_literal(numbers: Sequence[Any]) -> Shape | None:
    if not isinstance(numbers, range) and not all(isinstance(n, (int, float)) for n in numbers):
        return None
    if not numbers:
        return None
    return (one_axis(len(numbers)),)


def _of_items(value: Items, depth: int, single: bool) -> Shape | None:
    if not value.items or any(is_gap(v) for v in value.items):
        return None
    items = [v.value if isinstance(v, Maybe) else v for v in value.items]
    inner = [
        () if single and isinstance(v, Tensor) else data_shape(v, depth - 1, single) for v in items
    ]
    first = inner[0]
    if first is None or any(shape is None or len(shape) != len(first) for shape in inner):
        return None
    many = value.open or value.grown or any(isinstance(v, Maybe) for v in value.items)
    count: Dimension = (new_axis(),) if many else one_axis(len(inner))
    return (count, *first)


def _of_arithmetic(operands: Sequence[Value], depth: int) -> Shape | None:
    result: Shape = ()
    for operand in operands:
        shape = data_shape(operand, depth - 1)
        if shape is None:
            return None
        result = broadcast_shapes(result, shape)
    return result
