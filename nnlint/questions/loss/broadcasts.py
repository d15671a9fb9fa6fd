"""Questions about losses that broadcast: what is compared with what?"""

from __future__ import annotations

from dataclasses import dataclass

from nnlint.questions.loss.differences import summed_difference
from nnlint.questions.loss.losses import operands
from nnlint.semantics.axes import ONE_EXAMPLE, Dimension, Shape, display, new_axis, size_of
from nnlint.semantics.dataflow import origins, tensor_of, upstream
from nnlint.semantics.values import Operation, Tensor, constant

KEEP_LAST = frozenset({"same", "like"})
"""Transfers that leave every axis as it is."""


@dataclass(frozen=True, slots=True)
class Table:
    """A loss that compares every element of one tensor with every element of another."""

    comparison: Operation
    """The loss, or the difference in one that is written out."""
    prediction: str
    """The shape of the prediction, as people write it."""
    target: str
    row_is_second: bool
    """Whether what is written second lacks the axis of size 1."""


def table_of(loss: Operation) -> Table | None:
    """What a loss makes of a column and a row: a table of all pairs; None if it makes none."""
    if loss.entry.options.get("broadcasts"):
        return _table(loss, loss, *operands(loss))
    difference = summed_difference(loss)
    if difference is None:
        return None
    left, right = (tensor_of(difference.arguments.get(name)) for name in ("input", "other"))
    if left is None or right is None or not _is_error(left, right):
        return None
    return _table(loss, difference, left, right)


def _is_error(left: Tensor, right: Tensor) -> bool:
    """Whether one side of a difference is a model's output and the other one is something else:
    all pairs of one thing are taken on purpose."""
    column = next((t for t in (left, right) if _last_is_one(t)), None)
    if column is None:
        return False
    row = right if column is left else left
    made = next((o for o in upstream(column, lambda o: False) if o.entry.axes == "linear"), None)
    return made is not None and not any(o is made for o in upstream(row, lambda o: False))


def _table(
    loss: Operation, comparison: Operation, prediction: Tensor | None, target: Tensor | None
) -> Table | None:
    if prediction is None or target is None:
        return None
    left, right = _outline(prediction), _outline(target)
    if left is None or right is None:
        return None
    column, row = (left, right) if len(left) > len(right) else (right, left)
    if len(column) != 2 or len(row) != 1 or not _is_one(column[1]):
        return None
    if not _is_many(row[0]) or not _is_many(column[0]):
        return None
    sides = (right, left) if comparison is not loss and right is column else (left, right)
    return Table(comparison, display(sides[0]), display(sides[1]), left is column)


def _outline(tensor: Tensor) -> Shape | None:
    """The shape of a tensor; one that a layer of one output made is taken for a batch of them."""
    if tensor.shape is not None:
        return tensor.shape
    return ((new_axis("batch", "batch"),), ()) if _last_is_one(tensor) else None


def _last_is_one(tensor: Tensor) -> bool:
    """Whether the last axis of a tensor of unknown rank has size 1: a layer made it so."""
    made = origins(tensor, _keeps_last)
    return bool(made) and all(
        o.entry.axes == "linear" and constant(o.arguments.get("out_features")) == 1
        for o in made or ()
    )


def _keeps_last(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensor that another one has its last axis from."""
    producer = tensor.producer
    if isinstance(producer, Operation) and producer.entry.axes in KEEP_LAST:
        return producer.inputs[:1]
    return ()


def _is_one(dimension: Dimension) -> bool:
    whole = size_of(dimension)
    symbol = whole.symbol
    return whole.integer == 1 or (symbol is not None and symbol.value == 1)


def _is_many(dimension: Dimension) -> bool:
    """Whether an axis certainly has more than one element in some batch."""
    whole = size_of(dimension)
    if whole.integer is not None:
        return whole.integer > 1
    return not any(
        s.vague or s.small or s.value == 1 or s.name == ONE_EXAMPLE for s in whole.symbols
    )
