"""Changes that make layers a part of the module that uses them.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.questions.model.registration import Unregistered, assignments, is_own_attribute
from nnlint.rewriting.changes import Changes, replace, source_text, together
from nnlint.rewriting.imports import reference
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name
from nnlint.syntax.statements import enclosing_statement

_OF_LISTS = frozenset({"append", "extend", "insert"})
_OF_TABLES = frozenset({"items", "keys", "values", "update", "pop", "clear"})
"""Methods that a list or dict has in common with what takes its place."""
_LOOKS = frozenset({"enumerate", "zip", "len", "reversed", "iter", "list", "tuple", "range"})
"""Functions that take a `ModuleList` as they take a list."""


def register_layers(found: Unregistered) -> Changes:
    """Keep layers in a `ModuleList` or `ModuleDict`, which does all that is done with the list.

    None where something is done with it that a container of modules does not do, or where
    something else than layers may be in it.
    """
    places = list(assignments(found.cls, found.attribute))
    table = found.container == "dict"
    if not found.only_modules or len(places) != 1:
        return None
    if not all(_is_usual(found, use) for use in _uses(found)):
        return None
    (place,) = places
    inner = _inner(place, table)
    if inner is None:
        return None
    written, imported = reference(place, f"torch.nn.Module{'Dict' if table else 'List'}")
    return together(replace(place, f"{written}({inner})"), imported)


def _inner(place: Site, table: bool) -> str | None:
    """What the container is made from, as it is written; None where that is not known."""
    match place.node:
        case ast.Call(args=[], keywords=[]) as made if called_name(made) in ("list", "dict"):
            return ""
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Set(elts=[]) | ast.Dict(keys=[]):
            return ""
        case ast.Dict(keys=keys) if table:
            named = all(isinstance(k, ast.Constant) and type(k.value) is str for k in keys)
            return _text(place) if named else None
        case ast.List() | ast.ListComp():
            return _text(place)
        case _:
            # `()` around a tuple are not always a part of it
            return None


def _text(place: Site) -> str | None:
    """The text of an expression, its further lines as deep as if they stood at the margin."""
    statement = enclosing_statement(place.module, place.node)
    depth = statement.node.col_offset if statement else 0
    first, *lines = source_text(place).split("\n")
    if any(line[:depth].strip() for line in lines):
        return None
    return "\n".join([first, *(line[depth:] for line in lines)])


def _uses(found: Unregistered) -> Iterator[tuple[ast.AST, ...]]:
    """Each place of the class where the attribute is read, with the nodes around it, inner first."""
    waiting: list[tuple[ast.AST, ...]] = [(found.cls.node,)]
    for chain in waiting:
        node = chain[0]
        if is_own_attribute(node, found.attribute):
            if isinstance(getattr(node, "ctx", None), ast.Load):
                yield chain
            continue
        waiting += [(child, *chain) for child in ast.iter_child_nodes(node)]


def _is_usual(found: Unregistered, chain: tuple[ast.AST, ...]) -> bool:
    """Whether what is done with the container works with one of modules, too."""
    node, outer, *rest = chain
    table = found.container == "dict"
    match outer:
        case ast.For() | ast.comprehension():
            return outer.iter is node
        case ast.Subscript():
            if table:
                return outer.value is node and _may_be_name(outer.slice)
            return outer.value is node and isinstance(outer.ctx, ast.Load)
        case ast.Attribute() if rest and isinstance(rest[0], ast.Call):
            return outer.attr in (_OF_TABLES if table else _OF_LISTS)
        case ast.Call() if outer.func is not node:
            return called_name(outer) in _LOOKS
        case ast.Starred():
            return True
        case ast.Compare() if table:
            return all(isinstance(op, ast.In | ast.NotIn) for op in outer.ops)
        case _:
            return False


def _may_be_name(key: ast.expr) -> bool:
    """Whether the key of a dict may be a string, which those of a `ModuleDict` have to be."""
    if isinstance(key, ast.Constant):
        return isinstance(key.value, str)
    return not isinstance(key, ast.Tuple)
