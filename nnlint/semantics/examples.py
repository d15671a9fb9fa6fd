"""Which axis of a tensor its examples lie along, where a layer or a loader shows it."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.semantics.axes import Axis, Shape, size_of
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.interpreter.tensors import role_of
from nnlint.semantics.values import Built, Constant, Items, Operation, Tensor, Value

TAKES_MAPS = frozenset("conv conv_transpose pool adaptive_pool batch_norm".split())
"""Families of layers that take batches with the examples first."""
TAKES_SEQUENCES = frozenset({"rnn", "attention", "transformer"})
"""Families of layers that are told by `batch_first` where the examples are."""

BATCHED_PRODUCTS = frozenset({"torch.bmm", "torch.baddbmm"})
"""Names of what multiplies matrices example by example."""


def examples_axis(tensor: Tensor) -> int | None:
    """The axis of a tensor along which its examples lie, counted from the first.

    None unless a layer that takes batches or a loader is behind it, or the program calls the
    size of the axis so: what is only first may be steps, nodes or instances.
    """
    shape = tensor.shape
    if shape is None:
        return 0 if _is_batch_first_of_all(tensor) else None
    at = batch_dimension(shape)
    if at is None:
        return None
    return at if is_called_batch(shape[at][0]) or _is_vouched(tensor, shape[at][0]) else None


def batch_dimension(shape: Shape) -> int | None:
    """The only dimension of a shape that is taken for the batch, and by its name nothing else."""
    found = [i for i, d in enumerate(shape) if any(_may_be_batch(axis) for axis in d)]
    called = [i for i in found if any(map(is_called_batch, shape[i]))]
    found = called or found
    return found[0] if len(found) == 1 and len(shape[found[0]]) == 1 else None


def joins_examples(tensor: Tensor, at: int) -> bool:
    """Whether a dimension of a tensor is the batch joined with others: `batch_size * steps`.

    None of the other dimensions is called a batch then.
    """
    shape = tensor.shape
    if shape is None:
        return False
    called = [_called_batch(size_of(dimension)) for dimension in shape]
    alone = size_of(shape[at]).symbol is not None
    return called[at] == sum(called) == 1 and not alone


def _called_batch(whole: Size) -> int:
    return sum(role_of(symbol.name) == "batch" for symbol in whole.symbols)


def is_called_batch(axis: Axis) -> bool:
    """Whether the program, or the loader, calls the size of an axis a batch size."""
    symbol = axis.size.symbol
    return symbol is not None and role_of(symbol.name) == "batch"


def _may_be_batch(axis: Axis) -> bool:
    symbol = axis.size.symbol
    called = role_of(symbol.name) if symbol is not None else ""
    return axis.meaning == "batch" and called in ("", "batch")


def _is_vouched(tensor: Tensor, axis: Axis) -> bool:
    """Whether a layer behind a tensor takes or gives the axis as its batch."""
    return any(
        _takes_batches(operation) and any(_holds(shape, axis) for shape in _shapes(operation))
        for operation in upstream(tensor, lambda operation: False)
    )


def _takes_batches(operation: Operation) -> bool:
    entry = operation.entry
    if entry.family in TAKES_SEQUENCES:
        return is_batch_first(operation) is True
    return entry.family in TAKES_MAPS


def is_batch_first(operation: Operation) -> bool | None:
    """Whether a layer over sequences is told that examples come first; None where that is an
    option, or it takes packed sequences."""
    if operation.inputs and operation.inputs[0].state.get("packed"):
        return None
    told = operation.arguments.get("batch_first")
    layer = operation.arguments.get("encoder_layer", operation.arguments.get("decoder_layer"))
    if told is None and isinstance(layer, Built):
        told = layer.arguments.get("batch_first")
    known = isinstance(told, Constant) and not told.soft and isinstance(told.value, bool)
    return told.value if known and isinstance(told, Constant) else None


def _shapes(operation: Operation) -> Iterator[Shape | None]:
    yield from (tensor.shape for tensor in operation.inputs)
    yield from (tensor.shape for tensor in results(operation))


def results(operation: Operation) -> tuple[Tensor, ...]:
    """The tensors that an operation gives, the states of recurrent layers included."""
    return tuple(_tensors(operation.result))


def _tensors(value: Value | None) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Items):
        for item in value.items:
            yield from _tensors(item)


def _holds(shape: Shape | None, axis: Axis) -> bool:
    return any(a.size == axis.size and _may_be_batch(a) for d in shape or () for a in d)


def _is_batch_first_of_all(tensor: Tensor, depth: int = 12) -> bool:
    """Whether a tensor of unknown rank has passed what takes nothing without a batch, and only
    what keeps its first axis since then."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or not producer.inputs:
        return False
    if producer.entry.family == "batch_norm" or producer.entry.name in BATCHED_PRODUCTS:
        return True
    kept = producer.entry.axes in ("same", "linear")
    return kept and _is_batch_first_of_all(producer.inputs[0], depth - 1)
