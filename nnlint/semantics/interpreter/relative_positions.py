"""Views that move each row of a table of positions by one more than the row before, on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nnlint.semantics.axes import Shape, size_of
from nnlint.semantics.axes.defaults import Target
from nnlint.semantics.axes.regroup import FAULTS, Kind, ViewResult
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.values import Operation, Tensor


def is_padded(tensor: Tensor) -> bool:
    """Whether a tensor comes from padding: to view it in another width shifts each row by one,
    as relative positions are aligned (Transformer-XL, Dai et al. 2019, appendix B)."""
    producer = tensor.producer
    while isinstance(producer, Operation) and _keeps_padding(producer):
        producer = producer.inputs[0].producer
    if not isinstance(producer, Operation):
        return False
    if producer.entry.axes == "cat":
        sources = [part.producer for part in producer.inputs]
        return any(isinstance(s, Operation) and s.entry.family == "create" for s in sources)
    return producer.entry.axes == "pad"


def _keeps_padding(operation: Operation) -> bool:
    # what is left of the padding is cut off, and the rest viewed as it was
    return bool(operation.inputs) and (
        operation.entry.axes in ("same", "view") or operation.entry.family == "index"
    )


def judge_shift(second: Operation, target: Sequence[Target]) -> None:
    """Judge a view, and one before it, again where the second reads back what the first has read
    in another order, and a row was cut off in between: `x.view(b, a)[1:].view(a, b - 1)`.

    So XLNet aligns relative positions (Yang et al. 2019).

    Parameters:
        target: the sizes that the second view is given.
    """
    first = _view_before_cut(second)
    if first is None:
        return
    one, other = first.view, second.view
    if not isinstance(one, ViewResult) or not isinstance(other, ViewResult):
        return
    if {one.kind, other.kind} & FAULTS and _is_order_back(_sizes(one.shape), target):
        for view in (first, second):
            view.view = replace(view.view, kind=Kind.UNKNOWN, suspected=Kind.UNKNOWN)


def _view_before_cut(view: Operation) -> Operation | None:
    """The view whose elements another views, if some of them were cut off in between."""
    cut = False
    producer = view.inputs[0].producer if view.inputs else None
    while isinstance(producer, Operation) and producer.inputs:
        if producer.entry.axes == "view":
            return producer if cut else None
        if producer.entry.axes != "same" and producer.entry.family != "index":
            break
        cut = cut or producer.entry.family == "index"
        producer = producer.inputs[0].producer
    return None


def _sizes(shape: Shape | None) -> list[Size]:
    return [size_of(dimension) for dimension in shape or ()]


def _is_order_back(first: Sequence[Target], second: Sequence[Target]) -> bool:
    """Whether two of the first sizes change places in the second, one of them with a few less."""
    if len(first) != len(second):
        return False
    moved = [at for at, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]]
    if len(moved) != 2:
        return False
    (a, b), (c, d) = ([sizes[at] for at in moved] for sizes in (first, second))
    return (a == d and _is_less(c, b)) or (b == c and _is_less(d, a))


def _is_less(one: Target, whole: Target) -> bool:
    return isinstance(one, Size) and one.symbol is not None and one.symbol.near == whole
