"""Questions about the initial weights of batch norms."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.questions.model.initialisation import written_parameters
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import classes_told
from nnlint.semantics.initialisation import parameter_of
from nnlint.semantics.values import Built, Operation, constant

NORMAL = frozenset({"normal_", "trunc_normal_"})
NEAR = 0.25
"""How far from 0 the mean of a draw may be, in its width, to be around 0."""


def batch_norms_drawn_around_zero(program: Program) -> Iterator[Operation]:
    """Draws around 0 that the weights of batch norms start with."""
    written = program.once(written_parameters)
    for operation in program.operations:
        if operation.entry.random and operation.inputs and is_around_zero(operation):
            target = parameter_of(operation.inputs[0])
            holder = target.holder if target is not None else None
            if target is None:
                if _is_told_to_be_batch_norm(operation):
                    yield operation
            elif target.name == "weight" and isinstance(holder, Built):
                last = written[id(holder)].weight[-1]
                if holder.entry.family == "batch_norm" and last.certain:
                    if last.operation is operation:
                        yield operation


def is_around_zero(draw: Operation) -> bool:
    """Whether a draw into a tensor is known to be centred at 0, or near it."""
    name, given = draw.entry.name.rpartition(".")[2], draw.arguments
    if name in NORMAL:
        mean, std = constant(given.get("mean")), constant(given.get("std"))
        if not isinstance(mean, int | float):
            return False
        return mean == 0 or (isinstance(std, int | float) and abs(mean) <= NEAR * std)
    if name != "uniform_":
        return False
    low, high = (
        next((v for n in names if (v := constant(given.get(n))) is not None), None)
        for names in (("a", "from_"), ("b", "to"))
    )
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return False
    return low < 0 < high and abs(low + high) / 2 <= NEAR * (high - low)


def _is_told_to_be_batch_norm(operation: Operation) -> bool:
    """Whether a test says that it is the weight of a batch norm that is drawn."""
    call = operation.site.node
    weight = None
    if isinstance(call, ast.Call):
        method = isinstance(call.func, ast.Attribute) and operation.entry.family == "fill"
        weight = call.func if method else next(iter(call.args), None)
        weight = weight.value if method and isinstance(weight, ast.Attribute) else weight
    while isinstance(weight, ast.Attribute) and weight.attr == "data":
        weight = weight.value
    if not isinstance(weight, ast.Attribute) or weight.attr != "weight":
        return False
    told = classes_told(operation.conditions, weight.value, operation.function)
    return any("BatchNorm" in name for name in told)
