"""What a transfer function gets: the shapes and arguments of one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from nnlint.semantics.axes import Dimension, Shape, one_axis
from nnlint.semantics.axes.sizes import Size, Symbol, Symbols, default_of, size
from nnlint.semantics.records import record

Outcome = Any
"""A shape, a list of shapes, an RNN's output and states, or None when nothing is known."""


class Unknown:
    """An argument of which nothing is known."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class UnknownShape(Exception):
    """The shape of the result cannot be told."""


@record(frozen=True)
class Call:
    """One operation: shapes of its tensors, and its arguments by name.

    Arguments are plain Python, sizes where a number is symbolic or can be set otherwise,
    tuples of these, or `UNKNOWN`.
    """

    inputs: Sequence[Shape | None]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    symbols: Symbols = field(default_factory=Symbols)

    @property
    def first(self) -> Shape:
        """The shape of the first tensor.

        Raises:
            UnknownShape: it is not known.
        """
        shape = self.inputs[0] if self.inputs else None
        if shape is None:
            raise UnknownShape
        return shape

    @property
    def second(self) -> Shape:
        """The shape of the second tensor.

        Raises:
            UnknownShape: it is not known.
        """
        shape = self.inputs[1] if len(self.inputs) > 1 else None
        if shape is None:
            raise UnknownShape
        return shape

    def get(self, *names: str) -> Any:
        """The first argument given under one of the names; `UNKNOWN` when there is none."""
        for name in names:
            if name in self.arguments:
                return self.arguments[name]
        return UNKNOWN

    def integer(self, *names: str) -> int:
        """An argument as a number.

        Raises:
            UnknownShape: it is no known number.
        """
        number = as_integer(self.get(*names))
        if number is None:
            raise UnknownShape
        return number

    def at(self, *names: str, rank: int | None = None) -> int:
        """An argument as an axis index, counted from the first axis.

        Raises:
            UnknownShape: it is no axis of the first tensor.
        """
        rank = len(self.first) if rank is None else rank
        return position(self.integer(*names), rank)

    def axis(self, name: str, role: str = "channel", label: str = "") -> Dimension:
        """A new dimension of the size that an argument gives, one axis in memory.

        The width of a layer is a setting, whatever it is computed from.
        """
        whole = self.get(name)
        if isinstance(whole, Size) and whole.symbol is not None:
            whole.symbol.vague = False
        return dimension(whole, role, label)


Transfer = Callable[[Call], Outcome]


def as_integer(value: Any) -> int | None:
    """A number as an int: a literal, or a size with a default."""
    if isinstance(value, Size):
        return default_of(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_size(value: Any) -> Size | None:
    """A number as a size, if it is one."""
    if isinstance(value, Size):
        return value
    number = as_integer(value)
    return size(number) if number is not None and number > 0 else None


def dimension(value: Any, role: str = "", label: str = "") -> Dimension:
    """A dimension of the size `value`; of a size of its own when that is not known."""
    known = as_size(value)
    return one_axis(size(Symbol(label, role)) if known is None else known, label, role)


def position(index: int, rank: int) -> int:
    """An axis index counted from the first axis.

    Raises:
        UnknownShape: there is no such axis.
    """
    if not -rank <= index < rank:
        raise UnknownShape
    return index % rank


def sequence(value: Any) -> tuple[Any, ...]:
    """The numbers of a variadic argument: `(2, 3)` and `((2, 3),)` mean the same.

    Raises:
        UnknownShape: they are not all known to be numbers.
    """
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], tuple):
        value = value[0]
    values: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
    if any(as_integer(v) is None and not isinstance(v, Size) for v in values):
        raise UnknownShape
    return values
