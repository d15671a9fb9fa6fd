"""The notations of einsum and einops: `bhqd,bhkd->bhqk`, `b t (h d) -> (b h) t d`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

ELLIPSIS = "..."
_TOKEN = re.compile(r"\.\.\.|…|[A-Za-z_][A-Za-z0-9_]*|\d+|[()]")

Group = tuple[str, ...]
"""Names that make one dimension: several inside parentheses, none for `1` or `()`."""


class Pattern(NamedTuple):
    """An einops pattern, side by side."""

    left: tuple[Group, ...]
    right: tuple[Group, ...]


@lru_cache(maxsize=512)
def read_pattern(text: str) -> Pattern | None:
    """Read `b t (h d) -> (b h) t d`; None when it is no such pattern."""
    sides = text.split("->")
    if len(sides) != 2:
        return None
    left, right = (_groups(side) for side in sides)
    return None if left is None or right is None else Pattern(left, right)


def _groups(text: str) -> tuple[Group, ...] | None:
    groups: list[Group] = []
    inside: list[str] | None = None
    if _TOKEN.sub("", text).strip():
        return None
    for token in _TOKEN.findall(text):
        if token == "(":
            if inside is not None:
                return None
            inside = []
        elif token == ")":
            if inside is None:
                return None
            groups.append(tuple(inside))
            inside = None
        else:
            name = ELLIPSIS if token == "…" else token
            names = () if name == "1" else (name,)
            if inside is None:
                groups.append(names)
            else:
                inside += names
    return tuple(groups) if inside is None else None


class Equation(NamedTuple):
    """An einsum equation: the letters of each operand, and of the result."""

    operands: tuple[tuple[str, ...], ...]
    result: tuple[str, ...]


@lru_cache(maxsize=512)
def read_equation(text: str) -> Equation | None:
    """Read `bhqd,bhkd->bhqk`, or einops' spelling with names; None when it is neither."""
    named = " " in text.split("->")[0].strip().replace(", ", ",")
    left, arrow, right = text.partition("->")
    operands = [_letters(part, named) for part in left.split(",")]
    if any(o is None for o in operands):
        return None
    known = tuple(o for o in operands if o is not None)
    if arrow:
        result = _letters(right, named)
        return None if result is None else Equation(known, result)
    letters = [name for operand in known for name in operand]
    once = sorted(n for n in letters if letters.count(n) == 1 and n != ELLIPSIS)
    start = (ELLIPSIS,) if ELLIPSIS in letters else ()
    return Equation(known, (*start, *once))


def _letters(text: str, named: bool) -> tuple[str, ...] | None:
    pattern = r"\.\.\.|…|[A-Za-z_]\w*" if named else r"\.\.\.|…|[A-Za-z]"
    found = re.findall(pattern, text)
    if re.sub(pattern, "", text).strip():
        return None
    return tuple(ELLIPSIS if name == "…" else name for name in found)
