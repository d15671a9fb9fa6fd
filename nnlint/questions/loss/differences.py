"""Losses that are written out: what is subtracted, squared and averaged?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.dataflow import SCALES
from nnlint.semantics.values import Constant, Operation, constant

REDUCTIONS = frozenset({"torch.mean", "torch.sum"})
ELEMENTWISE = SCALES | {
    f"torch.{name}" for name in ("add", "sub", "neg", "clamp", "maximum", "minimum", "sqrt")
}
"""Operations on the way that compute each element of an error."""
MOST = 24
"""Operations before a sum that are looked at."""


def squares(operation: Operation) -> bool:
    """Whether an operation squares what it is given."""
    node, entry = operation.site.node, operation.entry
    if entry.name == "torch.square":
        return True
    exponent = operation.arguments.get("exponent") or operation.arguments.get("other")
    two = isinstance(exponent, Constant) and exponent.value == 2
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    return two and (entry.name == "torch.pow" or power)


def summed_differences(reduction: Operation) -> Iterator[Operation]:
    """The differences whose squares or absolute values are summed or averaged over everything,
    on whatever way of elementwise operations: the mean squared error, as `((a - b) ** 2).mean()`.
    """
    if reduction.entry.name not in REDUCTIONS or not reduction.inputs:
        return
    if (
        constant(reduction.arguments.get("dim"), soft=False) is not None
        or "dim" in reduction.explicit
    ):
        return
    waiting = [(reduction.inputs[0], False)]
    seen: set[int] = set()
    while waiting and len(seen) < MOST:
        tensor, sizes = waiting.pop()
        made = tensor.producer
        if not isinstance(made, Operation) or id(made) in seen:
            continue
        seen.add(id(made))
        if made.entry.name == "torch.sub" and sizes:
            yield made
        elif squares(made) or made.entry.name == "torch.abs":
            sizes = True
        elif made.entry.name not in ELEMENTWISE:
            continue
        waiting += ((one, sizes) for one in reversed(made.inputs))
