"""Which sequences come from directory listings, and whether they are put into an order.

Told from the source of one module: variables, attributes of a class, and functions that return
what they list are followed by their names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from nnlint.semantics.records import record
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import (
    class_around,
    enclosing_statements,
    function_around,
    targets_of,
)
from nnlint.syntax.walking import walk

_LISTS = frozenset({"glob", "iglob", "rglob", "listdir", "iterdir", "scandir"})
"""Functions and methods that list a directory, in no fixed order."""
_ORDERS = frozenset({"sorted", "natsorted", "humansorted", "os_sorted", "sort"})
_KEEPS = frozenset(
    "list tuple map filter array asarray enumerate tqdm stack tensor as_tensor from_numpy "
    "FloatTensor LongTensor".split()
)
"""Calls that give the elements of their last argument in its order."""
_CASTS = frozenset({"astype", "float", "long", "to", "copy"})
_DEPTH = 6
_WILD = re.compile(r"[*?\[]")
"""What stands for any name in a pattern."""


@record(frozen=True)
class Listing:
    """A sequence that a directory was listed for."""

    call: ast.Call
    """Where it is listed."""
    origin: ast.AST
    """What tells it from others: the call that gives it in the code that uses it."""
    ordered: bool
    keyed: bool = False
    """Whether it is sorted by something else than the whole names."""


def listing_of(module: ModuleSyntax, node: ast.AST, depth: int = _DEPTH) -> Listing | None:
    """The listing whose elements, or what is made of each, an expression holds in its order; None
    where there is none, or several."""
    if depth == 0:
        return None
    match node:
        case ast.Call():
            return _of_call(module, node, depth)
        case ast.ListComp(generators=[head]) | ast.GeneratorExp(generators=[head]):
            return listing_of(module, head.iter, depth - 1)
        case ast.BinOp(op=ast.Div() | ast.Sub() | ast.Mult(), left=whole):
            return listing_of(module, whole, depth - 1)
        case ast.Subscript(value=whole, slice=ast.Slice(step=None)):
            return listing_of(module, whole, depth - 1)
        case ast.Name() | ast.Attribute(value=ast.Name(id="self")):
            return _of_name(module, node, depth)
        case _:
            return None


def lists_alike(one: ast.Call, two: ast.Call) -> bool:
    """Whether two patterns name one file each in the same folders: `*/left.png` and `*/right.png` go
    over the folders in the same order, whatever it is."""
    first, second = _of_folders(one), _of_folders(two)
    return bool(first) and first == second


def _of_folders(call: ast.Call) -> str:
    """A listing as it is written without the one name that it asks for in each folder; empty where
    names are chosen by a wildcard."""
    texts = [n for n in walk(call) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    last = max(texts, key=_place, default=None)
    if last is None or called_name(call) not in ("glob", "iglob"):
        return ""
    text = str(last.value)
    folder, slash, name = text.rpartition("/")
    if _WILD.search(name) or not any(_WILD.search(str(n.value)) for n in texts):
        return ""
    written = ast.unparse(call)
    head, found, tail = written.rpartition(repr(text)[1:-1])
    return f"{head}{folder}{slash}{tail}" if found else ""


def _of_call(module: ModuleSyntax, call: ast.Call, depth: int) -> Listing | None:
    called = called_name(call)
    if called in _LISTS:
        return Listing(call, call, False)
    if called in _ORDERS and call.args:
        inner = listing_of(module, call.args[0], depth - 1)
        keyed = any(k.arg in ("key", "reverse") for k in call.keywords) or called != "sorted"
        return inner and Listing(inner.call, inner.origin, True, keyed)
    if called in _CASTS and isinstance(call.func, ast.Attribute):
        return listing_of(module, call.func.value, depth - 1)
    if called in _KEEPS and call.args:
        at = -1 if called in ("map", "filter") else 0
        return listing_of(module, call.args[at], depth - 1)
    function = _function_called(module, call)
    if function is None:
        return None
    returned = [n.value for n in _own_nodes(function) if isinstance(n, ast.Return) and n.value]
    inner = listing_of(module, returned[0], depth - 1) if len(returned) == 1 else None
    return inner and Listing(inner.call, call, inner.ordered, inner.keyed)


def _function_called(module: ModuleSyntax, call: ast.Call) -> ast.FunctionDef | None:
    """The function of the module, or method of the class around, that a call calls."""
    match call.func:
        case ast.Name(id=name):
            scope: Sequence[ast.stmt] = module.tree.body
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            around = class_around(module, call)
            scope = around.body if around is not None else ()
        case _:
            return None
    found = [s for s in scope if isinstance(s, ast.FunctionDef) and s.name == name]
    return found[0] if len(found) == 1 else None


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are not in a function inside of it."""
    inner = [n for n in walk(function) if isinstance(n, ast.FunctionDef) and n is not function]
    for node in walk(function):
        if not any(stands_in(node, other) for other in inner):
            yield node


def _of_name(module: ModuleSyntax, node: ast.Name | ast.Attribute, depth: int) -> Listing | None:
    """What a variable holds where it is read, or an attribute after its class has set it."""
    scope = _scope_of(module, node)
    name = last_name(node)
    if scope is None:
        return None
    given: Listing | None = None
    for inner in module.once(_telling, scope):
        if isinstance(node, ast.Name) and _place(inner) >= _place(node):
            # what it becomes later is not read here
            break
        if isinstance(inner, ast.Assign | ast.AnnAssign) and inner.value is not None:
            if any(_is_same(target, node) for target in targets_of(inner)):
                empty = isinstance(inner.value, ast.List) and not inner.value.elts
                given = None if empty else listing_of(module, inner.value, depth - 1)
                if given is None and not empty and isinstance(node, ast.Attribute):
                    return None
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            if inner.func.attr == "shuffle" and any(_is_same(a, node) for a in inner.args):
                return None
            if not _is_same(inner.func.value, node):
                continue
            if inner.func.attr == "sort" and given is not None:
                given = Listing(given.call, given.origin, True, bool(inner.keywords))
            elif inner.func.attr in ("append", "extend"):
                given = _appended(module, inner, depth)
        elif isinstance(inner, ast.For) and isinstance(inner.iter, ast.Tuple | ast.List):
            if any(_is_same(element, node) for element in inner.iter.elts):
                # what the loop does to each of several lists, it does to this one
                return None
    return given if name else None


def _appended(module: ModuleSyntax, call: ast.Call, depth: int) -> Listing | None:
    """The listing that a loop goes over in which a list is filled, or that it is extended by."""
    if called_name(call) == "extend":
        return listing_of(module, call.args[0], depth - 1) if call.args else None
    around = [p.node for p in enclosing_statements(module, call)]
    loops = [n for n in around if isinstance(n, ast.For)]
    return listing_of(module, loops[-1].iter, depth - 1) if loops else None


def _scope_of(module: ModuleSyntax, node: ast.AST) -> ast.AST | None:
    """Where a name gets its value: the function around it, the class of `self`, or the module."""
    if isinstance(node, ast.Attribute):
        return class_around(module, node)
    function = function_around(module, node)
    if function is not None and isinstance(node, ast.Name):
        stored = (n for n in walk(function) if isinstance(n, ast.Name) and n.id == node.id)
        if any(isinstance(n.ctx, ast.Store) for n in stored):
            return function
        arguments = function.args
        if node.id in {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}:
            return None
    return module.tree


def _is_same(target: ast.AST, node: ast.Name | ast.Attribute) -> bool:
    return (
        isinstance(target, ast.Name | ast.Attribute)
        and type(target) is type(node)
        and ast.unparse(target) == ast.unparse(node)
    )


def _telling(module: ModuleSyntax, scope: ast.AST) -> list[ast.AST]:
    """What may tell what a variable of a scope holds, as it is written one after the other."""
    found = [
        n for n in walk(scope) if isinstance(n, ast.Assign | ast.AnnAssign | ast.Call | ast.For)
    ]
    return sorted(found, key=_place)


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
