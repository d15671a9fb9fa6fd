"""Inputs and targets that are paired by their places in two directory listings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from nnlint.questions.data.partners import belong_together, name_of
from nnlint.questions.data.splits import words_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.listings import Listing, listing_of, lists_alike
from nnlint.semantics.values import Site
from nnlint.syntax.calls import argument_of, called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_PAIRS = frozenset({"zip", "TensorDataset", "train_test_split", "StackDataset"})
"""Calls that take what belongs together, element by element."""
_FRAMES = frozenset({"DataFrame", "from_dict"})


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Two listings whose elements are taken for pairs, though one of them has no order."""

    unordered: tuple[Site, ...]
    """The listings that have no order."""
    other: Site
    pairing: Site
    """Where their elements are paired."""
    names: tuple[str, str]
    mendable: bool
    """Whether they are in one order once these are sorted."""


def pairs_without_order(program: Program) -> Iterator[Listed]:
    """Pairs by position of listings that are not both sorted."""
    yield from program.module.once(_in_module, None)


def _in_module(module: ModuleSyntax, _: None) -> list[Listed]:
    return list(_told_once(module))


def _told_once(module: ModuleSyntax) -> Iterator[Listed]:
    told: set[int] = set()
    for pairing, parts in _pairings(module):
        known = [(node, listing) for node in parts if (listing := listing_of(module, node))]
        for (one, first), (two, second) in combinations(known, 2):
            if first.origin is second.origin or (first.ordered and second.ordered):
                continue
            if first.ordered == second.ordered and lists_alike(first.call, second.call):
                continue
            loose = [found.call for found in (first, second) if not found.ordered]
            if any(id(call) in told for call in loose) or not _belong(one, two, first, second):
                continue
            if _is_checked(module, pairing):
                continue
            told.update(map(id, loose))
            sites = {id(call): Site(module, call) for call in loose}
            scanned = any(called_name(call) == "scandir" for call in loose)
            yield Listed(
                tuple(sites.values()),
                Site(module, second.call),
                Site(module, pairing),
                (ast.unparse(one), ast.unparse(two)),
                not (first.keyed or second.keyed or scanned),
            )


def _is_checked(module: ModuleSyntax, pairing: ast.AST) -> bool:
    """Whether a function stops where two names that it pairs differ."""
    around = function_around(module, pairing)
    tests = [n.test for n in walk(around) if isinstance(n, ast.Assert)] if around else []
    return any(
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Eq)
        and called_name(test.left) != "len"
        and not isinstance(test.comparators[0], ast.Constant)
        for test in tests
    )


def _pairings(module: ModuleSyntax) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """Where things are taken for pairs by their position, and what."""
    for node in module.nodes:
        match node:
            case ast.Call(args=given) if called_name(node) in _PAIRS and len(given) > 1:
                yield node, [a for a in given if not isinstance(a, ast.Starred)]
            case ast.Call(args=[ast.Dict(values=given), *_]) if called_name(node) in _FRAMES:
                yield node, given
            case ast.FunctionDef():
                yield from _indexed_alike(node)
            case ast.ClassDef():
                yield from _given_to_pairing_class(module, node)
            case _:
                pass


def _given_to_pairing_class(
    module: ModuleSyntax, cls: ast.ClassDef
) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """What a class is built with that keeps both as they are, and takes one sample from them."""
    methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
    start, sample = methods.get("__init__"), methods.get("__getitem__")
    if start is None or sample is None or any(map(_may_sort, walk(start))):
        return
    positions = {p.arg: i for i, p in enumerate(start.args.args[1:])}
    kept = _kept_parameters(start)
    for pairing, indexed in _indexed_alike(sample):
        if _is_checked(module, pairing):
            continue
        names = [kept[n.attr] for n in indexed if isinstance(n, ast.Attribute) and n.attr in kept]
        for call in module.nodes:
            if type(call) is ast.Call and last_name(call.func) == cls.name:
                given = [argument_of(call, n, positions[n]) for n in names if n in positions]
                yield call, [node for node in dict.fromkeys(given) if node is not None]


def _may_sort(node: ast.AST) -> bool:
    """Whether a statement is a call that may bring what it is made on into another order."""
    called = called_name(node.value) if isinstance(node, ast.Expr) else ""
    return called not in ("", "__init__", "print")


def _kept_parameters(start: ast.FunctionDef) -> dict[str, str]:
    """For each attribute that is a parameter as it was given, and nothing else, that parameter."""
    kept: dict[str, str] = {}
    written: list[str] = []
    for node in walk(start):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            left = target.elts if isinstance(target, ast.Tuple) else [target]
            right = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            written += [name for part in left if (name := last_name(part))]
            if len(left) == len(right):
                for one, other in zip(left, right, strict=True):
                    if isinstance(one, ast.Attribute) and isinstance(other, ast.Name):
                        kept[one.attr] = other.id
    # what is written twice, or sorted before it is kept, may be in another order
    return {
        name: given
        for name, given in kept.items()
        if written.count(name) == 1 and (name == given or given not in written)
    }


def _indexed_alike(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """What a function takes elements of by one and the same index."""
    by_index: dict[str, list[ast.Subscript]] = {}
    for node in walk(function):
        if type(node) is not ast.Subscript:
            continue
        match node:
            case ast.Subscript(
                value=ast.Name() | ast.Attribute(value=ast.Name(id="self")),
                slice=ast.Name(id=index),
                ctx=ast.Load(),
            ):
                by_index.setdefault(index, []).append(node)
            case _:
                pass
    for found in by_index.values():
        if len({ast.unparse(n.value) for n in found}) > 1:
            yield found[-1], [n.value for n in found]


def _belong(one: ast.expr, two: ast.expr, first: Listing, second: Listing) -> bool:
    """Whether one is the input of the other, by their names or those of their folders."""
    if belong_together(name_of(one), name_of(two)):
        return True
    listed = [_words(one, first), _words(two, second)]
    both = listed[0] & listed[1]
    return belong_together(*(" ".join(words - both) for words in listed))


def _words(node: ast.expr, listing: Listing) -> set[str]:
    """The words of what is listed, and of what it is put into."""
    found: set[str] = set()
    inside = (*walk(node), *walk(listing.call), *walk(listing.origin))
    calls = [n.func for n in inside if isinstance(n, ast.Call)]
    # what is called says nothing of what is listed, nor does its module
    skipped = {
        *calls,
        *(c.value for c in calls if isinstance(c, ast.Attribute) and _is_name(c.value)),
    }
    for inner in inside:
        if inner in skipped:
            continue
        text = getattr(inner, "value", None) if isinstance(inner, ast.Constant) else name_of(inner)
        found.update(words_of(text) if isinstance(text, str) else ())
    return found


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)
