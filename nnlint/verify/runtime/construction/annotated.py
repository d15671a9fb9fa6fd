"""Shapes that an annotation gives: `Float[Tensor, "batch time dim"]` of jaxtyping, and its like."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional

_WRITTEN = re.compile(r"\b(\w+)\[\s*[\w.]*(?:Tensor|Array)\w*\s*,\s*(['\"])([^'\"\n]*)\2\s*\]")
_NAMED = re.compile(r"TensorType\[([^\[\]\n]*)\]")
_LONG = re.compile(r"^(U?Int|Integer|Long)\d*$")


class Annotated(NamedTuple):
    """What an annotation says of a tensor."""

    names: tuple[str, ...]
    """Names or numbers of its axes, as they are written."""
    kind: str
    """float, long or bool."""


def annotated(hint: Any) -> Optional[Annotated]:
    """The axes of an annotation, or None if it names none.

    jaxtyping's annotations carry `dim_str` and `dtypes` where the package is there; without
    it, and under `from __future__ import annotations`, the text has the same.
    """
    written = getattr(hint, "dim_str", None)
    if isinstance(written, str):
        return _of(type(hint).__name__ if not isinstance(hint, type) else hint.__name__, written)
    text = hint if isinstance(hint, str) else repr(hint)
    match = _WRITTEN.search(text)
    if match:
        return _of(match.group(1), match.group(3))
    match = _NAMED.search(text)
    if match:
        names = [p.strip(" '\"") for p in match.group(1).split(",")]
        return _of("Float", " ".join(n for n in names if re.match(r"^\w+$", n)))
    return None


def _of(family: str, written: str) -> Optional[Annotated]:
    names = [_plain(word) for word in written.split()]
    if not names or any(not re.match(r"^\w+$", n) for n in names if n):
        return None
    family = family.partition("[")[0]
    kind = "bool" if family == "Bool" else "long" if _LONG.match(family) else "float"
    return Annotated(tuple(n for n in names if n), kind)


def _plain(word: str) -> str:
    """`*batch`, `#b`, `?n` and `b=3` as the name or number that they are; nothing for `...`."""
    word = word.strip("*#?_")
    name, _, value = word.partition("=")
    return "" if word == "..." else value or name
