"""Patterns of files, as in .gitignore."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pathspec

    Patterns = pathspec.PathSpec[Any]


class PatternError(Exception):
    """A pattern that means nothing."""


def compiled(patterns: Iterable[str]) -> Patterns:
    """What tells whether a path matches.

    Raises:
        PatternError: one of the patterns means nothing, such as the range `[z-a]`.
    """
    import pathspec

    from nnlint.source.globs import linear_pattern

    try:
        return pathspec.PathSpec.from_lines(linear_pattern, patterns)
    except (ValueError, re.error, OverflowError, RecursionError) as error:
        # a position would be one in what the pattern is turned into
        raise PatternError(re.sub(r" at position \d+$", "", str(error))) from error
