"""Questions about losses that broadcast: what is compared with what?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.differences import summed_differences
from nnlint.questions.loss.losses import operands
from nnlint.semantics.axes import ONE_EXAMPLE, Dimension, Shape, display, new_axis, size_of
from nnlint.semantics.dataflow import tensor_of, upstream
from nnlint.semantics.outlines import comes_from_vectors, is_column, is_row, outline
from nnlint.semantics.values import Operation, Tensor, constant
from nnlint.syntax.walking import walk


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


def tables_of(loss: Operation) -> Iterator[Table]:
    """What a loss makes of columns and rows: tables of all pairs."""
    if loss.entry.options.get("broadcasts"):
        prediction, target = operands(loss)
        if prediction is not None and target is not None:
            shapes = _opposite(prediction, target) or (outline(prediction), outline(target))
            yield from _table(loss, *shapes)
        return
    for difference in summed_differences(loss):
        left, right = (tensor_of(difference.arguments.get(name)) for name in ("input", "other"))
        if left is None or right is None or _is_paired(difference, left, right):
            continue
        made, other = _output(left, right), _output(right, left)
        if other is not None and (made is None or (other.grad and not made.grad)):
            yield from _table(difference, outline(right), outline(left), swapped=True)
        elif made is not None:
            yield from _table(difference, outline(left), outline(right))


def _output(tensor: Tensor, other: Tensor) -> Operation | None:
    """The layer of one output that gives a tensor, where it has no part in another one: all pairs
    of one thing are taken on purpose."""
    made = next((o for o in upstream(tensor, lambda o: False) if o.entry.axes == "linear"), None)
    if made is None or constant(made.arguments.get("out_features")) != 1:
        return None
    return None if any(o is made for o in upstream(other, lambda o: False)) else made


def _is_paired(difference: Operation, *sides: Tensor) -> bool:
    """Whether a difference is written to be one of all pairs: `a - b[:, None]`."""
    written = {id(node) for node in walk(difference.site.node)}
    return any(
        isinstance(made := tensor.producer, Operation)
        and is_column(tensor.shape)
        and id(made.site.node) in written
        and (made.entry.axes == "unsqueeze" or _adds_axis(made.site.node))
        for tensor in sides
    )


def _adds_axis(node: ast.AST) -> bool:
    """Whether an index adds an axis: `x[:, None]`."""
    index = node.slice if isinstance(node, ast.Subscript) else None
    parts = index.elts if isinstance(index, ast.Tuple) else ()
    return any(isinstance(part, ast.Constant) and part.value is None for part in parts)


def _opposite(prediction: Tensor, target: Tensor) -> tuple[Shape, Shape] | None:
    """The row and the column that two sides are after opposite repairs of one fault: the
    prediction has lost its last axis, and the target has been given one."""
    given = target.producer
    if target.shape is not None or prediction.shape is not None:
        return None
    if not isinstance(given, Operation) or given.entry.axes != "unsqueeze":
        return None
    if constant(given.arguments.get("dim")) not in (1, -1) or outline(given.inputs[0]) is not None:
        return None
    row = outline(prediction)
    if row is None or not is_row(row) or not comes_from_vectors(prediction):
        return None
    return row, ((new_axis("batch", "batch"),), ())


def _table(
    comparison: Operation, left: Shape | None, right: Shape | None, swapped: bool = False
) -> Iterator[Table]:
    """The table that a prediction and a target make, if they make one.

    Parameters:
        swapped: the prediction is what is written second.
    """
    if left is None or right is None:
        return
    column, row = (left, right) if len(left) > len(right) else (right, left)
    if is_column(column) and is_row(row) and _is_many(row[0]) and _is_many(column[0]):
        # an axis without a name is as long as there are examples
        prediction, target = (display(shape).replace("(_,", "(n,") for shape in (left, right))
        yield Table(comparison, prediction, target, (left is column) is not swapped)


def _is_many(dimension: Dimension) -> bool:
    """Whether an axis certainly has more than one element in some batch."""
    whole = size_of(dimension)
    if whole.integer is not None:
        return whole.integer > 1
    return not any(
        s.vague or s.small or s.value == 1 or s.name == ONE_EXAMPLE for s in whole.symbols
    )
