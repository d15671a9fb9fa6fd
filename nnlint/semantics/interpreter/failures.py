"""Paths that only lead to an error: nothing on them belongs to a training run."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nnlint.syntax.walking import walk

_LEAVING = (
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Yield,
    ast.YieldFrom,
    ast.Try,
    ast.FunctionDef,
    ast.ClassDef,
)


def ends_program(node: ast.Raise) -> bool:
    """Whether a `raise` is how a script ends: `raise SystemExit(main())`."""
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "SystemExit"


class Failures:
    """Finds and remembers where blocks begin to do nothing but fail."""

    def __init__(self) -> None:
        self._known: dict[ast.Raise, int] = {}

    def start(self, statements: Sequence[ast.stmt], last: ast.Raise) -> int:
        """How many statements of a block come before its only way is to `last`, a raise.

        What they prepare is a message: looking up the nearest spelling of a wrong option
        took a quarter of the time of a package that does so everywhere.
        """
        known = self._known.get(last)
        if known is None:
            known = len(statements) - 1
            while known and not ends_program(last) and not _may_leave(statements[known - 1]):
                known -= 1
            # a part of the block that is run on its own has the same raise at its end
            known = self._known[last] = len(statements) - known
        return max(0, len(statements) - known)


def _may_leave(statement: ast.stmt) -> bool:
    return any(isinstance(node, _LEAVING) for node in walk(statement))
