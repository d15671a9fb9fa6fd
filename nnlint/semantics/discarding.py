"""Questions about gradients that are computed and thrown away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.participants import covers, held_models, is_optimizer
from nnlint.semantics.stepping import Following, follow
from nnlint.semantics.timeline import Block, Event, innermost_loop
from nnlint.semantics.values import Built, Site, Value
from nnlint.syntax.statements import enclosing_statements

_REPORTS = re.compile(
    r"^(?:add_(?:scalar|histogram|text|figure)|log|print$|info$|debug$|write$|observe$)",
    re.IGNORECASE,
)
"""Calls that show a number to people."""
_USES = frozenset(
    "grad _grad register_hook register_post_accumulate_grad_hook register_full_backward_hook".split()
)
"""Attributes by which a program uses gradients without an optimizer, or steps in a hook."""


@dataclass(frozen=True, slots=True, eq=False)
class Discarded:
    """A backward pass in a loop whose gradients are cleared before anything applies them."""

    backward: Event
    clear: Event
    optimizer: Value


def discarded_gradients(program: Program) -> Iterator[Discarded]:
    """Backward passes of a loop that clears an optimizer's gradients and never steps it."""
    seen: set[object] = set()
    for clear, blocks in program.walk():
        loop = innermost_loop(blocks, "backward") if clear.kind == "zero_grad" else None
        optimizer = _unstepped(program, clear, loop) if loop and loop.known else None
        if loop is None or optimizer is None:
            continue
        states = follow(program, loop, optimizer).before(clear)
        if any(s.kind in ("unknown", "applied") for s in states):
            continue
        # gradients without a backward pass are those that another optimizer has stepped with
        own = [s for s in states if s.kind == "fresh" and s.backward]
        backward = own[0].backward if own else None
        if backward is not None and backward.site.key not in seen and not _are_used(loop):
            seen.add(backward.site.key)
            yield Discarded(backward, clear, optimizer)


def _unstepped(program: Program, clear: Event, loop: Block) -> Value | None:
    """The optimizer whose gradients are cleared, if nothing in the program may step it."""
    holders = [clear.subject] if is_optimizer(clear.subject) else []
    if not holders:
        # an option may choose one of several for the same model
        holders = [
            e.subject
            for e in program.events("build")
            if isinstance(e.subject, Built)
            and is_optimizer(e.subject)
            and _clear(clear, loop, e.subject)
        ]
    steps = program.events("step")
    stepped = any(Following(held, None).may_step(e) for held in holders for e in steps)
    return None if stepped or not holders else holders[0]


def _clear(clear: Event, loop: Block, optimizer: Value) -> bool:
    """Whether a clearing, with others in its loop, clears all that an optimizer holds."""
    models = held_models(optimizer) or ()
    cleared = [e.subject for e in loop.events("zero_grad") if e.name != "grad"]
    return any(covers(clear.subject, model) for model in models) and all(
        any(covers(subject, model) for subject in cleared) for model in models
    )


def _are_used(loop: Block) -> bool:
    """Whether code around a loop looks at gradients itself, or does what can't be followed."""
    sites = [loop.site, *(event.site for event, _ in loop.walk())]
    nodes = {id(n): (site, n) for site in sites if site for n in (_outermost(site),) if n}
    for site, node in nodes.values():
        used = not _USES.isdisjoint(site.module.words(node).attributes)
        if used and not _are_only_reported(node):
            return True
        called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Yield | ast.YieldFrom):
                return True
            # stepped by whoever it is given to, or not called by mistake: another rule's
            named = isinstance(inner, ast.Attribute) and inner.attr == "step"
            if named and id(inner) not in called:
                return True
    return False


def _are_only_reported(function: ast.AST) -> bool:
    """Whether gradients are named only in calls that log them."""
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
    reported = {
        id(inner)
        for call in calls
        if _REPORTS.search(getattr(call.func, "attr", getattr(call.func, "id", "")))
        for argument in (*call.args, *(k.value for k in call.keywords))
        for inner in ast.walk(argument)
    }
    uses = (n for n in ast.walk(function) if _uses_gradients(n))
    return all(id(use) in reported for use in uses)


def _uses_gradients(node: ast.AST) -> bool:
    """Whether an attribute is a tensor's gradient or hook, not `torch.autograd.grad`."""
    if not isinstance(node, ast.Attribute) or node.attr not in _USES:
        return False
    owner = node.value
    named = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return not (node.attr == "grad" and named == "autograd")


def _outermost(site: Site) -> ast.AST | None:
    """The function around a place, or the statement at the top of its module."""
    chain = [placed.node for placed in enclosing_statements(site.module, site.node)]
    functions = [n for n in chain if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return functions[0] if functions else (chain[0] if chain else None)
