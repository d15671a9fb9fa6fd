"""Questions about graphs that are kept behind a backward pass: does anything use them again?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Site
from nnlint.syntax.statements import enclosing_statements

_STATEFUL = re.compile(r"hidden|^state$|_state$|carry|memory|repackage|^h$|^c$", re.IGNORECASE)
_USES_GRAPH = frozenset("autograd jacobian hessian create_graph vjp jvp grad_outputs".split())

_PLAIN = frozenset(
    "item data detach numpy size shape eq argmax time perf_counter len float int next zero_grad".split()
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
    for backward, blocks in program.walk() if program.complete else ():
        if backward.kind != "backward" or not _retains(backward):
            continue
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if loop is None or loop.unrolled or loop.site is None or backward.site.key in seen:
            continue
        if (
            all(_is_same_call(e, backward) for e in loop.events("backward"))
            and _builds_its_graph(_entered(program, blocks), loop, backward)
            and not any(_goes_on(site) for site in _code(loop.site, backward))
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
    own = False
    for event, blocks in around.walk():
        if event is backward:
            return own
        if event.kind not in ("forward", "loss") or not event.grad:
            continue
        if id(event) in inside:
            own = True
        elif (
            event.kind == "forward"
            and not any(b.kind == "loop" and b.events("backward") for b in blocks)
        ) or any(b.kind == "loop" and loop in _loops(b) for b in blocks):
            return False
    return False


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


def _goes_on(code: Site) -> bool:
    """Whether code may go on from an earlier round's tensors, or use a graph in another way."""
    words = code.module.words(code.node)
    named = words.names | words.attributes
    if any(_STATEFUL.search(name) for name in named) or "grad" in words.names:
        return True
    return not _USES_GRAPH.isdisjoint(named) or bool(_carried(code.node))


def _carried(code: ast.AST) -> set[str]:
    """Names that are read before they are set, so that they keep what an earlier round set."""
    stored: set[str] = set()
    read_first: set[str] = set()
    set_to_more: set[str] = set()
    for node in _in_order(code):
        if isinstance(node, ast.AugAssign):
            name = ast.unparse(node.target)
            if not _is_plain(node.value):
                read_first |= {name} - stored
                set_to_more.add(name)
        elif isinstance(node, ast.Assign) and not _is_plain(node.value):
            set_to_more |= {
                ast.unparse(target)
                for whole in node.targets
                for target in getattr(whole, "elts", [whole])
            }
        elif isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            if isinstance(node.ctx, ast.Store):
                stored.add(name)
            else:
                read_first |= {name} - stored
    return stored & read_first & set_to_more


def _is_plain(value: ast.expr) -> bool:
    """Whether a value can't hold a graph: it is a number, a time, data without its graph."""
    return isinstance(value, ast.Constant) or any(
        (isinstance(node, ast.Attribute) and node.attr in _PLAIN)
        or (isinstance(node, ast.Name) and node.id in _PLAIN)
        for node in ast.walk(value)
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
