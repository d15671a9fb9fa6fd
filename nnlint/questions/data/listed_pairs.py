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
from nnlint.syntax.calls import called_name
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
            case _:
                pass


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
