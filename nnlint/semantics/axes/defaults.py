"""Sizes that have defaults, with the numbers that these are."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.sizes import ONE, Size, Symbol, Symbols, default_of, size

INFERRED = -1
"""The size that a view works out by itself."""
Target = Size | int | None
"""A size of a target: a size, `INFERRED`, or None when unknown."""


def defaults_of(
    sizes: Sequence[Size],
    target: Sequence[Target],
    symbols: Symbols,
    overridden: frozenset[Symbol],
) -> dict[Symbol, Size]:
    """The numbers that overridable symbols stand for when nothing overrides them, and what
    quotients of others become with these."""
    given = [*sizes, *(t for t in target if isinstance(t, Size))]
    found: dict[Symbol, Size] = {}

    def settle(one: Size) -> None:
        for symbol in one.symbols:
            if symbol in overridden:
                continue
            value = default_of(size(symbol))
            if value is not None and value > 0:
                found[symbol] = size(value)
            elif symbol.parts is not None and symbol not in found:
                above, below = symbol.parts
                settle(above)
                settle(below)
                parts = above.replaced(found), below.replaced(found)
                if parts != symbol.parts:
                    found[symbol] = symbols.quotient(*parts, symbol.role, small=symbol.small)

    for one in given:
        settle(one)
    return found


def only_ones(defaults: dict[Symbol, Size], symbols: Symbols) -> dict[Symbol, Size]:
    """Of what sizes stand for by default what follows from those that are 1: of `dim // heads`
    with one head, the whole `dim`."""
    ones = {symbol: ONE for symbol, value in defaults.items() if value == ONE}
    found = dict(ones)
    for symbol in defaults:
        if symbol.parts is not None and symbol not in ones:
            parts = symbol.parts[0].replaced(ones), symbol.parts[1].replaced(ones)
            if parts != symbol.parts:
                found[symbol] = symbols.quotient(*parts, symbol.role, small=symbol.small)
    return found


def settled(source: Shape, values: dict[Symbol, Size]) -> Shape:
    """A shape with numbers in the place of symbols, without the axes that have one element."""
    if not values:
        return source
    kept = [[a._replace(size=a.size.replaced(values)) for a in d] for d in source]
    return tuple(tuple(a for a in d if a.size != ONE) for d in kept)


def replaced(target: Target, values: dict[Symbol, Size]) -> Target:
    """A size of a target with numbers in the place of symbols."""
    return target.replaced(values) if isinstance(target, Size) else target
