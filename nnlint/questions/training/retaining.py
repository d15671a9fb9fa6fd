"""Questions about graphs that are kept behind a backward pass: does anything use them again?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import made_within
from nnlint.questions.training.carrying import kept_states
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.timeline import Block, Event, exclusive
from nnlint.semantics.values import (
    MADE,
    Join,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.bindings import bound_names
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statements, function_around
from nnlint.syntax.walking import walk

_STATEFUL = re.compile(
    r"hidden(?!_?(?:size|dim|units))|^state$|_state$|carry|memory|^h$|^c$", re.IGNORECASE
)
_FRESH = re.compile(r"init|reset|zero|repackage|detach", re.IGNORECASE)
"""Names of what makes a state that hangs on no earlier round."""
_CONVERTS = frozenset({"Tensor", "FloatTensor", "tensor", "from_numpy"})
"""Functions that make tensors of what is none yet, and has no graph."""
_USES_GRAPH = frozenset("autograd jacobian hessian create_graph vjp jvp grad_outputs".split())

_PLAIN = frozenset(
    "item data detach repackage_hidden detach_states detach_hidden numpy size shape eq argmax time perf_counter len float int next zero_grad".split()
)
"""Names and methods in an expression whose value has no graph."""


@dataclass(frozen=True, slots=True, eq=False)
class Retained:
    """A backward pass that keeps the graph of its round, which nothing goes through again."""

    backward: Event
    loop: Block


def retained_graphs(program: Program) -> Iterator[Retained]:
    """Backward passes with `retain_graph=True`, alone in a loop that builds a graph each round."""
    seen: set[object] = set()
    # gradients go back through the batches before, in state that a module keeps
    kept = {state.backward.site.key for state in kept_states(program)}
    for backward, blocks in program.walk() if program.complete else ():
        if backward.kind != "backward" or not _retains(backward):
            continue
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if loop is None or loop.unrolled or loop.site is None or backward.site.key in seen:
            continue
        if backward.site.key in kept:
            continue
        if (
            all(_is_same_call(e, backward) for e in loop.events("backward"))
            and _builds_its_graph(_entered(program, blocks), loop, backward)
            and not any(_goes_on(site, backward) for site in _code(loop.site, backward))
            and not _is_needed_behind(loop.site, backward)
        ):
            seen.add(backward.site.key)
            yield Retained(backward, loop)


def _is_same_call(left: Event, right: Event) -> bool:
    """Whether two events are one call, of one of several losses."""
    left_path, right_path = ([s.key for s in (*e.callers, e.site)] for e in (left, right))
    return left_path == right_path


def _retains(backward: Event) -> bool:
    node = backward.site.node
    keywords = node.keywords if isinstance(node, ast.Call) else []
    given = {k.arg: k.value for k in keywords}
    kept = given.get("retain_graph")
    return isinstance(kept, ast.Constant) and kept.value is True and "create_graph" not in given


def _entered(program: Program, blocks: tuple[Block, ...]) -> Block:
    """The function or method through which a place is reached, entered on its own, or all."""
    return next((b for b in blocks if b.kind == "entry"), program.timeline)


def _builds_its_graph(around: Block, loop: Block, backward: Event) -> bool:
    """Whether the forward passes before a backward pass are all in its loop."""
    inside = {id(event) for event, _ in loop.walk()}
    own_arms = next(blocks for event, blocks in around.walk() if event is backward)
    own = False
    for event, blocks in around.walk():
        if event is backward:
            return own
        if event.kind not in ("forward", "loss") or not event.grad:
            continue
        if exclusive(blocks, own_arms) or (event.kind == "forward" and _makes_no_graph(event)):
            continue
        if id(event) in inside:
            own = own or _goes_into(event, loop, backward)
        elif (
            event.kind == "forward"
            and not any(b.kind == "loop" and b.events("backward") for b in blocks)
        ) or any(b.kind == "loop" and loop in _loops(b) for b in blocks):
            return False
    return False


def _goes_into(event: Event, loop: Block, backward: Event) -> bool:
    """Whether the value of a call can be part of a loss, which a loop may also be given."""
    if loop.site is None:
        return True
    around = loop.site
    own = [s for s in (*backward.callers, backward.site) if s.module is around.module]
    call = next((s for s in own if stands_in(s.node, around.node)), None)
    if call is None:
        return True
    if event.kind == "loss" and any(_may_be_shared(v, loop) for v in event.operands[:1]):
        return False
    parts = [part for root in _losses(call.node) for part in _definitions(root, around.node)]
    places = [s.node for s in (event.site, *event.callers) if s.module is around.module]
    return any(stands_in(place, part) for place in places for part in parts)


def _may_be_shared(value: Value, loop: Block) -> bool:
    """Whether a value is computed from something from outside a loop, which may have a graph."""
    waiting: list[Value] = [value]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        tensor = tensor_of(current)
        made = tensor.producer if tensor is not None else None
        given = made.of if isinstance(made, Source) else current if tensor is None else None
        if isinstance(given, Unknown) and _is_from_outside(given, loop):
            return True
        if isinstance(made, Operation | Join) and id(made) not in seen:
            seen.add(id(made))
            waiting += made.inputs
    return False


def _is_from_outside(value: Unknown, loop: Block) -> bool:
    """Whether something unresolved was there before a round of a loop."""
    if value.origin == "call":
        return MADE in value.state and not made_within(value, loop)
    return value.origin != "loop"


def _losses(call: ast.AST) -> list[ast.AST]:
    """What a call that goes back is made on, and what it is given."""
    if not isinstance(call, ast.Call):
        return [call]
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    # a method of the loop's own object may keep the loss there
    return [call] if owner is None or getattr(owner, "id", "") == "self" else [owner, *call.args]


def _definitions(root: ast.AST, loop: ast.AST) -> list[ast.AST]:
    """An expression, and the values that a loop gives the names in it."""
    found, names = [root], _read(root)
    while True:
        before = len(found)
        for node in walk(loop):
            match node:
                case (
                    ast.Assign(targets=targets, value=ast.expr() as value)
                    | ast.AugAssign(target=targets, value=ast.expr() as value)
                    | ast.AnnAssign(target=targets, value=ast.expr() as value)
                    | ast.NamedExpr(target=targets, value=ast.expr() as value)
                    | ast.withitem(optional_vars=targets, context_expr=ast.expr() as value)
                ):
                    bound = [targets] if isinstance(targets, ast.AST) else targets or []
                case ast.For(target=targets, iter=value) if node is not loop:
                    bound = [targets]
                case ast.Call(func=ast.Attribute(value=ast.expr() as owner), args=[_, *_]):
                    # `losses.append(criterion(output))`
                    bound, value = [owner], node
                case _:
                    continue
            if value not in found and any(_read(target) & names for target in bound):
                found.append(value)
                names |= _read(value)
        if len(found) == before:
            return found


def _loops(block: Block) -> list[Block]:
    """The loops in a block, at any depth."""
    found: list[Block] = []
    for child in block.children:
        if isinstance(child, Block):
            found += [child] * (child.kind == "loop") + _loops(child)
    return found


def _code(loop: Site, backward: Event) -> list[Site]:
    """A loop, and the functions through which it gets to a backward pass."""
    places = [loop]
    within = False
    for site in (*backward.callers, backward.site):
        chain = [placed.node for placed in enclosing_statements(site.module, site.node)]
        functions = [node for node in chain if isinstance(node, ast.FunctionDef)]
        if within and functions:
            places.append(Site(site.module, functions[-1]))
        within = within or any(node is loop.node for node in chain)
    return places


def _makes_no_graph(forward: Event) -> bool:
    """Whether a call of something unresolved hands no tensor on: it stands alone, or it builds."""
    call, called = forward.site.node, forward.subject
    around = enclosing_statements(forward.site.module, call)
    statement = around[-1].node if around else None
    if isinstance(statement, ast.Expr) and statement.value is call and not forward.operands:
        return True
    if not isinstance(called, Unknown) or any(isinstance(v, Tensor) for v in forward.operands):
        return False
    # classes are looked up by an option in a table, or in a module: `models.__dict__[arch](…)`
    table = getattr(getattr(call, "func", None), "value", None)
    return called.origin == "option" or getattr(table, "attr", "") == "__dict__"


def _goes_on(code: Site, backward: Event) -> bool:
    """Whether code may go on from an earlier round's tensors, or use a graph in another way."""
    words = code.module.words(code.node)
    named = words.names | words.attributes
    if any(_STATEFUL.search(n) and not _FRESH.search(n) for n in words.attributes):
        return True
    if any(_STATEFUL.search(n) and not _FRESH.search(n) for n in _changed(code.node)):
        return True
    # `autograd.Variable` is an old name for a tensor
    plain = {"autograd"} if "Variable" in named and "grad" not in named else set()
    if "grad" in words.names or not _USES_GRAPH.isdisjoint(named - plain):
        return True
    return bool(_carried(code.node) & _needed(code.node, backward))


def _is_needed_behind(loop: Site, backward: Event) -> bool:
    """Whether what a loop computes goes into another loss behind it: a generator learns from the last
    samples that its critic was trained on."""
    end = getattr(loop.node, "end_lineno", 0)
    around = function_around(loop.module, loop.node) or loop.module.tree
    later = [node for node in walk(around) if getattr(node, "lineno", 0) > end]
    if not any(isinstance(n, ast.Call) and last_name(n.func) == "backward" for n in later):
        return False
    made = _needed(loop.node, backward) & _stored(loop.node)
    return any(
        isinstance(node, ast.Assign) and not _is_plain(node.value) and _read(node.value) & made
        for node in later
    )


def _changed(code: ast.AST) -> set[str]:
    """What is changed in place: its items are set, or its methods are given something."""
    changed: set[str] = set()
    for node in walk(code):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                changed.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=[_, *_]):
                changed.add(name)
    return changed


def _needed(code: ast.AST, backward: Event) -> set[str]:
    """Names that the loss of a backward pass may be computed from, as far as code says."""
    modules = {
        name
        for node in backward.site.module.nodes
        if isinstance(node, ast.Import)
        for name in bound_names(node)
    }
    needed = _read(backward.site.node)
    if not needed & _stored(code):
        return _read(code)
    while True:
        before = len(needed)
        for node in walk(code):
            match node:
                case (
                    ast.Assign(targets=targets, value=value)
                    | ast.AugAssign(target=targets, value=value)
                    | ast.AnnAssign(target=targets, value=value)
                    | ast.NamedExpr(target=targets, value=value)
                    | ast.For(target=targets, iter=value)
                    | ast.withitem(optional_vars=targets, context_expr=value)
                ):
                    pass
                case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute() as owner)):
                    # what an object is given, it may give back
                    targets, value = owner, node
                case _:
                    continue
            if (_read(targets) - modules) & needed:
                needed |= _read(value)
        needed |= _kept(code) if any(name in needed for name in _own_methods(code)) else set()
        if len(needed) == before:
            return needed


def _own_methods(code: ast.AST) -> set[str]:
    """Methods of the same object that code calls: what they read is not seen."""
    return {
        ast.unparse(node.func)
        for node in walk(code)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "self"
    }


def _kept(code: ast.AST) -> set[str]:
    return {name for name in _stored(code) if name.startswith("self.")}


def _read(node: object) -> set[str]:
    """The names and attributes that occur in some code."""
    parts = node if isinstance(node, list) else [node]
    return {
        ast.unparse(inner)
        for part in parts
        if isinstance(part, ast.AST)
        for inner in walk(part)
        if isinstance(inner, ast.Name | ast.Attribute) and getattr(inner, "id", "") != "self"
    }


def _stored(node: ast.AST) -> set[str]:
    return {
        ast.unparse(inner)
        for inner in walk(node)
        if isinstance(inner, ast.Name | ast.Attribute) and isinstance(inner.ctx, ast.Store)
    }


def _carried(code: ast.AST) -> set[str]:
    """Names that are read before they are set, so that they keep what an earlier round set."""
    stored: set[str] = set()
    read_first: set[str] = set()
    set_to_more: set[str] = set()
    no_graph: set[str] = set()
    for node in _in_order(code):
        if isinstance(node, ast.AugAssign):
            name = ast.unparse(node.target)
            if not _is_plain(node.value):
                read_first |= {name} - stored
                set_to_more.add(name)
        elif isinstance(node, ast.Assign):
            targets = {name for target in node.targets for name in _stored(target)}
            if not _is_plain(node.value):
                set_to_more |= targets
            elif targets <= _read(node.value):
                # `states = detach(states)`, before anything else reads them
                no_graph |= targets - read_first
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _CONVERTS:
            no_graph |= {ast.unparse(argument) for argument in node.args}
        elif isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            if isinstance(node.ctx, ast.Store):
                stored.add(name)
            else:
                read_first |= {name} - stored
    return (stored & read_first & set_to_more) - no_graph


def _is_plain(value: ast.expr) -> bool:
    """Whether a value can't hold a graph: it is a number, a time, data without its graph."""
    return isinstance(value, ast.Constant) or any(
        (isinstance(node, ast.Attribute) and node.attr in _PLAIN)
        or (isinstance(node, ast.Name) and node.id in _PLAIN)
        for node in walk(value)
    )


def _in_order(code: ast.AST) -> Iterator[ast.AST]:
    """The nodes of some code in the order in which they are evaluated, values before targets."""
    last = ("target", "targets") if isinstance(code, ast.Assign | ast.AnnAssign) else ("body",)
    fields = sorted(ast.iter_fields(code), key=lambda field: field[0] in last)
    for _, value in fields:
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _in_order(child)
