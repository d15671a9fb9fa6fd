"""What the modules that a program imports do at their top level, when they are imported."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from nnlint.semantics.interpreter.scopes import absolute
from nnlint.semantics.telling import local_names, names_any
from nnlint.semantics.values import Class, Function, Value
from nnlint.syntax.bindings import is_main_guard
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.words import Words

MOST_MODULES = 60
"""Modules that are looked at, nearest first: each has to be parsed."""
_SETS_UP = re.compile(r"seed|determin|reproduc", re.IGNORECASE)


def imported_modules(
    module: ModuleSyntax, load: Callable[[str, ModuleSyntax], ModuleSyntax | None]
) -> Iterator[ModuleSyntax]:
    """The modules of the project that a script leads to, those that they import included.

    What a function of the script itself imports counts: it is run as well.
    """
    waiting = deque([(module, [*_imports_within(module.tree)])])
    seen = {module.name}
    above = list(_with_packages(module.name))[:-1]
    while waiting:
        importer, imports = waiting.popleft()
        names = [*above, *(name for node in imports for name in _names(node, importer))]
        above = []
        for name in names:
            if name in seen or len(seen) > MOST_MODULES:
                continue
            # whatever imports it, Python looks in the folder of the script
            found = load(name, importer) or load(name, module)
            if found is None or found is module or found.name in seen:
                continue
            seen |= {name, found.name}
            waiting.append((found, [s for s in _statements(found.tree.body) if _is_import(s)]))
            yield found


def acting_statements(module: ModuleSyntax) -> Iterator[tuple[ast.stmt, ast.expr | None]]:
    """The statements at the top of a module that may do something beyond binding names: calls,
    and whatever speaks of seeds. With each comes what it calls, if that has to tell."""
    for statement in _statements(module.tree.body):
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Expr) and isinstance(value, ast.Call):
            yield statement, None
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            if speaks_of_seeds(module.words(statement)):
                yield statement, None
            elif isinstance(value, ast.Call):
                yield statement, value.func


def may_set_up(value: Value) -> bool:
    """Whether a function or class of the project speaks of seeds, or something of its module
    that it names does."""
    if not isinstance(value, Function | Class):
        return False
    return names_any(value.scope.module, value.node, speaks_of_seeds, _local_names_that_set_up)


def speaks_of_seeds(words: Words) -> bool:
    """Whether code names anything by which seeds are set."""
    return any(_SETS_UP.search(word) for word in words.names | words.attributes)


def _local_names_that_set_up(module: ModuleSyntax, imported: frozenset[str]) -> frozenset[str]:
    return local_names(module, speaks_of_seeds, imported)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import: those in branches, loops and classes included."""
    for statement in body:
        if isinstance(statement, ast.If) and _never_runs(statement.test):
            yield from _statements(statement.orelse)
        elif isinstance(
            statement, ast.If | ast.Try | ast.With | ast.For | ast.While | ast.ClassDef
        ):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from _statements(handler.body)
        else:
            yield statement


def _never_runs(test: ast.expr) -> bool:
    """Whether a branch is for running the module itself, or for type checkers."""
    return is_main_guard(test) or _is_for_types(test)


def _is_for_types(test: ast.expr) -> bool:
    return last_name(test) == "TYPE_CHECKING"


def _imports_within(node: ast.AST) -> Iterator[ast.AST]:
    """The imports in a script, those of its functions and of its main block included."""
    if isinstance(node, ast.If) and _is_for_types(node.test):
        return
    if _is_import(node):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _imports_within(child)


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
