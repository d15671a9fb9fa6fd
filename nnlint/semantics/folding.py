"""Arithmetic on numbers and texts that a program writes down: its time and result are bounded.

A program may write `10 ** 10 ** 10` or double a string forty times. Everything that computes
with a program's own constants goes through here, and what would be large is not computed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

BITS = 62
"""Numbers of more bits than an index may have are no sizes, and not known."""
LONGEST = 10_000
"""Elements or characters of what is computed."""
_LARGEST_SHIFT = 64
_DIGITS = 64
_MANY_BITS = 4_096


class NotFolded(Exception):
    """A result is an error, or larger than anybody asks for."""


def fits(value: Any, bits: int = BITS) -> bool:
    """Whether a constant is small enough to be computed with."""
    match value:
        case int():
            return value.bit_length() <= bits
        case range():
            return all(fits(end, BITS - 2) for end in (value.start, value.stop, value.step))
        case str() | bytes() | list() | tuple() | set() | frozenset() | dict():
            return len(value) <= LONGEST
        case complex():
            return False
        case _:
            return True


def folded(function: Callable[..., Any], *operands: Any, bits: int = BITS) -> Any:
    """`function(*operands)`, as Python computes it.

    Parameters:
        bits: how many bits a whole number in the result may have.

    Raises:
        NotFolded: it raises an exception, or it or one of its operands is too large.
    """
    if not all(fits(value, bits) for value in operands) or _is_long(function, operands):
        raise NotFolded
    try:
        result = function(*operands)
    except Exception as error:
        # the program's own mistake, of whatever kind, on its own values
        raise NotFolded from error
    if not fits(result, bits):
        raise NotFolded
    return result


def _is_long(function: Callable[..., Any], operands: tuple[Any, ...]) -> bool:
    """Whether computing takes long, whatever comes out."""
    left, right = (*operands, None, None)[:2]
    if function in (operator.pow, pow):
        return len(operands) > 2 or not _is_small_power(left, right)
    if function in (operator.lshift, operator.rshift):
        return not isinstance(right, int) or right > _LARGEST_SHIFT
    if function is round:
        return isinstance(right, int) and abs(right) > _DIGITS
    if function is operator.mul:
        return any(
            isinstance(times, int) and _length(repeated) * abs(times) > LONGEST
            for repeated, times in ((left, right), (right, left))
        )
    if function in _CONSTANT_TIME:
        return False
    if any(isinstance(value, range) for value in operands):
        # going over it, and looking for what is no whole number in it, meets every element
        searched = isinstance(right, range) and isinstance(left, int)
        return not searched and any(_length(value) > LONGEST for value in operands)
    return False


def _is_small_power(base: Any, exponent: Any) -> bool:
    if not isinstance(base, int) or not isinstance(exponent, int):
        return True
    return base.bit_length() * abs(exponent) <= _MANY_BITS


def _length(value: Any) -> int:
    """How many elements there are; 0 for what has none."""
    if isinstance(value, range):
        steps = (value.stop - value.start) // value.step
        return max(0, steps + 1)
    return len(value) if isinstance(value, (str, bytes, list, tuple)) else 0


_CONSTANT_TIME: frozenset[Callable[..., Any]] = frozenset(
    {len, bool, operator.eq, operator.ne, operator.getitem}
)
