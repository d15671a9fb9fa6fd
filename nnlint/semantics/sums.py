"""Sums and products as they are written: of tensors, of numbers, and of what may be either."""

from __future__ import annotations

import ast

from nnlint.semantics.values import (
    ARGUMENTS,
    CALLEE,
    Arithmetic,
    Choice,
    Items,
    Join,
    Maybe,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)

OPERATORS = {"torch.add": "+", "torch.sub": "-", "torch.mul": "*", "torch.div": "/"}
"""The operations of tensors that are written as operators."""
_SCALING: dict[object, str] = {ast.Pow: "**", ast.FloorDiv: "//", ast.Mod: "%"}
"""Operators that are taken for products, since they leave the axes of their operands as those do."""


def arithmetic(value: Value) -> tuple[str, tuple[Value, ...]]:
    """The operator that a value is the result of, and its operands in order.

    The operator is empty where a value is the result of none.
    """
    match value:
        case Arithmetic():
            return value.operator, value.operands
        case Tensor(producer=Operation() as made) if made.entry.name in OPERATORS:
            given = (made.arguments.get("input"), made.arguments.get("other"))
            written = type(getattr(made.site.node, "op", None))
            operator = _SCALING.get(written, OPERATORS[made.entry.name])
            return operator, tuple(v for v in given if v is not None)
        case Unknown(name="sum") if ARGUMENTS in value.state and CALLEE not in value.state:
            return "sum", tuple(value.state[ARGUMENTS])
        case _:
            return "", ()


def components(value: Value) -> tuple[Value, ...] | None:
    """What a value is put together of, or what it is one of; None where an operation or a call
    gives it, and where it is simple."""
    match value:
        case Tensor(producer=Join(inputs=inputs)):
            return inputs
        case Tensor(producer=Source(of=Value() as unresolved)):
            return (unresolved,)
        case Arithmetic():
            return value.operands
        case Choice():
            return value.options
        case Items():
            return value.items
        case Maybe():
            return (value.value,)
        case _:
            return None
