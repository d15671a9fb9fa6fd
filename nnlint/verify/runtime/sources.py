"""The source of what a model is written in, where it can be had."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


def nodes_of(function: Any) -> list[ast.AST]:
    """All nodes of the source of a function; none where it is not to be had, or not to be read."""
    try:
        return list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return []
