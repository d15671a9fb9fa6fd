"""The shapes of plain data: numbers, lists of them, arrays, and samples made of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis
from nnlint.semantics.axes.transfer.arithmetic import broadcast_shapes
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.interpreter.pictures import picture_shape
from nnlint.semantics.values import (
    TAKEN_AT,
    Arithmetic,
    Choice,
    Constant,
    Extent,
    Items,
    Maybe,
    Tensor,
    Unknown,
    Value,
    bare,
    is_gap,
)

DEPTH = 10
REWARD = re.compile(r"(?:^|[._])(?:rewards?|rews?|r)(?:\[|$)", re.IGNORECASE)
"""How programs call what one step of an environment gives: a number."""
ELEMENTWISE = frozenset("+ - * / // ** % abs round floor ceil sqrt exp log cos sin clip".split())
"""Arithmetic that is taken of arrays element by element."""


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
        case Arithmetic(operator=operator) if operator in ELEMENTWISE:
            return _of_arithmetic(value.operands, depth)
        case Choice():
            return _of_choice(value.options, depth, single)
        case Tensor():
            return value.shape
        case Unknown():
            known = tensor_of(value)
            shape = known.shape if known is not None else None
            return picture_shape(value) if shape is None else shape
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
    items = [bare(v) for v in value.items]
    inner = [
        () if single and isinstance(v, Tensor) else data_shape(v, depth - 1, single) for v in items
    ]
    first = inner[0]
    if first is None or any(shape is None or len(shape) != len(first) for shape in inner):
        return None
    many = value.open or value.grown or any(isinstance(v, Maybe) for v in value.items)
    count: Dimension = (new_axis(),) if many else one_axis(len(inner))
    return (count, *first)


def _of_choice(options: Sequence[Value], depth: int, single: bool) -> Shape | None:
    """The shape that a value has whichever it is: sizes that differ are not known."""
    shapes = [data_shape(option, depth, single) for option in options]
    first = shapes[0]
    if first is None or any(shape is None or len(shape) != len(first) for shape in shapes):
        return None
    if all(shape == first for shape in shapes):
        return first
    return tuple((new_axis(),) for _ in first)


def _of_arithmetic(operands: Sequence[Value], depth: int) -> Shape | None:
    result: Shape = ()
    for operand in operands:
        shape = () if _is_reward(operand) else data_shape(operand, depth - 1)
        if shape is None:
            return None
        result = broadcast_shapes(result, shape)
    return result


def _is_reward(value: Value) -> bool:
    """Whether a value that a sum goes on with is the reward of one step."""
    if not isinstance(value, Unknown) or value.origin not in ("loop", "item"):
        return False
    place = value.state.get(TAKEN_AT)
    return bool(REWARD.search(value.name or (place.text if place is not None else "")))
