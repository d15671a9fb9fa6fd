"""Shapes that documentation gives: `x: (batch, time, dim)`, "a convolution over (N, C, T)"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FIRST = r"(?:b|n|batch\w*|bs)\b[^)\]\n]*"
_RETURNED = re.compile(r"return|output|->|→|yield|result|gives", re.IGNORECASE)


def shapes_named(text: str, name: str) -> Iterator[list[str]]:
    """The names of axes written near the name of an argument, or as those of the input."""
    axes = r"[(\[]\s*(\w[\w ]*(?:[,x×]\s*[\w* ]+)*),?\s*[)\]]"
    patterns = (
        rf"\b{re.escape(name)}\b[^\n]*\n?[^\n]*?[(\[]\s*({_FIRST})[)\]]",
        rf"[`*]{re.escape(name)}[`*]+[^\n]*?shape\W*?{axes}",
        rf"^\s*{re.escape(name)}\b[^\n]*?(?:shape|size|dim)\w*\W*?{axes}",
        rf"[Ii]nput[^\n]*?[(\[]\s*({_FIRST})[)\]]",
    )
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
        for match in re.finditer(rf"[(\[]\s*({_FIRST})[)\]]", line, re.IGNORECASE)
        if not _RETURNED.search(line[: match.start()])
    ]
    whole = [names for names in found if 2 <= len(names) <= 5 and all(map(str.isidentifier, names))]
    return whole[0] if whole and all(names == whole[0] for names in whole) else None


def _split(written: str) -> list[str]:
    parts = re.split(r"[,x×]\s*", written)
    return [p.strip(" `*'\"") for p in parts if p.strip()]
