"""Changes that build once, before a loop, what each of its rounds builds anew."""

from __future__ import annotations

import ast

from nnlint.questions.training.rebuilding import Rebuilt, starts_anew
from nnlint.remedies.places import block_of, is_dotted, is_in, stores
from nnlint.rewriting.changes import Changes, move_before
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, loops_around
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name
from nnlint.syntax.walking import walk

_SAME_EACH_TIME = frozenset({"parameters", "len", "float", "int"})
"""Calls that give the same in every round where what they are given is the same."""


def build_before_loops(program: Program, found: Rebuilt) -> Changes:
    """Build something before the outermost loop of the training that it is built in.

    None where a round of a loop can give it other arguments, or is a training of its own.
    """
    site = found.built.site
    own = block_of(site)
    loop = _outermost(program, found)
    if own is None or loop is None or loop.site is None:
        return None
    statement = own[0][own[1]]
    outer = loop.site
    if not isinstance(statement, ast.Assign) or statement.value is not site.node:
        return None
    (target, *others) = statement.targets
    name = ast.unparse(target)
    if others or not is_dotted(name) or len(stores([outer.node], name)) != 1:
        return None
    return move_before(site, outer) if _is_the_same(statement.value, outer) else None


def _outermost(program: Program, found: Rebuilt) -> Block | None:
    """The outermost loop of one training: the statements of each are in every round of the next."""
    site, own = found.built.site, block_of(found.built.site)
    blocks = next(blocks for event, blocks in program.walk() if event.subject is found.built)
    inner: ast.AST | None = own[0][own[1]] if own else None
    outermost: Block | None = None
    for loop in reversed(loops_around(blocks)):
        if starts_anew(loop):
            break
        if loop.site is None or not is_in(loop.site, site):
            return None
        if all(statement is not inner for statement in getattr(loop.site.node, "body", ())):
            return None
        inner, outermost = loop.site.node, loop
    return outermost


def _is_the_same(call: ast.expr, loop: Site) -> bool:
    """Whether the arguments of a call are the same in every round of a loop."""
    for node in walk(call):
        if isinstance(node, ast.Name | ast.Attribute) and stores([loop.node], ast.unparse(node)):
            return False
        if isinstance(node, ast.Call) and node is not call:
            if called_name(node) not in _SAME_EACH_TIME:
                return False
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.Lambda):
            return False
    return True
