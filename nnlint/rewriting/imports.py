"""How a file can name something of a library, and what it takes to import it."""

from __future__ import annotations

import ast
import functools
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
        if not _means_something_else(tree, site.node, local):
            return local + name[len(full) :], ()
    package = name.partition(".")[0]
    if known or _means_something_else(tree, site.node, package):
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


def _means_something_else(tree: ast.Module, node: ast.AST, name: str) -> bool:
    """Whether a name is bound by anything but an import, at the top or around a node."""
    row = getattr(node, "lineno", 0)
    top, scopes = _bound(tree)
    return name in top or any(name in names for rows, names in scopes if row in rows)


Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.lru_cache(maxsize=8)
def _bound(tree: ast.Module) -> tuple[set[str], list[tuple[range, set[str]]]]:
    """The names that the top of a module binds but by imports, and those that each scope does."""
    top = {s.name for s in tree.body if isinstance(s, Named)}
    scopes: list[tuple[range, set[str]]] = []
    waiting: list[tuple[ast.AST, tuple[set[str], ...]]] = [
        (s, () if isinstance(s, Scope) else (top,)) for s in tree.body
    ]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, Scope):
            own: set[str] = set()
            scopes.append((range(node.lineno, (node.end_lineno or node.lineno) + 1), own))
            around = (*around, own)
        elif isinstance(node, ast.arg) or (
            isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        ):
            for names in around:
                names.add(node.arg if isinstance(node, ast.arg) else node.id)
        waiting += [(child, around) for child in ast.iter_child_nodes(node)]
    return top, scopes
