"""Training loops that draw batches and train on something else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.telling import MOVES
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk

_SIZES = frozenset({"shape", "size", "dtype", "device", "ndim", "numel"})
"""What is asked of a batch by which its examples are not used."""


_MADE_UP = re.compile(r"dummy|fake|synthetic|placeholder|warm_?up", re.IGNORECASE)
"""Names of batches that are made up to see whether, or how fast, something runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Unused:
    """A loop over batches in which a model is trained on something else."""

    call: Site
    """Where the model is given what it is trained on."""
    loop: Site
    batch: tuple[str, ...]
    """What a batch, or its parts, are called."""
    instead: tuple[str, ...]
    """What the model is given: names from before the loop."""


def unused_batches(program: Program) -> Iterator[Unused]:
    """Loops over data that train, and in which nothing is made of the batches but their sizes."""
    if not program.trains:
        return
    for loop in _training_loops(program.timeline):
        site = loop.site
        if site is None or not isinstance(site.node, ast.For) or not goes_over_data(loop):
            continue
        batch = _names_of_batch(site.node)
        if not batch or _is_used(site.node, batch):
            continue
        given = _given_from_before(program, loop, site)
        if given is not None:
            yield Unused(given[0], Site(site.module, site.node.iter), batch, given[1])


def _training_loops(block: Block) -> Iterator[Block]:
    """The innermost loops in which a model is trained."""
    for child in block.children:
        if not isinstance(child, Block):
            continue
        inner = list(_training_loops(child))
        trains = bool(child.events("backward")) and bool(child.events("step"))
        if child.kind == "loop" and not child.unrolled and not inner and trains:
            yield child
        yield from inner


def _names_of_batch(loop: ast.For) -> tuple[str, ...]:
    """What the elements that a loop draws are called; none where one is not to be used."""
    target = loop.target
    if called_name(loop.iter) in ("range", "trange"):
        # rounds are counted, and no batch is drawn
        return ()
    counted = isinstance(loop.iter, ast.Call) and any(
        last_name(c.func) == "enumerate" for c in walk(loop.iter) if isinstance(c, ast.Call)
    )
    if counted:
        known = isinstance(target, ast.Tuple) and len(target.elts) == 2
        target = target.elts[1] if known and isinstance(target, ast.Tuple) else ast.Tuple([])
    names = tuple(n.id for n in walk(target) if isinstance(n, ast.Name))
    return () if all(name.startswith("_") for name in names) else names


def _is_used(loop: ast.For, batch: tuple[str, ...]) -> bool:
    """Whether anything is made of a batch but its sizes, and other names for it."""
    names = set(batch)
    moved: set[ast.AST] = set()
    body = [node for statement in loop.body for node in walk(statement)]
    for node in body:
        # in the order of the walk, so that what a name is given to comes behind it
        if isinstance(node, ast.Assign) and _only_moves(node.value, names):
            moved.update(walk(node.value))
            names.update(n.id for t in node.targets for n in walk(t) if isinstance(n, ast.Name))
        elif isinstance(node, ast.Attribute) and node.attr in _SIZES:
            moved.add(node.value)
        elif isinstance(node, ast.Call) and last_name(node.func) == "len":
            moved.update(node.args)
    return any(
        isinstance(node, ast.Name)
        and node.id in names
        and isinstance(node.ctx, ast.Load)
        and node not in moved
        for node in body
    )


def _only_moves(value: ast.expr, names: set[str]) -> bool:
    """Whether a value is a batch, a part of it, or one that is moved or cast."""
    match value:
        case ast.Name(id=name):
            return name in names
        case ast.Tuple(elts=parts):
            return all(_only_moves(part, names) for part in parts)
        case ast.Subscript(value=inner) | ast.Attribute(value=inner):
            return _only_moves(inner, names)
        case ast.Call(func=ast.Attribute(value=inner)):
            return _only_moves(inner, names)
        case ast.Call(func=ast.Name(id="Variable"), args=[inner, *_]):
            return _only_moves(inner, names)
        case _:
            return False


def _given_from_before(
    program: Program, loop: Block, site: Site
) -> tuple[Site, tuple[str, ...]] | None:
    """The first call of a model in a loop, and what it is given, where each is given what was
    there before the loop."""
    within = {n.id for n in walk(site.node) if isinstance(n, ast.Name) and _is_bound(n)}
    events = program.events()
    first: tuple[Site, tuple[str, ...]] | None = None
    for event in loop.events("forward"):
        if not event.grad or not is_model(event.subject, events):
            continue
        call = _call_in(event, site)
        names = _arguments(call.node, within) if call is not None else ()
        if call is None or not names or any(map(_MADE_UP.search, names)):
            return None
        first = first or (call, names)
    return first


def _is_bound(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store | ast.Del)


def _call_in(event: Event, loop: Site) -> Site | None:
    """The call in the body of a loop by which it comes to an event."""
    return next(
        (
            place
            for place in (*event.callers, event.site)
            if place.module is loop.module and stands_in(place.node, loop.node)
        ),
        None,
    )


def _arguments(call: ast.AST, within: set[str]) -> tuple[str, ...]:
    """What a call is given, by name; nothing where some of it may be made in the loop."""
    if not isinstance(call, ast.Call):
        return ()
    given = [*call.args, *(k.value for k in call.keywords)]
    names: list[str] = []
    for argument in given:
        inner = _unmoved(argument.value if isinstance(argument, ast.Starred) else argument)
        parts = walk(inner)
        if any(isinstance(n, ast.Call | ast.Subscript | ast.Lambda) for n in parts):
            return ()
        if any(isinstance(n, ast.Name) and n.id in within for n in parts):
            return ()
        if isinstance(inner, ast.Name | ast.Attribute):
            names.append(ast.unparse(inner))
    return tuple(names)


def _unmoved(node: ast.expr) -> ast.expr:
    """What is moved, cast or cut at a place that is written down."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in MOVES:
            return _unmoved(inner)
        case ast.Subscript(value=inner, slice=index):
            written = not any(isinstance(n, ast.Name | ast.Call) for n in walk(index))
            return _unmoved(inner) if written else node
        case _:
            return node
