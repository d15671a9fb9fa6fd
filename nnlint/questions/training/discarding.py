"""Questions about gradients that are computed and thrown away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import held_models, is_optimizer, spoken_name
from nnlint.questions.training.measuring import only_times
from nnlint.questions.training.ownership import Ownership
from nnlint.questions.training.stepping import Following, follow
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.holding import Indexed, covers, distinct
from nnlint.semantics.timeline import Block, Event, innermost_loop
from nnlint.semantics.values import Built, Instance, Site, Value, names_of
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statements
from nnlint.syntax.walking import walk

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
        if backward is None or backward.site.key in seen or only_times(loop, backward):
            continue
        if not _are_used(loop):
            seen.add(backward.site.key)
            yield Discarded(backward, clear, optimizer)


@dataclass(frozen=True, slots=True, eq=False)
class NeverStepped:
    """An optimizer whose model is differentiated in a loop in which only others step."""

    backward: Event
    optimizer: Built
    model: str
    """What the program calls the model."""


def never_stepped(program: Program) -> Iterator[NeverStepped]:
    """Optimizers in sight of everything, beside others that step, and that nothing steps.

    One whose own backward pass is known, since its gradients are cleared before, is left out:
    another pass that goes through its model is not for it.
    """
    if not program.complete or not program.events("backward"):
        return
    owner = program.once(Ownership)
    built = _built_optimizers(program)
    idle = [o for o in _not_stepped(program, built) if _is_idle(program, o)]
    cleared = [found.optimizer for found in discarded_gradients(program)] if idle else []
    idle = [o for o in idle if all(o is not other for other in cleared)]
    for backward, blocks in program.walk() if idle else ():
        loop = innermost_loop(blocks, "step") if backward.kind == "backward" else None
        if loop is None or not loop.known or not backward.grad or _are_used(loop):
            continue
        for optimizer in idle:
            held = held_models(optimizer) or ()
            found = [r for r in owner.reached(backward) if any(covers(m, r.model) for m in held)]
            if found:
                idle.remove(optimizer)
                yield NeverStepped(backward, optimizer, spoken_name(found[0].forward))
                break


def _built_optimizers(program: Program) -> list[Built]:
    return [
        event.subject
        for event in program.events("build")
        if isinstance(event.subject, Built) and is_optimizer(event.subject)
    ]


def _not_stepped(program: Program, optimizers: list[Built]) -> list[Built]:
    """The optimizers of which no model is one that a step updates, or updates perhaps."""
    held = [held_models(event.subject) for event in program.events("step")]
    if not all(held):
        return []
    stepped = Indexed((model, model) for models in held for model in models or ())
    return [
        optimizer
        for optimizer in optimizers
        if not any(stepped.perhaps(model) for model in held_models(optimizer) or ())
    ]


def _is_idle(program: Program, optimizer: Built) -> bool:
    """Whether nothing may step an optimizer, and no other one steps what it holds."""
    held = held_models(optimizer)
    if not held or program.events("fit", "launch", "prepare", "wrap"):
        return False
    for event, _ in program.walk():
        given = (event.subject, *event.operands)
        match event.kind:
            case "step":
                others = held_models(event.subject)
                apart = others and all(distinct(m, n) for m in held for n in others)
                if not apart or Following(optimizer, None).may_step(event):
                    return False
            case "opaque" | "forward" | "returned":
                if any(covers(value, optimizer) for value in given):
                    return False
            case "build" if event.subject is not optimizer:
                scheduler = isinstance(event.subject, Built) and event.subject.entry.kind
                owns = isinstance(event.subject, Instance)
                if scheduler != "scheduler" and not owns:
                    if any(covers(value, optimizer) for value in given):
                        return False
            case _:
                pass
    return not _is_given_away(optimizer)


def _is_given_away(optimizer: Built) -> bool:
    """Whether the function that builds an optimizer returns it, or a class that has it says
    in code that may not have been run that it is stepped."""
    return not optimizer.site.module.once(_given_away, None).isdisjoint(names_of(optimizer))


def _given_away(module: ModuleSyntax, _: None) -> frozenset[str]:
    """The names that a module's functions return, and those that it calls `step` of."""
    names: set[str] = set()
    for node in module.nodes:
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            names.update(words(node.value))
        elif isinstance(node, ast.Attribute) and node.attr == "step":
            names.add(last_name(node.value))
    return frozenset(names)


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
        called = {id(n.func) for n in walk(node) if isinstance(n, ast.Call)}
        for inner in walk(node):
            if isinstance(inner, ast.Yield | ast.YieldFrom):
                return True
            # stepped by whoever it is given to, or not called by mistake: another rule's
            named = isinstance(inner, ast.Attribute) and inner.attr == "step"
            if named and id(inner) not in called:
                return True
    return False


def _are_only_reported(function: ast.AST) -> bool:
    """Whether gradients are named only in calls that log them."""
    calls = [n for n in walk(function) if isinstance(n, ast.Call)]
    reported = {
        id(inner)
        for call in calls
        if _REPORTS.search(called_name(call))
        for argument in (*call.args, *(k.value for k in call.keywords))
        for inner in walk(argument)
    }
    uses = (n for n in walk(function) if _uses_gradients(n))
    return all(id(use) in reported for use in uses)


def _uses_gradients(node: ast.AST) -> bool:
    """Whether an attribute is a tensor's gradient or hook, not `torch.autograd.grad`."""
    if not isinstance(node, ast.Attribute) or node.attr not in _USES:
        return False
    return not (node.attr == "grad" and last_name(node.value) == "autograd")


def _outermost(site: Site) -> ast.AST | None:
    """The function around a place, or the statement at the top of its module."""
    chain = [placed.node for placed in enclosing_statements(site.module, site.node)]
    functions = [n for n in chain if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return functions[0] if functions else (chain[0] if chain else None)
