"""What loops and classes assign again: such a value is known once, not for good."""

from __future__ import annotations

import ast

from nnlint.semantics.values import Class
from nnlint.syntax.module import ModuleSyntax


def names_assigned_in(
    loop: ast.For | ast.AsyncFor | ast.While, module: ModuleSyntax
) -> frozenset[str]:
    """The names that the body of a loop of a module assigns."""
    return frozenset(name for statement in loop.body for name in module.words(statement).assigned)


def attributes_set_later(cls: Class) -> frozenset[str]:
    """The attributes that methods of a class other than its constructor assign."""
    return frozenset(
        name
        for ancestor in cls.ancestry()
        if isinstance(ancestor, Class)
        for method in ancestor.node.body
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and method.name != "__init__"
        for name in ancestor.scope.module.words(method).set_attributes
    )
