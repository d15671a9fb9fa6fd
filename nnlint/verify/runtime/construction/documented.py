"""Shapes that documentation gives: `x: (batch, time, dim)`, "a convolution over (N, C, T)"."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from torch import nn

_FIRST = r"(?:b|n|batch\w*|bs)\b[^)\]\n]*"
_BATCH = re.compile(r"b|n|bs|batch\w*", re.IGNORECASE)
_AXIS = re.compile(
    r"[hwctldf]|height|width|channels?|time|(time_?)?steps?|frames?|seq\w*|len\w*|(\w*_)?dim"
    r"|(\w*_)?features?|tokens?|samples|points|nodes|\d+"
)
"""Names of axes that are called so in few other lists in brackets."""
_NO_EXAMPLES = re.compile(r"[hwctld]|height|width|channels?|time|(time_?)?steps?|seq\w*|len\w*")
_RETURNED = re.compile(r"return|output|->|→|yield|result|gives", re.IGNORECASE)


def documentation_of(model: nn.Module) -> str:
    """What the class of a model and its `forward` say of themselves."""
    return "\n".join(filter(None, map(inspect.getdoc, (type(model), type(model).forward))))


def shapes_named(text: str, name: str) -> Iterator[list[str]]:
    """The names of axes written near the name of an argument, or as those of the input."""
    axes = r"[(\[]\s*(\w[\w ]*(?:[,x×]\s*[\w* ]+)*),?\s*[)\]]"
    patterns = (
        rf"\b{re.escape(name)}\b[^\n]*\n?[^\n]*?[(\[]\s*({_FIRST})[)\]]",
        rf"[`*]{re.escape(name)}[`*]+[^\n]*?shape\W*?{axes}",
        rf"^\s*{re.escape(name)}\b[^\n]*?(?:shape|size|dim)\w*\W*?{axes}",
        rf"[Ii]nput[^\n]*?[(\[]\s*({_FIRST})[)\]]",
    )
    told = rf"\b{re.escape(name)}\b[`*\s]*(?:[:=]|is|are|of|with|has|shape|\s)*{axes}"
    for match in re.finditer(told, text):
        names = _split(match.group(1))
        if _is_shape(names):
            yield names
    for pattern in patterns:
        for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE):
            names = _split(match.group(1))
            if 1 <= len(names) <= 5:
                yield names


def shape_of_all(text: str) -> list[str] | None:
    """The names of axes of the only shape that a text speaks of, if not as of what it returns."""
    found = [
        _split(match.group(1))
        for line in text.splitlines()
        for match in re.finditer(r"[(\[]\s*([^()\[\]]*)[)\]]", line)
        if not _RETURNED.search(line[: match.start()])
    ]
    whole = [names for names in found if _is_shape(names)]
    return whole[0] if whole and all(names == whole[0] for names in whole) else None


def _is_shape(names: list[str]) -> bool:
    """Whether words in brackets name the axes of a tensor, examples first."""
    first, *rest = names or [""]
    if not (first.isidentifier() and 1 <= len(rest) <= 4):
        return False
    if not all(name.isidentifier() or name.isdigit() for name in rest):
        return False
    if _BATCH.fullmatch(first):
        return True
    if _NO_EXAMPLES.fullmatch(first.lower()) or any(map(_BATCH.fullmatch, rest)):
        return False
    return len(rest) > 1 and sum(bool(_AXIS.fullmatch(name.lower())) for name in rest) > 1


def _split(written: str) -> list[str]:
    parts = re.split(r"[,x×]\s*", written)
    return [p.strip(" `*'\"") for p in parts if p.strip()]
