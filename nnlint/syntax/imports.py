"""How a file can name something of a library, and what it takes to import it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.syntax.edits import Change, Changes, Site
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import first_row


def reference(site: Site, name: str) -> tuple[str, Changes]:
    """What to write at a place for a qualified name, with the import that it needs, if any.

    Uses the file's own imports and aliases. The changes are None when the name that it
    would go by means something else there.

    Parameters:
        name: such as `torch.manual_seed`.
    """
    module = site.module
    at = getattr(site.node, "lineno", 1)
    known = [
        (full, local)
        for statement in _top_imports(module)
        if (statement.end_lineno or 0) < at
        for full, local in _bindings(statement)
        if name == full or name.startswith(f"{full}.")
    ]
    for full, local in sorted(known, reverse=True):
        if not _means_something_else(module, site.node, local):
            return local + name[len(full) :], ()
    package = name.partition(".")[0]
    if known or _means_something_else(module, site.node, package):
        return name, None
    return name, _added(module, package, at)


def _top_imports(module: ModuleSyntax) -> Iterator[ast.Import | ast.ImportFrom]:
    return (s for s in module.tree.body if isinstance(s, ast.Import | ast.ImportFrom))


def _bindings(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Qualified names with the local ones that an import binds them to."""
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            if not statement.level and alias.name != "*":
                yield f"{statement.module}.{alias.name}", alias.asname or alias.name
        elif alias.asname:
            yield alias.name, alias.asname
        else:
            package = alias.name.partition(".")[0]
            yield package, package


def _means_something_else(module: ModuleSyntax, node: ast.AST, name: str) -> bool:
    """Whether a name is bound by anything but an import, at the top or around a node."""
    scopes: list[ast.AST] = [s for s in module.tree.body if not _is_scope(s)]
    scopes += [s for s in ast.walk(module.tree) if _is_scope(s) and _around(s, node)]
    defined = {s.name for s in module.tree.body if isinstance(s, Named)}
    return name in defined or any(name in _assigned(scope) for scope in scopes)


Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _is_scope(node: ast.AST) -> bool:
    return isinstance(node, Scope | ast.ClassDef)


def _around(scope: ast.AST, node: ast.AST) -> bool:
    start, end = getattr(scope, "lineno", 0), getattr(scope, "end_lineno", 0) or 0
    return start <= getattr(node, "lineno", 0) <= end


def _assigned(scope: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


def _added(module: ModuleSyntax, package: str, before: int) -> Changes:
    """An import of a package behind the first block of imports."""
    row = 0
    for number, statement in enumerate(module.tree.body):
        is_docstring = number == 0 and ast.get_docstring(module.tree) is not None
        if not isinstance(statement, ast.Import | ast.ImportFrom) and not is_docstring:
            break
        row = statement.end_lineno or statement.lineno
        if row >= before:
            return None
    if row == 0:
        first = first_row(module.tree.body[0])
        return (Change(module, (first, 1), (first, 1), f"import {package}\n"),)
    place = (row, len(module.lines[row - 1]) + 1)
    return (Change(module, place, place, f"\nimport {package}"),)
