"""Questions about autograd graphs: which does a program keep alive for nothing?"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import is_array, tensor_of
from nnlint.semantics.sums import arithmetic, components
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    ARGUMENTS,
    Choice,
    Constant,
    Items,
    Join,
    Maybe,
    Operation,
    Site,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.statements import enclosing_statements, targets_of
from nnlint.syntax.walking import walk

MOST = 300
"""Values that are looked at behind one."""
CUTS = frozenset({"detach", "item"})
"""Families of operations whose result has no graph."""
TOTALS = frozenset({"torch.sum", "torch.mean", "torch.neg"})
"""Operations of one tensor whose result has the graph of all of it."""
COLLECTS = frozenset({"cat", "stack"})
_LOSS = re.compile(r"loss|cost|criterion|objective|nll|crit\b|ce$|bce|elbo|err", re.IGNORECASE)

_STEP = re.compile(r"^(?!.*(epoch|loop)).*(^|_)(step|batch|iteration|iter)(_|$)", re.IGNORECASE)
"""Names of functions that are called for each batch: what they sum up is gone after it."""

_DATA = re.compile(r"load|data|batch|(^|_)dl($|_)|iter|train|set$", re.IGNORECASE)
_CONTAINERS = frozenset({"dict", "list", "defaultdict", "OrderedDict", "Counter"})
_COUNTING = frozenset({"enumerate", "tqdm", "islice", "track", "zip", "trange"})


@dataclass(frozen=True, slots=True, eq=False)
class KeptGraph:
    """A loss that is summed up or collected with its graph."""

    site: Site
    """Where it is: in the training loop itself, or a call there that does it."""
    gather: Event
    backward: Event
    """Where its gradients are computed: nothing needs the graph after that."""


def kept_graphs(program: Program) -> Iterator[KeptGraph]:
    """Losses that are backpropagated, and then added to a sum or list with their graphs."""
    placed = [
        (e, b) for e, b in program.walk() if e.kind in ("backward", "returned_loss", "gather")
    ]
    backwards = [(e, b) for e, b in placed if e.kind != "gather" and not _retains(e)]
    seen: set[object] = set()
    starts = _Starts(e for e, _ in placed if e.kind != "gather") if backwards else None
    resets = _Resets()
    hanging = _Hanging(e for e, _ in backwards)
    for event, blocks in placed if starts else ():
        if event.kind != "gather" or not event.grad or event.site.key in seen:
            continue
        if any(map(_keeps_few, event.operands)) or _may_add_its_own_way(event.site):
            continue
        if starts is None or starts.include(event):
            continue
        for number in hanging.with_graph_of(event):
            backward, around = backwards[number]
            # without the option, what is added here has not been backpropagated
            optional = set(backward.conditions) - set(event.conditions)
            if off_by_default(optional):
                continue
            site = _place(event, blocks, around, resets)
            if site is not None and site.module is program.module:
                seen.add(event.site.key)
                yield KeptGraph(site, event, backward)
                break


def _keeps_few(collection: Value) -> bool:
    """Whether what a loss is added to keeps so many at most, as `deque(maxlen=100)`, or no
    graph, as an array of numpy."""
    if isinstance(collection, Tensor):
        return _is_array_sum(collection)
    if not isinstance(collection, Unknown) or collection.name.rpartition(".")[2] != "deque":
        return False
    return any(
        isinstance(v, Constant) and v.value is not None for v in collection.state.get(ARGUMENTS, ())
    )


def _is_array_sum(total: Tensor, depth: int = 8) -> bool:
    """Whether a running sum begins with an array, to which no tensor with a graph is added."""
    producer = total.producer
    if is_array(total):
        return True
    if depth == 0 or not isinstance(producer, Operation | Join):
        return False
    # the sum so far, or what it may be
    sums = producer.inputs if isinstance(producer, Join) else producer.inputs[:1]
    return any(_is_array_sum(one, depth - 1) for one in sums)


def _may_add_its_own_way(place: Site) -> bool:
    """Whether what a container holds may be of a class whose own `+=` says what is kept."""
    node = place.node
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.left, ast.Subscript)
        and any(
            isinstance(inner, ast.FunctionDef) and inner.name == "__iadd__"
            for inner in place.module.nodes
        )
    )


def _losses(backward: Event) -> tuple[Value, ...]:
    """What a backward pass starts from: `loss.backward()`, `accelerator.backward(loss)`."""
    given = (backward.subject, *backward.operands)
    values = [v.state.get("loss") if isinstance(v, Table) else v for v in given]
    return tuple(v for v in values if isinstance(v, Value) and not isinstance(v, Constant))


def _retains(backward: Event) -> bool:
    call = backward.site.node
    return isinstance(call, ast.Call) and any(
        k.arg in ("retain_graph", "create_graph") for k in call.keywords
    )


class _Hanging:
    """The graphs that backward passes have gone through, found by what hangs on them."""

    def __init__(self, backwards: Iterable[Event]) -> None:
        self._of: dict[int, list[int]] = {}
        self._kept: list[Value] = []
        """What keeps identities from being those of something else later."""
        for number, backward in enumerate(backwards):
            for loss in _losses(backward):
                parts = [*_scaled(loss)]
                self._kept += parts
                for part in parts:
                    if part is parts[0] or _has_graph(part):
                        self._of.setdefault(id(part), []).append(number)

    def with_graph_of(self, gather: Event) -> list[int]:
        """The numbers of the backward passes through the graph of what is added, in order."""
        assert gather.subject is not None
        added = [*_scaled(gather.subject)]
        return sorted({number for part in added for number in self._of.get(id(part), ())})


def _has_graph(part: Value) -> bool:
    """Whether a part of a loss is certainly a tensor with a graph, not a number or a target."""
    if isinstance(part, Tensor) and isinstance(part.producer, Operation):
        return part.producer.grad and part.producer.entry.family not in CUTS
    named = part.producer if isinstance(part, Tensor) else part
    return bool(_LOSS.search(getattr(named, "name", "")))


def _scaled(value: Value) -> Iterator[Value]:
    """The tensors that a value is a multiple, sum or mean of, itself included."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        current = waiting.pop()
        tensor = tensor_of(current) if not isinstance(current, Choice | Maybe) else None
        known = tensor or current
        if id(known) in seen or len(seen) > MOST or isinstance(known, Constant):
            continue
        seen.add(id(known))
        if not isinstance(known, Unknown) or known.origin in ("call", "", "attribute", "loop"):
            yield known
        waiting += reversed(_summands(known))


def _summands(value: Value) -> list[Value]:
    """What a value is directly a multiple, sum or mean of."""
    operator, operands = arithmetic(value)
    if isinstance(value, Tensor):
        operands = tuple(v for v in operands if not isinstance(v, Constant))
    if operator in ("+", "-"):
        return list(operands)
    if operator in ("*", "/") or (operator and isinstance(value, Tensor)):
        return _scaled_factor(operands, operator)
    match value:
        case Choice() | Maybe() | Tensor(producer=Join()):
            return list(components(value) or ())
        case Tensor(producer=Operation() as operation) if operation.entry.name in TOTALS:
            given = [v for v in operation.arguments.values() if not isinstance(v, Constant)]
            return given[:2]
        case _:
            return []


def _scaled_factor(operands: list[Value] | tuple[Value, ...], operator: str) -> list[Value]:
    """The factor that is the loss: the dividend, the only tensor, or what is called a loss."""
    if operator == "/":
        return list(operands[:1])
    tensors = [v for v in operands if isinstance(v, Tensor)]
    if len(tensors) == 1:
        return list(tensors)
    unknown = [v for v in operands if isinstance(v, Unknown)]
    called = [v for v in unknown if _LOSS.search(v.name)]
    return [*tensors, *(unknown if len(unknown) == len(operands) == 1 else called)]


class _Starts:
    """What backward passes start from, and what that is computed from."""

    def __init__(self, backwards: Iterable[Event]) -> None:
        self._parts: dict[int, Value] = {}
        self._collected: dict[int, Value] = {}
        """What lists hold that are put together on the way."""
        looked_at: set[int] = set()
        for backward in backwards:
            for loss in _losses(backward):
                if id(loss) not in looked_at:
                    looked_at.add(id(loss))
                    self._look_behind(loss)

    def _look_behind(self, loss: Value) -> None:
        waiting, seen = deque([loss]), set[int]()
        while waiting and len(seen) <= MOST:
            current = waiting.popleft()
            chosen = isinstance(current, Choice | Maybe)
            known = current if chosen else tensor_of(current) or current
            if id(known) in seen:
                continue
            seen.add(id(known))
            self._parts[id(known)] = known
            producer = known.producer if isinstance(known, Tensor) else None
            if isinstance(producer, Operation) and producer.entry.family in COLLECTS:
                collected = (tensor_of(v) or v for v in producer.inputs)
                self._collected.update((id(v), v) for v in collected)
            waiting += _parts(known)

    def include(self, gather: Event) -> bool:
        """Whether a backward pass starts from the sum or list that something is added to."""
        total = gather.operands[0]
        total = tensor_of(total) or total
        if id(total) in self._parts:
            return True
        if not isinstance(total, Items) or gather.subject is None:
            return False
        return any(id(v) in self._collected for v in [*_scaled(gather.subject)])


def _parts(value: Value) -> list[Value]:
    """What a value is computed from, as far as gradients flow."""
    match value:
        case Tensor(producer=Operation() as operation) if operation.entry.family not in CUTS:
            return [*operation.inputs, *operation.arguments.values()]
        case Tensor(producer=Source()):
            return []
        case Unknown():
            return [v for v in value.state.get(ARGUMENTS, ()) if isinstance(v, Value)]
        case _:
            return list(components(value) or ())


def _place(
    gather: Event, blocks: tuple[Block, ...], around: tuple[Block, ...], resets: _Resets
) -> Site | None:
    """Where a loop that also has the backward pass adds to what outlives its rounds.

    None where there is no such loop, or where each round has a sum of its own.
    """
    shared = [a for a, b in zip(blocks, around, strict=False) if a is b]
    loops = [i for i, b in enumerate(shared) if b.kind == "loop"]
    if not loops:
        return None
    # parts of one batch are backpropagated in a loop of their own, inside of that of the steps
    at = next((i for i in reversed(loops) if shared[i].events("step")), loops[-1])
    loop = shared[at]
    target = _target(gather.site.node)
    inner = [b for b in blocks[at + 1 :] if b.kind == "call" and b.site is not None]
    if target is None or (inner and not _outlives(target, gather)):
        return None
    if loop.site is None or resets.include(loop.site.node, ast.unparse(target)):
        return None
    if isinstance(target, ast.Name) and not _goes_over_data(loop.site.node):
        function = _function_around(gather.site)
        if function is not None and _STEP.search(function.name):
            return None
    if _is_one_batch(shared[:at], loop.site.node, ast.unparse(target), resets):
        return None
    apart = [b for b in blocks[len(shared) :] if b.kind == "call" and b.site is not None]
    return apart[0].site if apart else gather.site


def _is_one_batch(around: Sequence[Block], loop: ast.AST, name: str, resets: _Resets) -> bool:
    """Whether a loop repeats steps on one batch, and the next batch begins the sum anew."""
    return not _goes_over_data(loop) and any(
        block.kind == "loop"
        and block.site is not None
        and _goes_over_data(block.site.node)
        and resets.include(block.site.node, name)
        for block in around
    )


def _goes_over_data(loop: ast.AST) -> bool:
    """Whether a loop goes over batches, by what it is written to go over."""
    subject = getattr(loop, "iter", None)
    while isinstance(subject, ast.Call) and called_name(subject) in _COUNTING and subject.args:
        subject = subject.args[0]
    name = called_name(subject) if isinstance(subject, ast.Call) else last_name(subject)
    return bool(_DATA.search(name))


def _function_around(place: Site) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function in which a place is, whose variables live for one call."""
    chain = [placed.node for placed in enclosing_statements(place.module, place.node)]
    around = [n for n in chain if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return around[-1] if around else None


def _target(node: ast.AST) -> ast.expr | None:
    """The sum or list that a statement or call adds to."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value
    return node.left if isinstance(node, ast.BinOp) else None


def _outlives(target: ast.expr, gather: Event) -> bool:
    """Whether a sum or list lives longer than one call of the function that adds to it."""
    holder = target
    while isinstance(holder, ast.Subscript):
        holder = holder.value
    if holder is target or not isinstance(holder, ast.Name):
        return not isinstance(target, ast.Name)
    function = _function_around(gather.site)
    made = [
        node.value
        for node in (walk(function) if function is not None else ())
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in targets_of(node)
        if isinstance(name, ast.Name) and name.id == holder.id
    ]
    return not made or not all(map(_is_new_container, made))


def _is_new_container(value: ast.expr | None) -> bool:
    """Whether an expression makes a list or dictionary that nothing else holds."""
    if isinstance(value, ast.BinOp):
        # `[0.0] * len(names)`
        return _is_new_container(value.left) or _is_new_container(value.right)
    if isinstance(value, ast.Call):
        return called_name(value) in _CONTAINERS
    literals = ast.Dict | ast.List | ast.DictComp | ast.ListComp
    return isinstance(value, literals)


class _Resets:
    """Which sums and lists loops begin anew, in every round or in some of them."""

    def __init__(self) -> None:
        self._of: dict[int, set[str]] = {}

    def include(self, loop: ast.AST, name: str) -> bool:
        """Whether a loop begins the sum or list of a name anew."""
        if id(loop) not in self._of:
            self._of[id(loop)] = {*_reset_names(loop)}
        return name in self._of[id(loop)]


def _reset_names(loop: ast.AST) -> Iterator[str]:
    waiting = [s for s in getattr(loop, "body", []) if isinstance(s, ast.stmt)]
    while waiting:
        statement = waiting.pop()
        yield from _emptied_names(statement)
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            if statement.value is None:
                continue
            targets = targets_of(statement)
            names = [n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t])]
            yield from {ast.unparse(n) for n in names} - _mentioned(statement.value)
        elif isinstance(statement, ast.With | ast.Try | ast.For | ast.While) or (
            isinstance(statement, ast.If) and not _is_once(statement.test)
        ):
            waiting += statement.body


def _mentioned(node: ast.AST) -> set[str]:
    return {ast.unparse(n) for n in walk(node) if isinstance(n, ast.Name | ast.Attribute)}


def _emptied_names(statement: ast.stmt) -> Iterator[str]:
    """What a statement takes everything out of: `losses.clear()`, `del losses[:]`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=emptied, attr="clear"))):
            yield ast.unparse(emptied)
        case ast.Delete(targets=targets) | ast.Assign(targets=targets):
            for target in targets:
                if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
                    yield ast.unparse(target.value)


def _is_once(test: ast.expr) -> bool:
    """Whether a test in a loop looks for its first round: `total is None`, `step == 0`."""
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[ast.Is() | ast.NotIn()]):
            return True
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=0 | 1)]):
            # `step % 100 == 0` comes back
            return not isinstance(left, ast.BinOp)
        case _:
            return False
