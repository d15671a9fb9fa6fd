"""Which names the top level of a module binds, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence


def bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The names that a module's top level binds, each with the statements that do, in order."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in _binding_statements(tree.body):
        for name in bound_names(statement):
            found.setdefault(name, []).append(statement)
    return found


def _binding_statements(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Binding statements of a module, those in `if`, `try` and `with` included."""
    for statement in statements:
        if isinstance(statement, ast.If):
            if not is_main_guard(statement.test):
                yield from _binding_statements(statement.body)
                yield from _binding_statements(statement.orelse)
        elif isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from _binding_statements(handler.body)
            yield from _binding_statements(statement.body)
        elif isinstance(statement, ast.With):
            yield from _binding_statements(statement.body)
        else:
            yield statement


def is_main_guard(test: ast.expr) -> bool:
    """Whether an `if` test is `__name__ == "__main__"`."""
    return (
        isinstance(test, ast.Compare)
        and len(test.comparators) == 1
        and {ast.dump(test.left), ast.dump(test.comparators[0])} == _MAIN_GUARD
    )


_MAIN_GUARD = {
    ast.dump(ast.Name("__name__", ast.Load())),
    ast.dump(ast.Constant("__main__")),
}


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds by itself: what it defines, imports or assigns."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import():
            for alias in statement.names:
                yield alias.asname or alias.name.split(".")[0]
        case ast.ImportFrom():
            for alias in statement.names:
                yield alias.asname or alias.name
        case ast.Assign():
            for target in statement.targets:
                yield from _target_names(target)
        case ast.AnnAssign() if statement.value is not None:
            yield from _target_names(statement.target)
        case _:
            return


def _target_names(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name():
            yield target.id
        case ast.Tuple() | ast.List():
            for element in target.elts:
                yield from _target_names(element)
        case ast.Starred():
            yield from _target_names(target.value)
        case _:
            return
