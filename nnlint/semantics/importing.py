"""What the modules that a program imports do at their top level, when they are imported."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from nnlint.semantics.interpreter.scopes import absolute
from nnlint.syntax.bindings import is_main_guard
from nnlint.syntax.module import ModuleSyntax

MOST_MODULES = 60
"""Modules that are looked at, nearest first: each has to be parsed."""
_SETS_UP = re.compile(r"seed|determin|reproduc", re.IGNORECASE)


def imported_modules(
    module: ModuleSyntax, load: Callable[[str, ModuleSyntax], ModuleSyntax | None]
) -> Iterator[ModuleSyntax]:
    """The modules of the project that a script leads to, those that they import included.

    What a function of the script itself imports counts: it is run as well.
    """
    waiting = deque([(module, [n for n in ast.walk(module.tree) if _is_import(n)])])
    seen = {module.name}
    above = list(_with_packages(module.name))[:-1]
    while waiting:
        importer, imports = waiting.popleft()
        names = [*above, *(name for node in imports for name in _names(node, importer))]
        above = []
        for name in names:
            if name in seen or len(seen) > MOST_MODULES:
                continue
            found = load(name, importer)
            if found is None or found is module or found.name in seen:
                continue
            seen |= {name, found.name}
            waiting.append((found, [s for s in _statements(found.tree.body) if _is_import(s)]))
            yield found


def acting_statements(module: ModuleSyntax) -> list[ast.stmt]:
    """The statements at the top of a module that do something beyond binding names: calls,
    and whatever speaks of seeds."""
    return [
        statement
        for statement in _statements(module.tree.body)
        if (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call))
        or (isinstance(statement, ast.Assign) and _sets_up(module, statement))
    ]


def _sets_up(module: ModuleSyntax, statement: ast.stmt) -> bool:
    words = module.words(statement)
    return any(_SETS_UP.search(word) for word in words.names | words.attributes)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import, those in `if`, `try`, `with` and loops included."""
    for statement in body:
        if isinstance(statement, ast.If) and is_main_guard(statement.test):
            yield from _statements(statement.orelse)
        elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, ()))
        else:
            yield statement


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _names(node: ast.AST, module: ModuleSyntax) -> Iterator[str]:
    """The modules that an import runs, packages before what is in them."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name)
    elif isinstance(node, ast.ImportFrom) and (base := absolute(node, module)):
        yield from _with_packages(base)
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
