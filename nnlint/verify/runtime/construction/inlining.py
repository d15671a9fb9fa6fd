"""A class as text that needs torch and the standard library alone, as short as it gets."""

from __future__ import annotations

import ast
import sys
from typing import Union

from ..overlay import source_of
from .slicing import is_main, package_of, slice_module

_KEPT = {"__init__", "forward"}
_STANDARD = getattr(sys, "stdlib_module_names", frozenset({"math", "functools", "itertools"}))
Code = Union[ast.Module, ast.ClassDef]


class NotAlone(Exception):
    """The class needs more than torch; the message says what."""


def inlined(filename: str, name: str) -> str:
    """The source of a class and of what it needs, without documentation and annotations.

    Raises:
        NotAlone: it needs another module than torch's and the standard library's.
    """
    tree = ast.parse(source_of(filename))
    try:
        body = slice_module(tree, name)
    except KeyError:
        raise NotAlone(f"{filename} does not define {name} itself") from None
    module = _Bare().visit(ast.Module(_without_unused_imports(body), []))
    for node in module.body:
        _require_alone(node)
    text = ast.unparse(ast.fix_missing_locations(module))
    return "\n".join(line for line in text.splitlines() if line.strip())


def importable(filename: str) -> bool:
    """Whether importing a file only defines things: a script would train.

    Of a module in a package it is known, since the target was imported from there if that
    works; of another file its top-level statements tell.
    """
    dotted = package_of(filename)[1]
    if "." in dotted:
        return getattr(sys.modules.get(dotted), "__spec__", None) is not None
    body = ast.parse(source_of(filename)).body
    return all(isinstance(s, _DEFINING) or _says_nothing(s) for s in body)


_DEFINING = (
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, or what only runs as a script."""
    if isinstance(statement, ast.If):
        return is_main(statement.test)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _require_alone(node: ast.stmt) -> None:
    named = []
    if isinstance(node, ast.Import):
        named = [a.name for a in node.names]
    elif isinstance(node, ast.ImportFrom):
        named = ["." * node.level + (node.module or "")]
    for full in named:
        top = full.partition(".")[0]
        if top != "torch" and top not in _STANDARD:
            raise NotAlone(f"it imports {full}")


def _without_unused_imports(body: list[ast.stmt]) -> list[ast.stmt]:
    """The slice keeps star imports and futures; bare text needs no future."""
    kept = [n for n in body if not (isinstance(n, ast.ImportFrom) and n.module == "__future__")]
    # `import torch` stands in the script already
    return [n for n in kept if ast.unparse(n) != "import torch"]


class _Bare(ast.NodeTransformer):
    """Takes off what does not change what code does."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        used = set(_KEPT)
        methods = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
        pending = [methods[n] for n in _KEPT if n in methods]
        while pending:
            for inner in ast.walk(pending.pop()):
                if isinstance(inner, ast.Attribute) and inner.attr in methods.keys() - used:
                    used.add(inner.attr)
                    pending.append(methods[inner.attr])
        if "forward" in methods:
            node.body = [
                s for s in node.body if not isinstance(s, ast.FunctionDef) or s.name in used
            ]
        return self._plain(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._plain(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def _plain(self, node: Union[ast.ClassDef, ast.FunctionDef]) -> ast.AST:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node
