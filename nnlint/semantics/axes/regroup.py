"""The regrouping test: what `view` and `reshape` do to the axes of a tensor.

Memory is row-major, and a view never moves it. A target shape is a regrouping when its
axes, read in order, are the source's axes split or joined in their order. Anything else
reads elements of different axes as neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import Any

from nnlint.semantics.axes import UNKNOWN, Axis, Dimension, Shape, new_axis


class Kind(Enum):
    """What a view does."""

    REGROUPING = "regrouping"
    MIXES_BATCH = "mixes batch"
    SCRAMBLES = "scrambles"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ViewResult:
    """The outcome of the regrouping test."""

    kind: Kind
    shape: Shape | None
    """The resulting shape; of a wrong view, what its author took it to be."""
    moved: Axis | None = None
    """The first axis that the target puts where row-major order cannot."""


def classify_view(source: Shape, target: Sequence[Any]) -> ViewResult:
    """Compare a view's target sizes with the axes of its source.

    Parameters:
        source: shape of the tensor before the view.
        target: sizes: ints, -1, dimensions (by identity), or `UNKNOWN`.

    Source and target are written out as sequences of atomic axes. What the target names
    and the source lacks must be factors of the one source axis that the target does not
    name, as `heads, width` are of `channels`; the view is a regrouping exactly when the
    two sequences are then equal.
    """
    atoms = [axis for dimension in source for axis in dimension if axis.size != 1]
    sizes = [_size(t) for t in target]
    unknown = ViewResult(Kind.UNKNOWN, _guess(sizes))
    if any(s is UNKNOWN for s in sizes) or sizes.count(-1) > 1:
        return unknown
    named, left, fresh = _match(atoms, sizes, by_size=False)
    if fresh and -1 not in sizes:
        # an equal size proves nothing alone, but a target that names every axis does
        resized = _match(atoms, sizes, by_size=True)
        if not resized[1] and not resized[2]:
            named, left, fresh = resized
    if -1 in sizes:
        rest = _remainder(left, fresh)
        if rest is None:
            return unknown
        named = [rest if s == -1 else s for s in named]
        fresh = [a for a in fresh] + [a for a in rest if a not in left]
    flat = [axis for dimension in named for axis in dimension]
    expected = _split(atoms, left, fresh, flat)
    if expected is None:
        return unknown
    if len(fresh) == 1 and len(left) > 1:
        named = [_expand(d, fresh[0], left) for d in named]
        flat = [axis for dimension in named for axis in dimension]
    grouped = _group(expected, named)
    if grouped is not None:
        if len(left) == 1 and fresh:
            _factors[frozenset(a.identity for a in flat if a in fresh)] = left[0]
        return ViewResult(Kind.REGROUPING, grouped)
    if {a.identity for a in flat} != {a.identity for a in expected} or len(
        {a.identity for a in flat}
    ) != len(flat):
        return unknown
    return ViewResult(_fault(expected, flat), tuple(named), _first_moved(expected, flat))


_factors: dict[frozenset[int], Axis] = {}
"""Axes that views have split, by the identities of their factors."""


def _whole(left: list[Axis], wanted: Axis) -> list[Axis]:
    """The factors that `wanted` was once split into, where they are all left."""
    for parts, axis in _factors.items():
        if axis.identity == wanted.identity and parts <= {a.identity for a in left}:
            return [a for a in left if a.identity in parts]
    return []


def _size(value: Any) -> Any:
    if isinstance(value, bool):
        return UNKNOWN
    if isinstance(value, int):
        return -1 if value == -1 else () if value == 1 else (Axis(-value, str(value), value, ""),)
    if isinstance(value, tuple) and all(isinstance(a, Axis) for a in value):
        return tuple(a for a in value if a.size != 1)
    return UNKNOWN


def _group(expected: list[Axis], named: list[Any]) -> Shape | None:
    """The target's dimensions as runs of the source's axes; None when they are no runs.

    A product of sizes says nothing about order, so each run is compared as a set.
    """
    shape: list[Dimension] = []
    position = 0
    for dimension in named:
        run = tuple(expected[position : position + len(dimension)])
        if {a.identity for a in run} != {a.identity for a in dimension}:
            return None
        shape.append(run)
        position += len(dimension)
    return tuple(shape) if position == len(expected) else None


def _match(
    atoms: list[Axis], sizes: list[Any], *, by_size: bool
) -> tuple[list[Any], list[Axis], list[Axis]]:
    """The target with source axes in place of equal sizes; what is left of the source; what
    the target names besides."""
    left, fresh = list(atoms), []
    named: list[Any] = []
    for size in sizes:
        if size == -1:
            named.append(size)
            continue
        factors = []
        for axis in size:
            match = _find(left, axis, by_size)
            parts = [] if match else _whole(left, axis)
            if parts:
                left = [a for a in left if a not in parts]
                factors += parts
            elif match is None:
                fresh.append(axis)
                factors.append(axis)
            else:
                left.remove(match)
                factors.append(match)
        named.append(tuple(factors))
    return named, left, fresh


def _find(axes: Sequence[Axis], wanted: Axis, by_size: bool) -> Axis | None:
    """The source axis that a target factor is: the same one, or the only one of its size."""
    exact = next((a for a in axes if a.identity == wanted.identity), None)
    if exact is not None or wanted.size is None or not by_size:
        return exact
    same = [a for a in axes if a.size == wanted.size]
    return same[0] if len(same) == 1 else None


def _remainder(left: list[Axis], fresh: list[Axis]) -> Dimension | None:
    """What -1 stands for."""
    if not fresh:
        return tuple(left)
    if all(a.size is not None for a in [*left, *fresh]):
        total, part = prod(a.size or 1 for a in left), prod(a.size or 1 for a in fresh)
        if total == part:
            return ()
        if len(left) == 1 and total % part == 0:
            return (new_axis(left[0].name, total // part, left[0].role),)
        return None
    if len(left) == 1:
        return (new_axis("", None, left[0].role),)
    return None


def _split(
    atoms: list[Axis], left: list[Axis], fresh: list[Axis], flat: list[Axis]
) -> list[Axis] | None:
    """The source's axes with the one the target does not name replaced by its factors."""
    if not fresh:
        return atoms if not left or set(left) <= set(flat) else None
    if len(left) == 1:
        factors = [axis for axis in flat if axis in fresh]
        return [f for a in atoms for f in (factors if a == left[0] else [a])]
    if len(fresh) == 1 and fresh[0].size is not None:
        known = all(a.size is not None for a in left)
        if known and prod(a.size or 1 for a in left) == fresh[0].size:
            return atoms
    return None


def _expand(dimension: Dimension, joined: Axis, parts: list[Axis]) -> Dimension:
    return tuple(p for a in dimension for p in (parts if a == joined else [a]))


def _first_moved(expected: list[Axis], flat: list[Axis]) -> Axis:
    return next(a for a, b in zip(flat, expected, strict=True) if a != b)


def _fault(expected: list[Axis], flat: list[Axis]) -> Kind:
    """Whether the batch axis is among those whose order changes."""
    batch = [a for a in expected if a.role == "batch"]
    for axis in batch:
        before = set(expected[: expected.index(axis)])
        if before != set(flat[: flat.index(axis)]):
            return Kind.MIXES_BATCH
    return Kind.SCRAMBLES


def _guess(sizes: Sequence[Any]) -> Shape:
    """The shape a view of unknown grouping has, as far as its sizes tell."""
    return tuple(s if isinstance(s, tuple) else (new_axis(),) for s in sizes)
