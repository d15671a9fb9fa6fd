"""Symbolic shapes: named axes, their products, and what operations make of them."""

from __future__ import annotations

from itertools import count
from math import prod
from typing import Any, NamedTuple


class Axis(NamedTuple):
    """One atomic axis, the same wherever its identity is the same."""

    identity: int
    name: str = ""
    size: int | None = None
    role: str = ""
    """batch, time, channel, height, width, heads, layer, or empty."""


Dimension = tuple[Axis, ...]
"""A row-major product of axes; empty for size 1."""
Shape = tuple[Dimension, ...]


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
"""An argument or size of which nothing is known."""

_identities = count(1)


def new_axis(name: str = "", size: int | None = None, role: str = "") -> Axis:
    """An axis equal to no other."""
    return Axis(next(_identities), name, size, role)


def dimension_of(size: Any, name: str = "", role: str = "") -> Dimension:
    """A dimension of the given size: an int, a dimension, or unknown."""
    if isinstance(size, tuple) and all(isinstance(a, Axis) for a in size):
        return size
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return () if size == 1 else (new_axis(name, size, role),)
    return (new_axis(name, None, role),)


_products: dict[tuple[int, ...], Axis] = {}


def feature_dimension(size: Any, role: str = "channel") -> Dimension:
    """The dimension that a layer's size argument makes: always one axis.

    How `heads * width` outputs of a linear layer are laid out is the author's choice, so
    a product of sizes is one axis here that may be split in any order.
    """
    dimension = dimension_of(size, "", role)
    if len(dimension) < 2:
        return dimension
    key = tuple(sorted(a.identity for a in dimension))
    if key not in _products:
        sizes = [a.size for a in dimension]
        known = prod(s or 1 for s in sizes) if all(sizes) else None
        _products[key] = new_axis("·".join(a.name for a in dimension if a.name), known, role)
    return (_products[key],)


def display(shape: Shape | None) -> str:
    """A shape as people write it: `(B, T, heads·C)`."""
    if shape is None:
        return "(…)"
    return "(" + ", ".join(_display_dimension(d) for d in shape) + ")"


def _display_dimension(dimension: Dimension) -> str:
    if not dimension:
        return "1"
    return "·".join(a.name or (str(a.size) if a.size else a.role or "?") for a in dimension)


def index_shape(shape: Shape, indices: Any) -> Shape | None:
    """The shape of `tensor[indices]`; None when an index is unknown."""
    result: list[Dimension] = []
    position = 0
    rest = [i for i in indices if i is not None and i is not Ellipsis]
    for index in indices:
        if index is None:
            result.append(())
        elif index is Ellipsis:
            skip = len(shape) - len(rest)
            result += shape[position : position + skip]
            position += skip
        elif isinstance(index, bool) or index is UNKNOWN or position >= len(shape):
            return None
        elif isinstance(index, int):
            position += 1
        elif isinstance(index, slice):
            whole = index.start is None and index.stop is None and index.step is None
            old = shape[position]
            role = old[0].role if len(old) == 1 else ""
            result.append(old if whole else (new_axis("", None, role),))
            position += 1
        else:
            return None
    return (*result, *shape[position:])
