"""Views that give a tensor the axes back that a view before them has read in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nnlint.semantics.axes import Shape, size_of
from nnlint.semantics.axes.defaults import INFERRED, Target
from nnlint.semantics.axes.regroup import FAULTS, Kind, ViewResult
from nnlint.semantics.dataflow import is_pointwise
from nnlint.semantics.values import Operation


def judge_undone(second: Operation, target: Sequence[Target]) -> None:
    """Judge a view again that gives elements the axes back that they had in front of another one.

    Where each element was only worked on alone in between, nothing has been read in the order
    of the first view: `x.view(b, c, t).relu().view(b, t, c)`.

    Parameters:
        target: the sizes that the second view is given.
    """
    first = _view_in_front(second)
    if first is None or not isinstance(first.view, ViewResult) or first.view.kind not in FAULTS:
        return
    before = first.inputs[0].shape
    if before is not None and isinstance(second.view, ViewResult) and _is_back(before, target):
        second.view = ViewResult(Kind.REGROUPING, before)
        first.view = replace(first.view, undone=before)


def _view_in_front(view: Operation) -> Operation | None:
    producer = view.inputs[0].producer if view.inputs else None
    while isinstance(producer, Operation) and producer.inputs:
        if producer.entry.axes == "view":
            return producer
        if not is_pointwise(producer):
            return None
        producer = producer.inputs[0].producer
    return None


def _is_back(before: Shape, target: Sequence[Target]) -> bool:
    """Whether a target has the sizes of a shape, one of them perhaps left to PyTorch."""
    sizes = [size_of(dimension) for dimension in before]
    if len(sizes) != len(target) or target.count(INFERRED) > 1:
        return False
    return all(t in (s, INFERRED) for s, t in zip(sizes, target, strict=True))
