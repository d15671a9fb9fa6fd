"""Whether a layer is fed a tensor whose batch axis has been flattened away."""

from __future__ import annotations

from nnlint.semantics.values import Constant, Items, Operation, Tensor

WEIGHTED = frozenset({"linear", "conv"})


def flattened_batch(operation: Operation) -> Operation | None:
    """The flatten that folded the batch axis into the input of a layer with weights.

    None unless the flattened tensor came out of a layer that keeps a batch axis: a
    tensor of unknown origin may be one example.
    """
    if operation.entry.family not in WEIGHTED or not operation.inputs:
        return None
    current = operation.inputs[0]
    for _ in range(12):
        producer = current.producer
        if not isinstance(producer, Operation) or not producer.inputs:
            return None
        if flattens_everything(producer):
            return producer if _is_batched(producer.inputs[0]) else None
        if not (producer.entry.transparent or producer.entry.activation):
            return None
        if producer.entry.family in ("view", "reshape", "unflatten", "unsqueeze", "index"):
            return None
        current = producer.inputs[0]
    return None


def flattens_everything(operation: Operation) -> bool:
    """Whether an operation makes one axis of all axes."""
    family, arguments = operation.entry.family, operation.arguments
    if family == "flatten":
        start, end = arguments.get("start_dim"), arguments.get("end_dim")
        return _number(start) == 0 and _number(end) == -1
    if family in ("view", "reshape"):
        sizes = [v for k, v in arguments.items() if k not in ("input", "self")]
        if any(isinstance(v, Items) and v.open for v in sizes):
            return False
        flat = [i for v in sizes for i in (v.items if isinstance(v, Items) else (v,))]
        flat = [i for v in flat for i in (v.items if isinstance(v, Items) else (v,))]
        return len(flat) == 1 and _number(flat[0]) == -1
    return False


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
