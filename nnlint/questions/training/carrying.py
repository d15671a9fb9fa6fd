"""Questions about recurrent state that is carried from batch to batch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event, own_events
from nnlint.semantics.values import Built, Class, Function, Instance, Site
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import Placed, enclosing_statements
from nnlint.syntax.walking import walk

_STATE = re.compile(
    r"hid|state|^h$|^c$|^h_?[nct0]$|^c_?[nt0]$|^hx$|^cx$|^hc$|^hs$|cell|memor|mems|carry|recurrent",
    re.IGNORECASE,
)
_CUTS = frozenset({"detach", "detach_", "data", "no_grad", "item", "numpy"})
_READS = frozenset({"size", "shape", "dim", "mean", "norm", "std", "dtype", "device"})


@dataclass(frozen=True, slots=True, eq=False)
class CarriedState:
    """Recurrent state that goes from one batch into the next with the graph of all before it."""

    forward: Event
    backward: Event
    names: tuple[str, ...]
    """What the program calls the state."""
    statement: Site


def carried_states(program: Program) -> Iterator[CarriedState]:
    """Training passes that take the state of the batch before them, which nothing detaches."""
    seen: set[object] = set()
    places = {id(event): blocks for event, blocks in program.walk()}
    for found in passes(program):
        forward = found.event
        if found.role != "train" or forward.site.key in seen or _detaches(forward):
            continue
        loop, backward = _training_loop(places[id(forward)])
        if loop is None or backward is None:
            continue
        carried = _carried(forward, loop)
        if carried is not None:
            seen.add(forward.site.key)
            yield CarriedState(forward, backward, *carried)


def takes_state_along(loop: Block) -> bool:
    """Whether a pass in a loop is given state that a pass of the round before has left, whether
    or not its graph is cut off."""
    return any(_takes_along(forward) for forward in loop.events("forward"))


def _takes_along(forward: Event) -> bool:
    module, node = forward.site.module, forward.site.node
    if not isinstance(node, ast.Call):
        return False
    chain = enclosing_statements(module, node)
    statement = chain[-1].node if chain else None
    if not isinstance(statement, ast.Assign):
        return False
    given = {name for argument in _arguments(node) for name in _names(argument)}
    return any(n in given and _is_state(n) for t in statement.targets for n in _names(t))


@dataclass(frozen=True, slots=True, eq=False)
class KeptState:
    """Recurrent state that a module keeps on itself, from one training pass to the next."""

    statement: Site
    """Where its `forward` takes the state and puts the new one in its place."""
    name: str
    forward: Event
    backward: Event


def kept_states(program: Program) -> tuple[KeptState, ...]:
    """Recurrent state that modules keep with its graph over the rounds of a training loop."""
    return program.once(_kept_states)


def _kept_states(program: Program) -> tuple[KeptState, ...]:
    kept: list[KeptState] = []
    seen: set[object] = set()
    places = {id(event): blocks for event, blocks in program.walk()}
    for found in passes(program):
        forward, model = found.event, found.event.subject
        if found.role != "train" or not isinstance(model, Instance) or _detaches(forward):
            continue
        loop, backward = _training_loop(places[id(forward)])
        run = model.cls.find("forward")
        if loop is None or loop.site is None or backward is None or not isinstance(run, Function):
            continue
        for statement, name in _taken_and_kept(run):
            site = Site(run.scope.module, statement)
            if site.key not in seen and not _is_set_elsewhere(model.cls, name, statement, loop):
                seen.add(site.key)
                kept.append(KeptState(site, name, forward, backward))
    return tuple(kept)


def _taken_and_kept(run: Function) -> Iterator[tuple[ast.Assign, str]]:
    """The statements of a `forward` that give a call an attribute of the module, and put what it
    returns in its place."""
    own = run.node.args.args[0].arg if run.node.args.args else ""
    for statement in walk(run.node):
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            continue
        if not ast.unparse(statement.value.func).startswith(f"{own}."):
            continue
        given = {name for argument in _arguments(statement.value) for name in _names(argument)}
        for name in (n for target in statement.targets for n in _names(target)):
            if name in given and name.startswith(f"{own}.") and name.count(".") == 1:
                yield statement, name


def _is_set_elsewhere(cls: Class, name: str, statement: ast.Assign, loop: Block) -> bool:
    """Whether something else than a constructor sets an attribute, which may cut its graph."""
    attribute = name.rpartition(".")[2]
    assert loop.site is not None
    constructor = cls.find("__init__")
    apart = [statement, *([constructor.node] if isinstance(constructor, Function) else ())]
    allowed = {id(node) for part in apart for node in walk(part)}
    for module in (cls.scope.module, loop.site.module):
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr == attribute:
                if isinstance(node.ctx, ast.Store) and id(node) not in allowed:
                    return True
            if isinstance(node, ast.Call) and last_name(node.func) in (
                "setattr",
                "repackage_hidden",
            ):
                return True
    return False


def _training_loop(blocks: tuple[Block, ...]) -> tuple[Block | None, Event | None]:
    """The innermost loop around a pass in which gradients are computed, and where."""
    for block in reversed(blocks):
        if block.kind == "loop":
            own = next((e for e in own_events(block) if e.kind == "backward"), None)
            if own is not None:
                return (None if block.unrolled else block), own
            if block.events("backward"):
                return None, None
        if block.kind in ("entry", "call"):
            # its names are not those of whoever calls it
            return None, None
    return None, None


def _detaches(forward: Event) -> bool:
    """Whether the model's own code cuts the graph of something."""
    model = forward.subject
    if isinstance(model, Built):
        return False
    if not isinstance(model, Instance):
        return False
    return any(
        not _CUTS.isdisjoint(method.scope.module.words(method.node).attributes)
        for method in _run_methods(model.cls)
    )


def _run_methods(cls: Class) -> Iterator[Function]:
    """`forward`, and the methods that it calls or names."""
    waiting, seen = ["forward"], {"forward"}
    while waiting:
        method = cls.find(waiting.pop())
        if isinstance(method, Function):
            yield method
            named = method.scope.module.words(method.node).attributes
            waiting += [name for name in named if name not in seen]
            seen |= named


def _carried(forward: Event, loop: Block) -> tuple[tuple[str, ...], Site] | None:
    """The names that a pass takes and gives in one statement, and nothing else in the loop sets."""
    module, node = forward.site.module, forward.site.node
    around = loop.site.node if loop.site and loop.site.module is module else None
    if around is None or not isinstance(node, ast.Call):
        return None
    chain = enclosing_statements(module, node)
    if not _is_within(chain, around):
        return None
    statement = chain[-1].node
    if not isinstance(statement, ast.Assign) or statement.value is not node:
        return None
    given = {name for argument in _arguments(node) for name in _names(argument)}
    names = [n for t in statement.targets for n in _names(t) if n in given and _is_state(n)]
    uses = set(map(id, walk(statement)))
    if not names or any(_is_touched(name, around, uses) for name in names):
        return None
    return tuple(dict.fromkeys(names)), Site(module, statement)


def _is_within(chain: list[Placed], loop: ast.AST) -> bool:
    """Whether a statement is in a loop's body, and in no function within it."""
    nodes = [placed.node for placed in chain]
    if loop not in nodes:
        return False
    inner = nodes[nodes.index(loop) :]
    return not any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in inner)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(k.value for k in call.keywords)]


def _names(node: ast.expr) -> Iterator[str]:
    """The variables and attributes that an expression is, or a tuple of them."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _names(element)
        case ast.Name() | ast.Attribute():
            yield ast.unparse(node)


def _is_state(name: str) -> bool:
    return bool(_STATE.search(name.rpartition(".")[2]))


def _is_touched(name: str, loop: ast.AST, own: set[int]) -> bool:
    """Whether something else in the loop sets a variable, or takes it and may detach it."""
    parents = {id(c): n for n in walk(loop) for c in ast.iter_child_nodes(n)}
    for node in walk(loop):
        if id(node) in own or not isinstance(node, ast.Name | ast.Attribute):
            continue
        if ast.unparse(node) != name:
            continue
        if not _only_reads(parents.get(id(node)), parents):
            return True
    return False


def _only_reads(parent: ast.AST | None, parents: dict[int, ast.AST]) -> bool:
    """Whether a variable is only asked for its size, its type, or whether there is one."""
    match parent:
        case ast.Attribute(attr=name):
            return name in _READS
        case ast.Call(func=ast.Name(id="isinstance" | "len")):
            return True
        case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
            return not isinstance(parents.get(id(parent)), ast.IfExp)
    return False
