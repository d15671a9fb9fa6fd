"""What axes are called at a place of the program: in its own names, and in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from math import prod

from nnlint.semantics.axes import DIRECTIONS, Axis, Dimension, Shape, size_of
from nnlint.semantics.axes.sizes import Size, Symbol, default_of, size
from nnlint.semantics.records import record

PLURALS = {
    "batch": "examples",
    "time": "time steps",
    "channel": "channels",
    "height": "rows",
    "width": "pixels",
    "heads": "heads",
    "layer": "hidden states",
}
"""What people call the elements along an axis."""


DOCUMENTED = frozenset({"layers", DIRECTIONS, "hidden"})
"""Axes of recurrent layers, known by their names in PyTorch's documentation whatever their size."""


def _anything(name: str) -> bool:
    return True


@record(frozen=True)
class Names:
    """How a place of the program writes sizes and axes."""

    sizes: Mapping[Size, str] = field(default_factory=dict)
    """Sizes that the place has a name for."""
    known: Callable[[str], bool] = _anything
    """Whether a name of elsewhere means the same there, such as `self.heads`."""
    lengths: Mapping[Size, str] = field(default_factory=dict)
    """Names that the place has for sizes that are plain numbers, where it has only one."""
    numbers: bool = False
    """Whether sizes are shown as the numbers that they are by default."""

    def of_shapes(self, *shapes: Shape | None) -> Names:
        """The same names, or numbers where every size of the shapes is one."""
        sizes = [size_of(d) for shape in shapes for d in shape or ()]
        fixed = any(s.integer not in (None, 1) for s in sizes)
        numbers = fixed and all(default_of(s) is not None for s in sizes)
        return replace(self, numbers=numbers)

    def shape(self, shape: Shape | None) -> str:
        """A shape as people write it: `(B, T, heads·C)`."""
        if shape is None:
            return "(…)"
        inner = ", ".join(self.dimension(d) for d in shape)
        return f"({inner},)" if len(shape) == 1 else f"({inner})"

    def all_known(self, *shapes: Shape | None) -> bool:
        """Whether there is a word or a number for every axis: what an axis is of which there is
        none, and how long, is a guess."""
        return all(
            shape is not None and all(self.axis(a) != "_" for d in shape for a in d)
            for shape in shapes
        )

    def dimension(self, dimension: Dimension) -> str:
        """One dimension; what is known as a whole is no product of its parts."""
        if any(axis.name in DOCUMENTED for axis in dimension):
            return _multiplied([self.axis(axis) for axis in dimension])
        whole = _cancelled(size_of(dimension))
        short = self._number(whole) or (self.written(whole) if whole.symbol else None)
        return short or _multiplied([self.axis(axis) for axis in dimension])

    def axis(self, axis: Axis) -> str:
        """One axis."""
        if axis.name in DOCUMENTED and axis.size not in self.sizes:
            return axis.name
        role = "" if axis.size.symbol and axis.size.symbol.parts else axis.meaning
        return self.written(axis.size) or axis.name or role or "_"

    def written(self, whole: Size) -> str | None:
        """How the place writes a size; None when it has no way to."""
        whole = _cancelled(whole)
        number = self._number(whole)
        if number is not None or whole in self.sizes:
            return number or self.sizes[whole]
        if whole.symbol is not None:
            return self._symbol(whole.symbol)
        factors = [self.written(size(s)) for s in whole.symbols]
        known = [f for f in factors if f is not None]
        return _multiplied([str(whole.coefficient), *known]) if known == factors else None

    def _number(self, whole: Size) -> str | None:
        known = default_of(whole) if self.numbers else whole.integer
        return None if known is None else str(known)

    def _symbol(self, symbol: Symbol) -> str | None:
        if symbol.parts is not None:
            above, below = symbol.parts
            parts = self.written(above), self.written(below)
            named = parts[0] is not None and not parts[0].isdigit() and parts[1] is not None
            if symbol.value is not None and not named:
                return str(symbol.value)
            return None if None in parts else f"{parts[0]}/{parts[1]}"
        if symbol.name and self.known(symbol.name):
            return symbol.name.rpartition(".")[2]
        return None if symbol.value is None else str(symbol.value)

    def elements(self, axis: Axis, shape: Shape) -> str:
        """What the elements along an axis of a shape are called: by the program, by people, or
        by where the axis stands."""
        at = next((i for i, d in enumerate(shape) if any(a is axis for a in d)), None)
        written = self.written(axis.size)
        if written and not written.isdigit():
            return f"`{written}`"
        number = self._number(size_of(shape[at])) if at is not None else None
        if number is None or at is None:
            return self.people(axis, shape) or axis.name or ("" if at is None else f"axis {at}")
        plain = replace(self, numbers=False).written(size_of(shape[at]))
        name = self.lengths.get(Size(int(number))) if plain == number else plain
        alone = sum(self._number(size_of(d)) == number for d in shape) == 1
        if name and alone:
            return f"`{name}` (axis {at})"
        return self.people(axis, shape) or f"axis {at} (of size {number})"

    def people(self, axis: Axis, shape: Shape) -> str:
        """What people call the elements along an axis, where its role is known.

        A role that several dimensions of the shape have is nobody's name: they are parts of
        one that was split. Nor is a part of the channels all of them.
        """
        alike = [d for d in shape if any(a.meaning == axis.meaning for a in d)]
        parted = axis.meaning == "channel" and any(len(d) > 1 for d in alike)
        return PLURALS.get(axis.meaning, "") if len(alike) == 1 and not parted else ""


def _multiplied(factors: Sequence[str]) -> str:
    """A product as people write it, its numbers made one."""
    number = str(prod(int(f) for f in factors if f.isdigit()))
    names = [f for f in factors if not f.isdigit()]
    return "·".join([number, *names] if number != "1" or not names else names)


def _cancelled(whole: Size) -> Size:
    """A size without the quotients that are multiplied by their divisors."""
    for symbol in whole.symbols:
        if symbol.parts is not None:
            dividend, divisor = symbol.parts
            rest = whole.divided(size(symbol) * divisor)
            if rest is not None:
                return _cancelled(rest * dividend)
    return whole


def first_name(names: Iterable[tuple[Size, str]]) -> dict[Size, str]:
    """The first name of each size."""
    found: dict[Size, str] = {}
    for whole, name in names:
        found.setdefault(whole, name)
    return found
