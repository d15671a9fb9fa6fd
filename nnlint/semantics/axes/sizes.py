"""Sizes of axes as symbolic arithmetic: an integer times quantities nobody knows yet."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import count
from math import gcd
from operator import attrgetter

from nnlint.semantics.records import record

_serial = count(1)
_serial_of = attrgetter("serial")
LARGEST = 1 << 63
"""No axis has more elements."""
MOST_SYMBOLS = 64
LONGEST_NAME = 80


class Symbol:
    """A quantity, the same wherever the symbol appears: a batch size, `self.heads`."""

    __slots__ = ("name", "near", "parts", "role", "serial", "small", "vague", "value")

    def __init__(
        self,
        name: str = "",
        role: str = "",
        value: int | None = None,
        parts: tuple[Size, Size] | None = None,
        near: Size | None = None,
        vague: bool = False,
        small: bool = False,
    ) -> None:
        self.serial = next(_serial)
        self.name = name if len(name) <= LONGEST_NAME else ""
        """What the program calls it."""
        self.role = role
        """batch, time, channel, height, width, heads, layer, or empty."""
        self.value = value
        """A default that can be set otherwise."""
        self.parts = parts
        """Dividend and divisor, where it is what one size leaves of another."""
        self.near = near
        """A size that it is a few more or less than."""
        self.vague = vague
        """Nothing is known about it: it may be 1, or depend on any other."""
        self.small = small
        """It may have become 1, as what pooling leaves of an image may."""

    def __repr__(self) -> str:
        return self.name or f"s{self.serial}"


@record(frozen=True)
class Size:
    """A product: a positive integer coefficient times symbols in a fixed order."""

    coefficient: int = 1
    symbols: tuple[Symbol, ...] = ()

    def __mul__(self, other: Size) -> Size:
        if other is ONE:
            return self
        if self is ONE:
            return other
        symbols = (*self.symbols, *other.symbols)
        coefficient = self.coefficient * other.coefficient
        if len(symbols) > MOST_SYMBOLS or coefficient > LARGEST:
            # no tensor has such an axis: nothing is concluded from it
            return Size(1, (Symbol(vague=True),))
        return Size(coefficient, _ordered(symbols))

    @property
    def integer(self) -> int | None:
        """The size as a number, if it is one."""
        return None if self.symbols else self.coefficient

    @property
    def symbol(self) -> Symbol | None:
        """The symbol that the size is, if it is a single one."""
        single = self.coefficient == 1 and len(self.symbols) == 1
        return self.symbols[0] if single else None

    def divided(self, other: Size) -> Size | None:
        """`self / other` where that is a product of what is known, else None."""
        rest, left = reduced(self, other)
        return rest if left == ONE else None

    def replaced(self, values: Mapping[Symbol, Size]) -> Size:
        """The size with symbols replaced."""
        if not any(s in values for s in self.symbols):
            return self
        return product(
            Size(self.coefficient), *(values.get(s) or Size(1, (s,)) for s in self.symbols)
        )

    def __str__(self) -> str:
        names = [s.name.rpartition(".")[2] or str(s.value or s.role or "?") for s in self.symbols]
        if self.coefficient != 1 or not names:
            names.insert(0, str(self.coefficient))
        return "·".join(names)


ONE = Size()


def _ordered(symbols: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
    return symbols if len(symbols) < 2 else tuple(sorted(symbols, key=_serial_of))


def size(value: int | Symbol | Size) -> Size:
    """A number, symbol or size as a size."""
    if isinstance(value, Size):
        return value
    return Size(value) if isinstance(value, int) else Size(1, (value,))


def product(*sizes: Size) -> Size:
    """The product of sizes."""
    result = ONE
    for factor in sizes:
        result = result * factor
    return result


def reduced(left: Size, right: Size) -> tuple[Size, Size]:
    """Both sizes without what they have in common."""
    common = gcd(left.coefficient, right.coefficient)
    kept, rest = left.symbols, right.symbols
    if kept and rest:
        kept, rest = _without_common(kept, rest)
    if common == 1 and len(kept) == len(left.symbols):
        return left, right
    return Size(left.coefficient // common, kept), Size(right.coefficient // common, rest)


def _without_common(
    left: tuple[Symbol, ...], right: tuple[Symbol, ...]
) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
    kept, rest = [], [*right]
    for symbol in left:
        if symbol in rest:
            rest.remove(symbol)
        else:
            kept.append(symbol)
    return tuple(kept), tuple(rest)


class Symbols:
    """The derived symbols of one analysis: equal expressions have the same symbol."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Symbol] = {}
        self._offsets: dict[Symbol | None, tuple[Size, int]] = {}

    def derived(
        self,
        key: Hashable,
        name: str = "",
        *,
        near: Size | None = None,
        vague: bool = False,
        small: bool = False,
    ) -> Size:
        """The symbol for an expression over sizes, given as a key."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Symbol(name, near=near, vague=vague, small=small)
        return size(known)

    def quotient(
        self, dividend: Size, divisor: Size, role: str = "", *, small: bool = False
    ) -> Size:
        """`dividend // divisor`, exact as far as a program that runs on needs it to be."""
        above, below = reduced(dividend, divisor)
        if below == ONE:
            return above
        if above.integer is not None and below.integer is not None:
            return Size(max(1, above.integer // below.integer))
        key = ("/", above, below)
        known = self._known.get(key)
        if known is None:
            value = _divided_defaults(above, below)
            vague = any(s.vague for s in (*above.symbols, *below.symbols))
            known = Symbol(f"{above}/{below}", role, value, (above, below), None, vague, small)
            self._known[key] = known
        known.small = known.small and small
        return size(known)

    def plus(self, base: Size, offset: int) -> Size:
        """`base + offset`."""
        symbol = base.symbol
        if symbol in self._offsets:
            before, first = self._offsets[symbol]
            return self.plus(before, first + offset)
        if offset == 0:
            return base
        if base.integer is not None:
            return Size(max(1, base.integer + offset))
        sign = "+" if offset > 0 else "-"
        key = ("+", base, offset)
        vague = any(s.vague for s in base.symbols)
        result = self.derived(key, f"{base}{sign}{abs(offset)}", near=base, vague=vague)
        self._offsets[result.symbol] = (base, offset)
        return result


def default_of(whole: Size) -> int | None:
    """The number that a size is when nothing is set otherwise, if known."""
    number = whole.coefficient
    for symbol in whole.symbols:
        if symbol.value is None:
            return None
        number *= symbol.value
    return number


def _divided_defaults(above: Size, below: Size) -> int | None:
    left, right = default_of(above), default_of(below)
    return left // right if left and right and left >= right else None
