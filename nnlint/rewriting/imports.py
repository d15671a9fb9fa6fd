"""How a file can name something of a library, and what it takes to import it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.rewriting.changes import Changes, Site, add_import


def reference(site: Site, name: str) -> tuple[str, Changes]:
    """What to write at a place for a qualified name, with the import that it needs, if any.

    Uses the file's own imports and aliases. The changes are None when the name that it
    would go by means something else there.

    Parameters:
        name: such as `torch.manual_seed`.
    """
    tree = site.module.tree
    at = getattr(site.node, "lineno", 1)
    known = [
        (full, local)
        for statement in _top_imports(tree)
        if (statement.end_lineno or 0) < at
        for full, local in _bindings(statement)
        if name == full or name.startswith(f"{full}.")
    ]
    for full, local in sorted(known, reverse=True):
        if not _means_something_else(site, local):
            return local + name[len(full) :], ()
    package = name.partition(".")[0]
    if known or _means_something_else(site, package):
        return name, None
    return name, add_import(site, package)


def _top_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    return (s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom))


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


def _means_something_else(site: Site, name: str) -> bool:
    """Whether a name is bound by anything but an import, at the top or around a place."""
    tree = site.module.tree
    scopes: list[ast.AST] = [s for s in tree.body if not _is_scope(s)]
    scopes += [s for s in site.module.nodes if _is_scope(s) and _around(s, site.node)]
    defined = {s.name for s in tree.body if isinstance(s, Named)}
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
