"""Patterns of files whose matching takes linear time, whatever they are.

`*a*a*a*b` as the regular expression `[^/]*a[^/]*a[^/]*a[^/]*b` tries every way to share a name
out among the stars. Between two stars the first place that fits is as good as any other, so the
expression may commit itself to it: what is matched inside a lookahead and then referred to is
never tried again.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any

from pathspec.pattern import RegexPattern
from pathspec.util import lookup_pattern

_STAR, _FOLDERS, _LEADING = "[^/]*", "(?:/.+)?", "^(?:.+/)?"
"""What pathspec makes of `*`, of `/**` and of a pattern that may begin in any folder."""
LONGEST = 4_096
"""Characters of a pattern: more than a path has."""


def linear_pattern(line: str) -> Any:
    """A pattern as in .gitignore.

    Raises:
        ValueError, re.error: the line means nothing, or is longer than any path.
    """
    if len(line) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} characters")
    pattern: Any = lookup_pattern("gitignore")(line)
    if pattern.include is None:
        return pattern
    return RegexPattern(re.compile(linear(pattern.regex.pattern)), pattern.include)


def linear(expression: str) -> str:
    """The regular expression of a pattern, made so that it does not try again."""
    # a class never matches a slash, in git as here
    expression = re.sub(r"\[\^(?!/)", "[^/", expression)
    names = (f"(?=(?P<g{number}>{{}}))(?P=g{number})" for number in count())
    parts = [_within_a_name(part, names) for part in expression.split(_FOLDERS)]
    if len(parts) == 1:
        return parts[0]
    first, *middle, last = parts
    if first.startswith(_LEADING):
        rest = first.removeprefix(_LEADING)
        first = "^" + next(names).format(f"(?:.+?/)??{rest}(?=/)")
    committed = [next(names).format(f"(?:/.+?)??{part}(?=/)") for part in middle]
    return "".join((first, *committed, _FOLDERS, last))


def _within_a_name(part: str, names: Any) -> str:
    """Stars that another star follows in the same name take the first place that fits."""
    first, *chunks = part.split(_STAR)
    if not chunks:
        return part
    made = [first]
    for chunk in chunks[:-1]:
        plain = "/" not in re.sub(r"\[\^?/?[^\]]*\]", "", chunk) and "(" not in chunk
        made.append(next(names).format(f"[^/]*?{chunk}") if plain else _STAR + chunk)
    return "".join((*made, _STAR, chunks[-1]))
