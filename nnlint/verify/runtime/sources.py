"""The source of what a model is written in, where it can be had."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from typing import Any


def nodes_of(function: Any) -> list[ast.AST]:
    """All nodes of the source of a function, a class or code, with the lines of its file.

    Returns:
        an empty list where the source is not to be had, or not to be read.
    """
    try:
        return _nodes(function)
    except (OSError, TypeError, SyntaxError):
        return []


@functools.lru_cache(maxsize=256)
def _nodes(function: Any) -> list[ast.AST]:
    # a search for inputs or arguments asks after each trial, and parsing takes as long as one
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    return list(ast.walk(ast.increment_lineno(tree, first - 1)))
