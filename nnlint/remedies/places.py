"""Where statements stand, and what the program's names mean there."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from nnlint.semantics.values import Site
from nnlint.syntax.statements import enclosing_statement, enclosing_statements
from nnlint.syntax.walking import walk

_GIVE_BACK = frozenset("to cuda cpu float double half train eval".split())
"""Methods of modules that return the module itself."""
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def block_of(site: Site) -> tuple[list[ast.stmt], int] | None:
    """The block that the statement around a place is part of, and its number there."""
    found = enclosing_statement(site.module, site.node)
    return (found.block, found.block.index(found.node)) if found else None


def stands_alone(call: Site) -> bool:
    """Whether a call is a statement of its own."""
    found = enclosing_statement(call.module, call.node)
    return found is not None and isinstance(found.node, ast.Expr) and found.node.value is call.node


def function_of(site: Site) -> ast.AST | None:
    """The function that a place is in; None at the top of a file."""
    chain = enclosing_statements(site.module, site.node)
    functions = [p.node for p in chain if isinstance(p.node, Function) and p.node is not site.node]
    return functions[-1] if functions else None


def is_in(site: Site, other: Site, function: ast.AST | None = None) -> bool:
    """Whether a place is in the function of another one, so that names mean the same."""
    same = site.module is other.module
    return same and function_of(site) is (function or function_of(other))


def is_dotted(name: str) -> bool:
    """Whether the text is a name or an attribute of one, so that it means the same nearby."""
    return all(part.isidentifier() for part in name.split("."))


def stores(nodes: Sequence[ast.AST], name: str) -> list[ast.AST]:
    """Where nodes give a dotted name, or what it starts with, another value."""
    return [
        inner
        for node in nodes
        for inner in walk(node)
        if isinstance(getattr(inner, "ctx", None), ast.Store | ast.Del)
        and isinstance(inner, ast.Name | ast.Attribute)
        and f"{name}.".startswith(f"{ast.unparse(inner)}.")
    ]


def rebinds(statements: Sequence[ast.stmt], name: str) -> bool:
    """Whether statements give a dotted name, or what it starts with, another value."""
    return bool(stores(statements, name))


def name_at(built: Site, place: Site) -> str:
    """What goes at a place by the name that what is built elsewhere is given, and only that.

    Empty where that cannot be told: on some path to the place the name may mean something
    else, or nothing.
    """
    statement = enclosing_statement(built.module, built.node)
    if built.module is not place.module or statement is None:
        return ""
    if not isinstance(statement.node, ast.Assign) or not _is_made_by(statement.node.value, built):
        return ""
    (target, *others) = statement.node.targets
    name = ast.unparse(target)
    if others or not is_dotted(name):
        return ""
    function = function_of(built)
    own = scope = function or built.module.tree
    if isinstance(target, ast.Name):
        around = [p.node for p in enclosing_statements(place.module, place.node)]
        later = statement.block[statement.block.index(statement.node) + 1 :]
        if function is not function_of(place) or not any(s in around for s in later):
            return ""
    else:
        owner = _class_of(built)
        if not name.startswith("self.") or owner is None or owner is not _class_of(place):
            return ""
        scope = owner
    # what it was before does not matter; what it becomes afterwards, or elsewhere, does
    before = [s for s in stores([own], name) if _row(s) <= _row(statement.node)]
    return name if len(stores([scope], name)) == len(before) else ""


def _is_made_by(value: ast.expr, built: Site) -> bool:
    """Whether a value is what is built, or what a method that gives it back makes of it."""
    while value is not built.node and isinstance(value, ast.Call):
        if not isinstance(value.func, ast.Attribute) or value.func.attr not in _GIVE_BACK:
            return False
        value = value.func.value
    return value is built.node


def _row(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _class_of(site: Site) -> ast.ClassDef | None:
    """The class of the method that a place is in."""
    chain = [p.node for p in enclosing_statements(site.module, site.node)]
    pairs = itertools.pairwise(chain)
    classes = [c for c, f in pairs if isinstance(c, ast.ClassDef) and isinstance(f, Function)]
    return classes[-1] if classes else None
