"""Expressions that take the place of others."""

from __future__ import annotations

from functools import partial

import libcst as cst

from nnlint.finding import Change
from nnlint.rewriting.blocks import Plan
from nnlint.rewriting.tree import Refused, is_expression

ATOMS = (
    cst.Name
    | cst.Attribute
    | cst.Call
    | cst.Subscript
    | cst.BaseNumber
    | cst.SimpleString
    | cst.List
    | cst.Dict
)
"""Expressions that can stand anywhere without brackets."""
SLOTS = (
    cst.Arg
    | cst.AnnAssign
    | cst.Assign
    | cst.AugAssign
    | cst.CompIf
    | cst.Element
    | cst.Expr
    | cst.If
    | cst.Return
    | cst.While
)
"""What an expression can fill whole, so that it needs no brackets there."""


def replace(plan: Plan, change: Change) -> None:
    """An expression, or a statement, in the place of another."""
    (place,), (text,) = change.places, change.texts
    nodes = plan.tree.at(place)
    expression = is_expression(f"({text}\n)")
    for node in nodes:
        if isinstance(node, cst.BaseExpression) and expression:
            _put(plan, node, plan.tree.expression(text))
            return
        if isinstance(node, cst.Assign | cst.AugAssign | cst.AnnAssign) or (
            isinstance(node, cst.Expr) and not expression
        ):
            (line,) = plan.tree.statements([text])
            assert isinstance(line, cst.SimpleStatementLine)
            new = line.body[0].with_changes(semicolon=node.semicolon)
            plan.updates[node].append(partial(_instead, new))
            return
    raise Refused("no expression stands there")


def unwrap(plan: Plan, change: Change) -> None:
    """An argument in the place of the call that takes it."""
    call, argument = (plan.tree.expression_at(place) for place in change.places)
    _put(plan, call, argument)


def _put(plan: Plan, old: cst.BaseExpression, new: cst.BaseExpression) -> None:
    new = in_brackets_of(old, new)
    if not new.lpar and not isinstance(new, ATOMS):
        around = next(plan.tree.enclosing(old))
        if not isinstance(around, SLOTS) or "\n" in cst.Module([]).code_for_node(new):
            new = new.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    plan.updates[old].append(partial(_instead, new))


def in_brackets_of(old: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
    """An expression in the brackets of the one that it replaces."""
    if not old.lpar or new.lpar:
        return new
    inner: cst.BaseExpression = new.with_changes(lpar=old.lpar, rpar=old.rpar)
    return inner


def _instead(new: cst.CSTNode, old: cst.CSTNode) -> cst.CSTNode:
    return new
