"""Sums in which two examples are mixed, as they are written."""

from __future__ import annotations

import ast
from typing import NamedTuple

from nnlint.semantics.library import Entry
from nnlint.syntax.calls import called_name

MIXTURE = Entry("mixture", kind="transform", family="mix", call="function")
"""What such a sum is: a transform that no library has."""
_MOVES = frozenset({"flip", "roll", "index_select", "gather"})
"""Methods that give the examples of a batch in another order."""


class Mixture(NamedTuple):
    """`weight * first + (1 - weight) * other`."""

    first: ast.expr
    weight: ast.expr
    partner: ast.expr | None
    """What says which example each is mixed with, in a batch."""
    of_batch: bool
    """Whether the other is the same batch in another order."""


def mixture_of(node: ast.BinOp) -> Mixture | None:
    """The mixture that a sum is, if its weights are 1 together, or both are of one batch."""
    left, right = _weighted(node.left), _weighted(node.right)
    for weight, one in left:
        for other_weight, other in right:
            for first, second, own in ((one, other, weight), (other, one, other_weight)):
                moved = _same_in_other_order(first, second)
                if moved is not None and _is_plain(own) and _is_plain(first):
                    weights = _of_two(weight, other_weight)
                    return Mixture(first, weights, moved, True)
            if _are_one_together(weight, other_weight) and _is_plain(one) and _is_plain(other):
                return Mixture(one, _of_two(weight, other_weight), None, False)
    return None


def _weighted(node: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """A product as weight and what is weighted, either way round."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [(node.left, node.right), (node.right, node.left)]
    return []


def _of_two(weight: ast.expr, other: ast.expr) -> ast.expr:
    """Of a weight and its complement the one that holds the number."""
    return weight if isinstance(weight, ast.Name | ast.Attribute) else other


def _are_one_together(weight: ast.expr, other: ast.expr) -> bool:
    for one, rest in ((weight, other), (other, weight)):
        match rest:
            case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=right):
                if ast.dump(right) == ast.dump(one):
                    return True
            case _:
                pass
    return False


def _same_in_other_order(first: ast.expr, second: ast.expr) -> ast.expr | None:
    """What puts the examples of one batch into the order of the second."""
    match second:
        case ast.Subscript(value=whole, slice=ast.Tuple(elts=[index, *_]) | index):
            if ast.dump(whole) == ast.dump(first) and not isinstance(index, ast.Slice):
                return index
        case ast.Call(func=ast.Attribute(value=whole), args=[index, *_]):
            if called_name(second) in _MOVES and ast.dump(whole) == ast.dump(first):
                return index
        case _:
            pass
    return None


def _is_plain(node: ast.expr) -> bool:
    """Whether a value can be asked for again: nothing is called for it."""
    match node:
        case ast.Name() | ast.Constant():
            return True
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            return _is_plain(inner)
        case ast.BinOp(left=left, right=right):
            return _is_plain(left) and _is_plain(right)
        case _:
            return False
