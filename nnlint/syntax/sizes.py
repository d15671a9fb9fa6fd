"""Whether nothing but its size is read of what an expression gives."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.targets import mentions, only_target
from nnlint.syntax.walking import walk

_MEASURES = frozenset("size shape numel nelement dim ndim".split())
"""What is read of a tensor without its elements."""


def is_only_measured(module: ModuleSyntax, node: ast.AST, function: ast.AST | None) -> bool:
    """Whether nothing but sizes is read of an expression, or of one part of what it gives: where it
    stands, or by the name that it is given.

    Parameters:
        function: where the name is looked for; None for the whole module.
    """
    if _are_measured([node], module.nodes):
        return True
    target = only_target(module, node, _whole_of)
    if target is None:
        return False
    scope = function if function is not None else module.tree
    loads = [n for n in mentions(target, scope) if isinstance(n.ctx, ast.Load)]
    return bool(loads) and _are_measured(loads, walk(scope))


def _whole_of(value: ast.expr) -> ast.expr:
    """What an expression is a part of, by numbers: `model(x)[-1]`."""
    while isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Constant | ast.UnaryOp):
        value = value.value
    return value


def _are_measured(nodes: Sequence[ast.AST], around: Iterable[ast.AST]) -> bool:
    """Whether each of some expressions is read for its size alone, by what stands around."""
    read = [n.value for n in around if isinstance(n, ast.Attribute) and n.attr in _MEASURES]
    measured = {id(_whole_of(value)) for value in read}
    return all(id(node) in measured for node in nodes)
