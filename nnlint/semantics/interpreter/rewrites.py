"""What loops and classes assign again: such a value is known once, not for good."""

from __future__ import annotations

import ast

from nnlint.semantics.values import Class


class Rewrites:
    """Finds and remembers which names a loop, and which attributes a class, assigns again."""

    def __init__(self) -> None:
        self._names: dict[ast.stmt, frozenset[str]] = {}
        self._attributes: dict[ast.ClassDef, frozenset[str]] = {}

    def names(self, loop: ast.For | ast.AsyncFor | ast.While) -> frozenset[str]:
        """The names that the body of a loop assigns."""
        known = self._names.get(loop)
        if known is None:
            known = self._names[loop] = frozenset(
                node.id
                for statement in loop.body
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )
        return known

    def attributes(self, cls: Class) -> frozenset[str]:
        """The attributes that methods other than the constructor assign."""
        found: frozenset[str] = frozenset()
        for ancestor in cls.ancestry():
            if isinstance(ancestor, Class):
                found |= self._of_class(ancestor.node)
        return found

    def _of_class(self, node: ast.ClassDef) -> frozenset[str]:
        known = self._attributes.get(node)
        if known is None:
            methods = (
                s
                for s in node.body
                if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) and s.name != "__init__"
            )
            known = self._attributes[node] = frozenset(
                inner.attr
                for method in methods
                for inner in ast.walk(method)
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
            )
        return known
