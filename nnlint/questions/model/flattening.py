"""Whether the batch axis is flattened into the features of a layer."""

from __future__ import annotations

import ast

from nnlint.semantics.axes import Dimension, Shape, size_of
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.examples import TAKES_SEQUENCES, is_batch_first
from nnlint.semantics.layouts import is_said_to_be_batched
from nnlint.semantics.values import Constant, Items, Join, Operation, Tensor
from nnlint.syntax.calls import last_name

CLASS_LOSSES = frozenset({"cross_entropy", "nll"})
"""Losses that tell examples from classes by the axis."""
FLATTENING = frozenset({"flatten", "view", "reshape"})
MOVING = frozenset({"permute", "transpose", "movedim", "unsqueeze", "squeeze", "index"})


def flattened_batch(operation: Operation) -> Operation | None:
    """The flatten that folded the batch axis into what a linear layer or a loss over
    classes takes as the features of one example.

    None unless the batch axis is known to be there: a tensor of unknown origin may be
    one example.
    """
    if not operation.inputs:
        return None
    if operation.entry.family == "linear" and operation.layer is not None:
        return _behind(operation.inputs[0])
    target = operation.arguments.get("target")
    if operation.entry.family in CLASS_LOSSES and not (
        isinstance(target, Tensor) and _is_flat(target)
    ):
        return _behind(operation.inputs[0])
    return None


def _behind(tensor: Tensor, depth: int = 16) -> Operation | None:
    """The operation through which the last axis of a tensor came to hold the batch."""
    producer = tensor.producer
    if depth == 0:
        return None
    if isinstance(producer, Join):
        found = [_behind(t, depth - 1) for t in producer.inputs]
        return found[0] if all(found) else None
    if not isinstance(producer, Operation) or not producer.inputs:
        return None
    source = producer.inputs[0]
    if producer.entry.family in FLATTENING:
        if not flattens_everything(producer) and _is_of_mismatch(source):
            return None
        return producer if _folds(producer, source, tensor.shape) else None
    if producer.entry.family in MOVING or not _keeps_values_apart(producer):
        return None
    return _behind(source, depth - 1)


def _is_of_mismatch(tensor: Tensor) -> bool:
    """Whether a layer over sequences that takes the second axis for the batch gives a tensor: where
    the program takes the first one, that layer is at fault."""
    return any(
        made.entry.family in TAKES_SEQUENCES and is_batch_first(made) is False
        for made in upstream(tensor, lambda made: made.entry.family in MOVING)
    )


def _keeps_values_apart(operation: Operation) -> bool:
    """Whether each element of the result comes from the element in its place."""
    entry = operation.entry
    return bool(entry.transparent or entry.activation) and entry.axes == "same"


def _folds(operation: Operation, source: Tensor, result: Shape | None) -> bool:
    if source.shape is None:
        batched = _is_batched(source) or is_said_to_be_batched(source, operation)
        return batched and flattens_everything(operation)
    if result is None or not result:
        return False
    if _is_said_to_be_one_example(operation):
        return False
    if any(axis.meaning == "batch" for dimension in result[:-1] for axis in dimension):
        # it is still there: the part of it among the features is one that was put into it before
        return False
    return len(source.shape) > 1 and _holds_batch(result[-1]) and not _holds_batch(source.shape[-1])


def _is_said_to_be_one_example(operation: Operation) -> bool:
    """Whether the first size of a reshape is a variable that is 1, as the number of examples may be
    where one is decoded: what is folded is that one. A written `1` says nothing of the kind."""
    node = operation.site.node
    if operation.entry.family not in ("view", "reshape") or not isinstance(node, ast.Call):
        return False
    of_module = isinstance(node.func, ast.Attribute) and last_name(node.func.value) == "torch"
    shape = node.args[of_module:]
    first = shape[0] if shape else None
    if isinstance(first, ast.Tuple | ast.List):
        first = first.elts[0] if first.elts else None
    if not isinstance(first, ast.Name | ast.Attribute):
        return False
    sizes = [v for k, v in operation.arguments.items() if k not in ("input", "self")]
    flat = [i for v in sizes for i in (v.items if isinstance(v, Items) else (v,))]
    flat = [i for v in flat for i in (v.items if isinstance(v, Items) else (v,))]
    return bool(flat) and _number(flat[0]) == 1


def _holds_batch(features: Dimension) -> bool:
    """Whether a dimension joins the batch axis and axes that are surely more than one."""
    batch = [a for a in features if a.meaning == "batch" and _surely_many(a.size.symbols, None)]
    others = [a for a in features if a.meaning != "batch"]
    return bool(batch) and any(_surely_many(a.size.symbols, size_of((a,)).integer) for a in others)


def _surely_many(symbols: tuple[object, ...], number: int | None) -> bool:
    if number is not None:
        return number > 1
    return any(
        not (getattr(s, "small", False) or getattr(s, "vague", False))
        and getattr(s, "value", None) != 1
        for s in symbols
    )


def flattens_everything(operation: Operation) -> bool:
    """Whether an operation makes one axis of all axes."""
    family, arguments = operation.entry.family, operation.arguments
    if family == "flatten":
        start, end = arguments.get("start_dim"), arguments.get("end_dim")
        return operation.entry.axes == "ravel" or (_number(start) == 0 and _number(end) == -1)
    if family in ("view", "reshape"):
        sizes = [v for k, v in arguments.items() if k not in ("input", "self")]
        if any(isinstance(v, Items) and v.open for v in sizes):
            return False
        flat = [i for v in sizes for i in (v.items if isinstance(v, Items) else (v,))]
        flat = [i for v in flat for i in (v.items if isinstance(v, Items) else (v,))]
        return len(flat) == 1 and _number(flat[0]) == -1
    return False


def _is_flat(tensor: Tensor, depth: int = 8) -> bool:
    """Whether a tensor has been flattened as a whole."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or not producer.inputs:
        return False
    return flattens_everything(producer) or (
        producer.entry.transparent and _is_flat(producer.inputs[0], depth - 1)
    )


def _number(value: object) -> int | None:
    return value.value if isinstance(value, Constant) and isinstance(value.value, int) else None


def _is_batched(tensor: Tensor, depth: int = 12) -> bool:
    """Whether the tensor has passed a layer that works on batches of feature maps."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation):
        return False
    if producer.entry.family in ("conv", "pool", "adaptive_pool", "batch_norm"):
        return producer.entry.dimensions >= 2 or producer.entry.family == "conv"
    return bool(producer.inputs) and _is_batched(producer.inputs[0], depth - 1)
