"""Questions about where a tensor comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nnlint.semantics.values import Constant, Join, Operation, Tensor, Unknown


def producers(tensor: Tensor) -> tuple[Operation, ...] | None:
    """The operations that may have made `tensor`; None when one of them is unknown."""
    if isinstance(tensor.producer, Operation):
        return (tensor.producer,)
    if isinstance(tensor.producer, Join):
        found: list[Operation] = []
        for option in tensor.producer.inputs:
            known = producers(option)
            if known is None:
                return None
            found += known
        return tuple(found)
    return None


def activation(tensor: Tensor, depth: int = 40) -> tuple[str, Operation] | None:
    """The activation that `tensor` has gone through last, and where, on every path.

    Operations that only move values (`view`, dropout, indexing) are looked through. None
    when no activation is known, or when paths disagree.
    """
    if depth == 0:
        return None
    if isinstance(tensor.producer, Join):
        found = [activation(option, depth - 1) for option in tensor.producer.inputs]
        first = found[0]
        if first is None or any(f is None or f[0] != first[0] for f in found):
            return None
        return first
    operation = tensor.producer
    if not isinstance(operation, Operation):
        return None
    if operation.entry.activation:
        return operation.entry.activation, operation
    if operation.entry.transparent and operation.inputs:
        return activation(operation.inputs[0], depth - 1)
    return None


def upstream(tensor: Tensor, stop: Callable[[Operation], bool]) -> Iterator[Operation]:
    """Operations that `tensor` depends on, nearest first, not looking behind `stop`."""
    seen: set[int] = set()
    queue: list[Tensor] = [tensor]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        producer = current.producer
        if isinstance(producer, Join):
            queue += producer.inputs
        elif isinstance(producer, Operation) and id(producer) not in seen:
            seen.add(id(producer))
            yield producer
            if not stop(producer):
                queue += producer.inputs


def made_up(tensor: Tensor, depth: int = 12) -> bool:
    """Whether a tensor holds no data: it is learned, random or constant from the start."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation):
        return False
    if producer.entry.family == "create":
        return True
    return bool(producer.inputs) and all(made_up(t, depth - 1) for t in producer.inputs)


def active_dropout(operation: Operation, families: frozenset[str]) -> bool:
    """Whether `operation` is a dropout that drops something, as far as is known."""
    if operation.entry.family not in families:
        return False
    rate = operation.arguments.get("p")
    if isinstance(rate, Constant):
        return bool(rate.value)
    return isinstance(rate, Unknown) and rate.origin in ("parameter", "option", "attribute")


ELEMENTWISE = frozenset({"dropout"})
DROPPING = frozenset({"dropout", "dropout_channel"})
RESCALING = frozenset({"batch_norm", "norm", "rnn", "attention", "transformer", "embedding"})
"""Families whose output has a scale of its own, whatever dropout did to their input."""
SPATIAL_CONVOLUTION = frozenset({"conv", "conv_transpose"})


def dropout_behind(norm: Operation) -> Operation | None:
    """The dropout whose output reaches the input of a normalisation, not normalised again."""
    if not norm.inputs:
        return None
    for operation in upstream(norm.inputs[0], lambda o: o.entry.family in RESCALING):
        if active_dropout(operation, DROPPING):
            return operation
    return None


def elementwise_dropout_behind(convolution: Operation) -> Operation | None:
    """The elementwise dropout on feature maps that a 2-D or 3-D convolution takes in."""
    if not _looks_around(convolution) or not convolution.inputs:
        return None
    stop = SPATIAL_CONVOLUTION | {"flatten", "linear", "view", "reshape", "embedding", "index"}
    for operation in upstream(convolution.inputs[0], lambda o: o.entry.family in stop):
        if active_dropout(operation, ELEMENTWISE) and _on_feature_map(operation):
            return operation
    return None


def _looks_around(convolution: Operation) -> bool:
    """Whether a convolution is 2-D or more, and sees more than one position at a time."""
    kernel = convolution.arguments.get("kernel_size")
    pointwise = isinstance(kernel, Constant) and kernel.value in (1, (1, 1), (1, 1, 1))
    return convolution.entry.dimensions >= 2 and not pointwise


def _on_feature_map(dropout: Operation) -> bool:
    if not dropout.inputs:
        return False
    stop = SPATIAL_CONVOLUTION | {"flatten", "linear", "view", "reshape", "embedding", "index"}
    return any(
        o.entry.family in SPATIAL_CONVOLUTION and o.entry.dimensions >= 2
        for o in upstream(dropout.inputs[0], lambda o: o.entry.family in stop)
    )
