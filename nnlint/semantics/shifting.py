"""How many positions one tensor is ahead of another that is cut out of the same sequence."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from typing import NamedTuple

from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import (
    ELEMENT_OF,
    TAKEN_AT,
    TAKEN_FROM,
    Constant,
    Items,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)

Sum = dict[str, int]
"""A sum of terms as they are written, each with how often it is added; the number under ``""``."""
KEEPS = frozenset("cast clone contiguous detach tensor variable".split())
"""Families of operations that leave the values of a sequence where they are."""
MOVES_AXES = frozenset(
    "view reshape flatten ravel squeeze unsqueeze transpose permute rearrange".split()
)
"""Families of operations that leave them in their order, along other axes."""
DEPTH = 24


class Cut(NamedTuple):
    """Where in a sequence what is cut out of it begins."""

    begin: Sum
    end: Sum | None
    """Where it ends; None where the sequence's own end, or nothing known, ends it."""
    axis: int | None
    """The axis along which it is cut, from the first one or, negative, from the last; None as long
    as it is not cut, or where axes have been moved since."""


class _Step(NamedTuple):
    """A tensor on the way to what another one is cut out of."""

    tensor: Tensor
    cut: Cut
    before: int = 0
    """Axes that the other one has in front: samples are put together to batches."""
    lost: bool = False
    """Whether axes have been moved between two cuts."""


def cuts_of(tensor: Tensor) -> dict[Hashable, Cut]:
    """What a tensor is cut out of, by what identifies it, from the tensor itself outwards.

    A sequence is identified by its tensor, and by how it is written: what is sliced in one
    function under one name is the same.
    """
    found: dict[Hashable, Cut] = {}
    step: _Step | None = _Step(tensor, Cut({}, None, None))
    for _ in range(DEPTH):
        if step is None or isinstance(step.tensor.producer, Join):
            break
        found.setdefault(identity_of(step.tensor), step.cut)
        site = step.tensor.producer.site
        if site is not None and isinstance(site.node, ast.Subscript):
            if isinstance(step.tensor.producer, Source):
                step = step._replace(before=step.before + _in_batch(step.tensor.producer))
            cut = _sliced(site.node, step)
            if cut is None:
                break
            found.setdefault((site.module.name, ast.dump(site.node.value)), cut)
            step = step._replace(cut=cut)
        step = _next(step)
    return found


def identity_of(tensor: Tensor) -> int:
    """What tells a tensor from others: the unknown value that it is, where it is one."""
    of = tensor.producer.of if isinstance(tensor.producer, Source) else None
    return id(tensor) if of is None else id(of)


def _in_batch(source: Source) -> int:
    """How many axes stand before those of what is sliced: a loader puts samples together."""
    return 1 if isinstance(source.of, Unknown) and ELEMENT_OF in source.of.state else 0


def _next(step: _Step) -> _Step | None:
    """The tensor whose positions another one holds, and how far it is ahead there."""
    made = step.tensor.producer
    if isinstance(made, Source) and isinstance(made.of, Unknown):
        whole = as_tensor(made.of.state.get(TAKEN_FROM))
        return None if whole is None else step._replace(tensor=whole)
    if not isinstance(made, Operation) or not made.inputs:
        return None
    family, name, first = made.entry.family, made.entry.name.rpartition(".")[2], made.inputs[0]
    if family in MOVES_AXES:
        lost = step.lost or step.cut.axis is not None
        cut = step.cut._replace(axis=None)
        return _Step(first, cut, 0, lost)
    if name == "__getitem__" or family in KEEPS:
        return step._replace(tensor=first)
    if family == "stack" and constant(made.arguments.get("dim")) == 0:
        return step._replace(tensor=first, before=step.before + 1)
    if name == "roll":
        by, axis = (constant(made.arguments.get(n)) for n in ("shifts", "dims"))
        return _shifted(step, first, axis, -by) if type(by) is int else None
    if name == "pad":
        by = _first_number(made.arguments.get("pad"))
        return _shifted(step, first, -1, -by) if by is not None and by > 0 else None
    if name in ("cat", "concat"):
        axis, parts = constant(made.arguments.get("dim")), made.arguments.get("tensors")
        if not isinstance(parts, Items) or parts.open or len(parts.items) != 2:
            return None
        front, last = map(as_tensor, parts.items)
        if front is not None and _is_sliced(front):
            # its positions come first
            return _shifted(step, front, axis, 0)
        if last is not None and _is_sliced(last):
            # at least one position comes before those of the other
            return _shifted(step, last, axis, -1)
    return None


def _shifted(step: _Step, tensor: Tensor, axis: object, by: int) -> _Step | None:
    if type(axis) is not int:
        return None
    where = axis + step.before if axis >= 0 else axis
    begin = added(step.cut.begin, {"": by})
    return step._replace(tensor=tensor, cut=Cut(begin, None, None if step.lost else where))


def as_tensor(value: Value | None) -> Tensor | None:
    """A value as the tensor that it is, or that it is where it is used as one."""
    known = tensor_of(value)
    if known is None and isinstance(value, Unknown):
        return Tensor(Source(value.name, value.state.get(TAKEN_AT), value))
    return known


def _is_sliced(tensor: Tensor) -> bool:
    made = tensor.producer
    return (
        not isinstance(made, Join)
        and made.site is not None
        and isinstance(made.site.node, ast.Subscript)
    )


def _first_number(value: object) -> int | None:
    if isinstance(value, Items) and value.items:
        value = value.items[0]
    if isinstance(value, Constant) and isinstance(value.value, tuple | list) and value.value:
        return value.value[0] if type(value.value[0]) is int else None
    return value.value if isinstance(value, Constant) and type(value.value) is int else None


def _sliced(node: ast.Subscript, step: _Step) -> Cut | None:
    """Where the whole begins that something is sliced out of; None where positions are picked, or
    another axis is cut than before."""
    sliced, cut = slice_of(node), step.cut
    if sliced is None:
        return None
    part, axis = sliced
    if part is None:
        return cut
    if part.step is not None:
        return None
    begin = added(cut.begin, sum_of(part.lower) if part.lower is not None else {})
    end = sum_of(part.upper) if part.upper is not None else None
    where = axis + step.before if axis >= 0 else axis
    if cut.axis is not None and (cut.axis < 0) == (where < 0) and cut.axis != where:
        return None
    return Cut(begin, end, None if step.lost else where)


def slice_of(node: ast.Subscript) -> tuple[ast.Slice | None, int] | None:
    """The one slice with a bound in an index, and its axis; None where an index picks more.

    Axes behind an ellipsis are counted from the last one.
    """
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    found: ast.Slice | None = None
    axis = 0
    for at, part in enumerate(parts):
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            continue
        if not isinstance(part, ast.Slice):
            return None
        if part.lower is None and part.upper is None and part.step is None:
            continue
        if found is not None:
            return None
        behind = any(isinstance(p, ast.Constant) for p in parts[:at])
        found, axis = part, at - len(parts) if behind else at
    return found, axis


def sum_of(node: ast.expr) -> Sum:
    """An index as a sum of terms: `i + size + 1`."""
    match node:
        case ast.Constant(value=int() as number):
            return {"": number}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return added(sum_of(left), sum_of(right))
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return added(sum_of(left), _negative(sum_of(right)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _negative(sum_of(operand))
        case _:
            return {ast.dump(node): 1}


def added(left: Sum, right: Sum) -> Sum:
    """The sum of two sums, without what comes to nothing."""
    total = {term: left.get(term, 0) + right.get(term, 0) for term in (*left, *right)}
    return {term: times for term, times in total.items() if times}


def _negative(terms: Sum) -> Sum:
    return {term: -times for term, times in terms.items()}


def ahead(target: Cut, given: Cut) -> int | None:
    """How many positions a target begins behind what is given, where both are cut out of one
    sequence along one axis and have the same length; None where that is not known."""
    if target.end is not None and given.end is not None:
        if added(target.end, _negative(given.end)) != added(target.begin, _negative(given.begin)):
            return None
    by = added(target.begin, _negative(given.begin))
    return by.get("", 0) if not by.keys() - {""} else None
