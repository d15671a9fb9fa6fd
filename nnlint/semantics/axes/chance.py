"""Sizes that only happen to be alike: the number of one axis, and the product of others."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.axes import Axis, Dimension, Shape
from nnlint.semantics.axes.defaults import INFERRED, Target
from nnlint.semantics.axes.sizes import Size, Symbol, size


def without_chance(source: Shape, target: Sequence[Target]) -> Shape:
    """A shape whose numbers do not tell what pictures a view to numbers cuts its rows into.

    `(784, d + 784)` as `(-1, 1, 28, 28)` need not read 784 rows as pictures of 28 · 28: a row
    to which as much has been appended as it has may be several pictures itself.
    """
    numbers = [t.integer for t in target if isinstance(t, Size) and t != Size()]
    symbols = {s for d in source for axis in d for s in axis.size.symbols}
    appended = bool(symbols) and all(s.near is not None for s in symbols)
    if INFERRED not in target or None in target or None in numbers or not appended:
        return source
    return tuple(_freed(d, numbers) for d in source)


def _freed(whole: Dimension, numbers: Sequence[int | None]) -> Dimension:
    return tuple(axis if _is_told(axis, numbers) else _unsized(axis) for axis in whole)


def _is_told(axis: Axis, numbers: Sequence[int | None]) -> bool:
    return axis.size.integer is None or axis.size.integer in numbers


def _unsized(axis: Axis) -> Axis:
    return axis._replace(size=size(Symbol()))
