"""Symbolic shapes: named axes, their products, and what operations make of them."""

from __future__ import annotations

from typing import NamedTuple

from nnlint.semantics.axes.sizes import ONE, Size, Symbol, product, size


class Axis(NamedTuple):
    """An axis of memory that nothing known splits."""

    size: Size
    name: str = ""
    role: str = ""
    """batch, time, channel, height, width, heads, layer, or empty."""

    @property
    def label(self) -> str:
        """What people call it."""
        symbol = self.size.symbol
        if symbol is None:
            return self.name or str(self.size)
        return (
            symbol.name.rpartition(".")[2] or self.name or str(symbol.value or self.meaning or "_")
        )

    @property
    def meaning(self) -> str:
        """Its role, from where it stands or from the size it has."""
        symbol = self.size.symbol
        return self.role or (symbol.role if symbol else "")


ONE_EXAMPLE = "batch of 1"
"""What the batch axis is called where the program makes batches of one example."""
PERHAPS_GONE = "batch, unless it was one"
"""The role of a batch behind `squeeze()`, which takes the axis of a batch of one along."""
DIRECTIONS = "directions"
"""What the two directions of a bidirectional layer are called, as an axis."""
PARTS = "parts"
"""What tensors that are joined along an axis are called, as an axis."""
HIGHEST_RANK = 64
"""No tensor has more dimensions: PyTorch's own limit."""
Dimension = tuple[Axis, ...]
"""A row-major product of axes; empty for size 1."""
Shape = tuple[Dimension, ...]


def new_axis(name: str = "", role: str = "", value: int | None = None) -> Axis:
    """An axis whose size equals no other's."""
    return Axis(size(Symbol(name, role, value)), name, role)


def one_axis(of: Size | int, name: str = "", role: str = "") -> Dimension:
    """A dimension of the given size that is a single axis."""
    whole = size(of)
    return () if whole == ONE else (Axis(whole, name, role),)


def size_of(dimension: Dimension) -> Size:
    """The size of a dimension."""
    return product(*(axis.size for axis in dimension))


def total(shape: Shape) -> Size:
    """The number of elements."""
    return product(*(size_of(dimension) for dimension in shape))


def same_sizes(left: Shape | None, right: Shape | None) -> bool:
    """Whether two shapes are known and alike, whatever their axes are called."""
    if left is None or right is None or len(left) != len(right):
        return False
    return all(
        [a.size for a in one] == [a.size for a in other]
        for one, other in zip(left, right, strict=True)
    )


def joined(left: Shape | None, right: Shape | None) -> Shape | None:
    """The shape of what has one of two shapes: of axes that differ nothing is known but that
    they are there, and of different ranks nothing at all."""
    if left is None or right is None or len(left) != len(right):
        return None
    return tuple(_either(one, other) for one, other in zip(left, right, strict=True))


def _either(left: Dimension, right: Dimension) -> Dimension:
    if [a.size for a in left] == [a.size for a in right]:
        return left
    meanings = {d[0].meaning if len(d) == 1 else "" for d in (left, right)}
    role = meanings.pop() if len(meanings) == 1 else ""
    return (Axis(size(Symbol("", role, vague=True)), "", role),)


def with_role(dimension: Dimension, role: str) -> Dimension:
    """The dimension with all its axes in a role."""
    return tuple(axis._replace(role=role) for axis in dimension)


def display(shape: Shape | None) -> str:
    """A shape as people write it: `(B, T, heads·C)`."""
    if shape is None:
        return "(…)"
    inner = ", ".join(display_dimension(d) for d in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def display_dimension(dimension: Dimension) -> str:
    """One dimension as people write it: `heads·C`."""
    return "·".join(axis.label for axis in dimension) or "1"
