"""Questions about searches: do logarithms of probabilities choose what a model is run on next?"""

from __future__ import annotations

import ast

from nnlint.semantics.values import Operation
from nnlint.syntax.calls import called_name, first_name, last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import targets_of
from nnlint.syntax.walking import walk

_RANKS = frozenset(
    {"sort", "sorted", "topk", "argsort", "argmax", "max", "nlargest", "msort", "kthvalue"}
)
_ADDS = frozenset({"append", "extend", "add", "put", "push", "heappush"})


def ranks_what_comes_next(logarithm: Operation) -> bool:
    """Whether the rounds of a loop rank what they take the logarithm of, and go on with the best,
    as a beam search does: a probability of zero is then a sequence that is dropped.

    What is ranked and what the best becomes is followed from name to name in the loop.
    """
    node = logarithm.site.node
    whole = logarithm.function.node if logarithm.function else logarithm.site.module.tree
    loops = (n for n in walk(whole) if isinstance(n, ast.For | ast.While))
    return any(_feeds_itself(loop, node) for loop in loops if stands_in(node, loop))


def _feeds_itself(loop: ast.For | ast.While, logarithm: ast.AST) -> bool:
    steps = [step for node in walk(loop) if (step := _step(node)) is not None]
    own = [read for read, _, value in steps if stands_in(logarithm, value)]
    if not own:
        return False
    reached = {n for _, made, value in steps if stands_in(logarithm, value) for n in made}
    ranked = _follow(steps, reached)
    best = {
        name
        for _, made, value in steps
        if any(_ranks(call, ranked | reached, logarithm) for call in walk(value))
        for name in made
    }
    needed = _needed(steps, set().union(*own))
    return not needed.isdisjoint(_follow(steps, best))


Step = tuple[set[str], set[str], ast.expr]
"""The names that a statement reads, those that it makes, and its value."""


def _step(node: ast.AST) -> Step | None:
    match node:
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign() if node.value is not None:
            made = {n for target in targets_of(node) for n in _bound(target)}
            return _names(node.value), made, node.value
        case ast.For(target=target, iter=value):
            return _names(value), set(_bound(target)), value
        case ast.Call(func=ast.Attribute(attr=attr, value=holder), args=[*_, given]):
            made = {first_name(holder)} - {""}
            return (_names(given), made, given) if attr in _ADDS and made else None
        case _:
            return None


def _bound(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Tuple | ast.List | ast.Starred):
        parts = [target.value] if isinstance(target, ast.Starred) else target.elts
        return [name for part in parts for name in _bound(part)]
    name = first_name(target)
    return [name] if name else []


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name)} - {"self", "torch", "F"}


def _follow(steps: list[Step], names: set[str]) -> set[str]:
    """What is made of names, and of what is made of them."""
    return _reached([(read, made) for read, made, _ in steps], names)


def _needed(steps: list[Step], names: set[str]) -> set[str]:
    """What names are made of, and what that is made of."""
    return _reached([(made, read) for read, made, _ in steps], names)


def _reached(leads: list[tuple[set[str], set[str]]], names: set[str]) -> set[str]:
    found, before = set(names), -1
    while len(found) != before:
        before = len(found)
        for start, end in leads:
            if not start.isdisjoint(found):
                found |= end
    return found


def _ranks(call: ast.AST, ranked: set[str], logarithm: ast.AST) -> bool:
    if not isinstance(call, ast.Call) or called_name(call) not in _RANKS:
        return False
    given = [*call.args]
    if isinstance(call.func, ast.Attribute) and last_name(call.func.value) not in (
        "torch",
        "heapq",
    ):
        given.append(call.func.value)
    return any(stands_in(logarithm, g) or not _names(g).isdisjoint(ranked) for g in given)
