"""Classes and functions at the top of a file, and the order in which they are entered."""

from __future__ import annotations

import ast
from typing import TypeVar

from nnlint.semantics.values import Class, Constant, Function, Operation
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import function_around

Definition = TypeVar("Definition", Class, Function)


def is_defined_in(module: ModuleSyntax, value: object) -> bool:
    """Whether a value is a class or function that a module itself defines."""
    return isinstance(value, Class | Function) and value.scope.module is module


def is_left_at_default(value: Constant, operation: Operation) -> bool:
    """Whether a value is the default of a parameter that a call on the way to an operation does not
    give: another call may, but none that leads here.

    The function that a program is entered at is called by nobody that is seen.
    """
    if not value.soft or value.site is None:
        return False
    called: list[ast.AST | None] = [
        function_around(site.module, site.node) for site in operation.callers
    ]
    called.append(operation.function.node if operation.function is not None else None)
    given = [function.args for function in called[1:] if isinstance(function, ast.FunctionDef)]
    defaults = [default for a in given for default in (*a.defaults, *a.kw_defaults)]
    return any(default is value.site.node for default in defaults)


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
