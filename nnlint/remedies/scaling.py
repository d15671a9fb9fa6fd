"""Changes after which a gradient scaler's protocol is kept, in the program's own names.

Each returns None where it cannot be told what the names mean there.
"""

from __future__ import annotations

import ast

from nnlint.questions.participants import receiver_text
from nnlint.questions.training.scaling import ScalerMisuse, steps_through_scaler
from nnlint.remedies.places import is_dotted, is_in
from nnlint.rewriting.changes import Changes, insert_after, replace, take_out_of, together
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name
from nnlint.syntax.statements import enclosing_statement, enclosing_statements

_MAY_FOLLOW = frozenset(
    "backward step update unscale_ zero_grad clip_grad_norm_ clip_grad_value_".split()
)
"""Calls behind a backward pass that have no part in what autocast is for."""


def step_through_scaler(program: Program, misuse: ScalerMisuse) -> Changes:
    """`scaler.step(optimizer)` in the place of the optimizer's own step."""
    step, scale = misuse.event.site, misuse.scale.site if misuse.scale else None
    call = step.node
    if scale is None or not isinstance(call, ast.Call) or call.args or call.keywords:
        return None
    scaler, optimizer = receiver_text(scale), receiver_text(step)
    if not (is_dotted(scaler) and is_dotted(optimizer)) or not is_in(scale, step):
        return None
    through = replace(step, f"{scaler}.step({optimizer})")
    updates = program.events("update", "given_up", "opaque")
    if any(e.kind != "opaque" or "update" in e.name.lower() for e in updates):
        return through
    return together(through, insert_after(step, f"{scaler}.update()"))


def update_after(program: Program, misuse: ScalerMisuse) -> Changes:
    """`scaler.update()`, once behind the steps through a scaler that stand in one block."""
    own = enclosing_statement(misuse.event.site.module, misuse.event.site.node)
    scaler = receiver_text(misuse.event.site)
    steps = [e.site for e in program.events("step") if steps_through_scaler(e)]
    around = (enclosing_statement(step.module, step.node) for step in steps)
    places = {id(p.node): p for p in around if p is not None}
    if own is None or not is_dotted(scaler) or len({id(p.block) for p in places.values()}) != 1:
        return None
    last = max(places.values(), key=lambda placed: placed.block.index(placed.node))
    return insert_after(misuse.event.site, f"{scaler}.update()") if last.node is own.node else None


def end_autocast_before(backward: Event) -> Changes:
    """Take a backward pass, and the calls that apply its gradients, out of an autocast block."""
    site = backward.site
    chain = enclosing_statements(site.module, site.node)
    if len(chain) < 2 or not isinstance(around := chain[-2].node, ast.With):
        return None
    if len(around.items) != 1 or "autocast" not in ast.unparse(around.items[0].context_expr):
        return None
    tail = around.body[around.body.index(chain[-1].node) :]
    return take_out_of(site, Site(site.module, around)) if all(map(_may_follow, tail)) else None


def _may_follow(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and called_name(statement.value) in _MAY_FOLLOW
