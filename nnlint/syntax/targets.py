"""What expressions are bound to, and where that is mentioned: names, attributes and entries."""

from __future__ import annotations

import ast
from collections.abc import Callable

from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

Target = ast.Name | ast.Attribute | ast.Subscript


def only_target(
    module: ModuleSyntax, value: ast.AST, whole: Callable[[ast.expr], ast.expr] = lambda e: e
) -> Target | None:
    """The name, attribute or entry that a statement binds a value to, if it is the whole value
    and bound to nothing else.

    Parameters:
        whole: what an assigned expression stands for: itself, or what it is a part of.
    """
    placed = enclosing_statement(module, value)
    match placed.node if placed else None:
        case (
            ast.Assign(targets=[ast.Name() | ast.Attribute() | ast.Subscript() as target]) as bound
        ):
            return target if whole(bound.value) is value else None
        case _:
            return None


def mentions(target: Target, around: ast.AST) -> list[Target]:
    """Where a target is spelled out in a tree, in the order in which that is written."""
    spelled = ast.unparse(target)
    found = [
        node
        for node in walk(around)
        if isinstance(node, Target) and type(node) is type(target) and ast.unparse(node) == spelled
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))
