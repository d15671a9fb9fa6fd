"""Losses that are written out: what is subtracted, squared and averaged?"""

from __future__ import annotations

import ast

from nnlint.semantics.dataflow import SCALES
from nnlint.semantics.values import Constant, Operation, constant

REDUCTIONS = frozenset({"torch.mean", "torch.sum"})
MOST = 6
"""Operations between a difference and the sum over it."""


def squares(operation: Operation) -> bool:
    """Whether an operation squares what it is given."""
    node, entry = operation.site.node, operation.entry
    if entry.name == "torch.square":
        return True
    exponent = operation.arguments.get("exponent") or operation.arguments.get("other")
    two = isinstance(exponent, Constant) and exponent.value == 2
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    return two and (entry.name == "torch.pow" or power)


def summed_difference(reduction: Operation) -> Operation | None:
    """The difference whose squares or absolute values are summed or averaged over everything:
    the mean squared error, as `((a - b) ** 2).mean()`."""
    if reduction.entry.name not in REDUCTIONS or not reduction.inputs:
        return None
    if (
        constant(reduction.arguments.get("dim"), soft=False) is not None
        or "dim" in reduction.explicit
    ):
        return None
    tensor, sizes = reduction.inputs[0], False
    for _ in range(MOST):
        made = tensor.producer
        if not isinstance(made, Operation) or not made.inputs:
            return None
        if made.entry.name == "torch.sub":
            return made if sizes else None
        if squares(made) or made.entry.name == "torch.abs":
            sizes = True
        elif made.entry.name not in SCALES or len(made.inputs) != 1:
            return None
        tensor = made.inputs[0]
    return None
