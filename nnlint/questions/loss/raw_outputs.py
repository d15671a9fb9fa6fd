"""Questions about raw outputs: can a tensor be any number, as what a last layer gives?"""

from __future__ import annotations

from typing import Any

from nnlint.semantics.dataflow import SCALES, makers
from nnlint.semantics.values import (
    MADE_BY,
    Built,
    Function,
    Instance,
    Operation,
    Tensor,
    Unknown,
    Value,
    constant,
)

LINEAR = frozenset({"linear", "conv", "conv_transpose"})
"""Families of layers whose output may be any number."""
SUMS = frozenset({"torch.add", "torch.sub"})
MOST = 6
"""Operations that are looked behind, one after the other."""


def is_raw(operation: Operation, depth: int = MOST) -> bool:
    """Whether an operation gives the raw output of a layer, or of arithmetic with weights.

    A bias that is added by hand, a temperature and a product with a learned matrix leave it
    so; what else it is added to or multiplied with may bound it.
    """
    entry, inputs = operation.entry, operation.inputs
    if entry.family in LINEAR:
        return True
    if depth == 0 or not inputs:
        return False
    if entry.name == "torch.neg":
        return _all_raw(inputs[0], depth)
    if entry.family == "matmul":
        return any(_is_learned(tensor) for tensor in inputs)
    if entry.name in SUMS:
        rest = [tensor for tensor in inputs if not _is_learned(tensor)]
        # what is no tensor is a number, or is not known
        whole = len(inputs) == len({"input", "other"} & operation.arguments.keys())
        return whole and bool(rest) and all(_all_raw(tensor, depth) for tensor in rest)
    if entry.name in SCALES:
        number = constant(operation.arguments.get("other"))
        scaled = isinstance(number, int | float) or all(_is_learned(t) for t in inputs[1:])
        return scaled and _all_raw(inputs[0], depth)
    return False


def _all_raw(tensor: Tensor, depth: int) -> bool:
    made = makers(tensor)
    return bool(made) and all(is_raw(operation, depth - 1) for operation in made or ())


def _is_learned(tensor: Tensor) -> bool:
    made = makers(tensor)
    return bool(made) and all(operation.entry.family == "parameter" for operation in made or ())


def library_logits(value: Value | None) -> Built | None:
    """The library's classifier whose output a value is: it gives logits, as it was published."""
    model = value.state.get(MADE_BY) if isinstance(value, Unknown) else None
    if not isinstance(model, Built) or not {"head", "classes"} & model.entry.options.keys():
        return None
    if constant(model.arguments.get("num_classes"), 1) == 0 or "features_only" in model.arguments:
        return None
    return None if _is_changed(model.state) else model


def _is_changed(state: dict[Any, Any], depth: int = 5) -> bool:
    """Whether a part of a library model has been replaced."""
    for part in state.values():
        if isinstance(part, Built | Instance | Function):
            return True
        if isinstance(part, Unknown) and depth and _is_changed(part.state, depth - 1):
            return True
    return False
