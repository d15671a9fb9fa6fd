"""Classes and functions at the top of a file, and the order in which they are entered."""

from __future__ import annotations

import ast
from typing import TypeVar

from nnlint.semantics.values import Class, Function
from nnlint.syntax.module import ModuleSyntax

Definition = TypeVar("Definition", Class, Function)


def is_defined_in(module: ModuleSyntax, value: object) -> bool:
    """Whether a value is a class or function that a module itself defines."""
    return isinstance(value, Class | Function) and value.scope.module is module


def users_first(definitions: list[Definition]) -> list[Definition]:
    """Classes or functions in an order in which users come before what they use, so that
    it is seen with their arguments."""
    by_name = {_definition(d).name: d for d in definitions}
    ordered: list[Definition] = []

    def visit(definition: Definition) -> None:
        node = _definition(definition)
        if by_name.pop(node.name, None) is None:
            return
        for statement in node.body:
            for name in sorted(
                definition.scope.module.words(statement).names.intersection(by_name)
            ):
                if name in by_name:
                    visit(by_name[name])
        ordered.append(definition)

    for definition in definitions[::-1]:
        visit(definition)
    return ordered[::-1]


def _definition(value: Class | Function) -> ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef:
    assert not isinstance(value.node, ast.Lambda)
    return value.node
