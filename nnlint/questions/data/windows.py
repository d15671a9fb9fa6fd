"""Rows that overlap or follow one another, and splits that part them at random."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.rows import held_rows
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    MADE,
    TAKEN_AT,
    Built,
    Choice,
    Function,
    Instance,
    Items,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
    bare,
    constant,
)
from nnlint.syntax.calls import argument_of, last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk

_DEPTH = 12
_SLIDES = frozenset({"sliding_window_view"})


@dataclass(frozen=True, slots=True, eq=False)
class RandomParting:
    """A random split of rows that overlap, or follow one another."""

    split: Site
    rows: Site
    """Where windows are cut, or where it is said that rows follow one another."""
    overlap: bool


def random_partings(program: Program) -> Iterator[RandomParting]:
    """Random splits of overlapping windows, and of rows that follow one another in time."""
    told: set[object] = set()
    for event in program.events("split", "part"):
        if event.site.key in told:
            continue
        if event.kind == "part" and event.name != "folds":
            continue
        if not _is_random(event.site, event.operands):
            continue
        wholes = [event.subject, *event.operands] if event.kind == "split" else [event.subject]
        for whole in wholes:
            found = _overlapping(whole) or _following(whole)
            if found is not None:
                # one order is told once, however often it is split
                if found[0].key not in told:
                    yield RandomParting(event.site, *found)
                told.update((event.site.key, found[0].key))
                break


def _is_random(site: Site, operands: Sequence[Value]) -> bool:
    """Whether a split surely draws its rows: no argument orders, groups or leaves it open."""
    for folds in operands:
        if isinstance(folds, Built) and folds.entry.kind == "split":
            shuffled = constant(folds.arguments.get("shuffle"), soft=False)
            return folds.entry.family == "random" or (
                folds.entry.family == "folds" and shuffled is True
            )
    call = site.node
    if not isinstance(call, ast.Call):
        return False
    if last_name(call.func) == "random_split":
        return True
    shuffle = next((k.value for k in call.keywords if k.arg == "shuffle"), None)
    written = shuffle is None or (isinstance(shuffle, ast.Constant) and bool(shuffle.value))
    return last_name(call.func) == "train_test_split" and written and _passes_names(call)


def _passes_names(call: ast.Call) -> bool:
    """Whether a call passes no keywords that are not seen."""
    return all(keyword.arg is not None for keyword in call.keywords)


def _following(whole: Value | None) -> tuple[Site, bool] | None:
    return next(((rows.follow[0], False) for rows in held_rows(whole) if rows.follow), None)


def _overlapping(whole: Value | None, depth: int = _DEPTH) -> tuple[Site, bool] | None:
    """Where the windows of a value are cut, where they overlap."""
    if depth == 0 or whole is None:
        return None
    inner: Sequence[Value | None] = ()
    match whole:
        case Items():
            for item in whole.items[:2]:
                plain = bare(item)
                if (site := _window(plain)) is not None:
                    return site, True
            return None
        case Tensor(producer=Operation() as operation):
            inner = [*operation.arguments.values(), *operation.inputs]
            inner = inner[:1] if operation.entry.axes != "cat" else []
        case Tensor(producer=Source(of=Value() as behind)):
            inner = (behind,)
        case Unknown():
            made: Sequence[Site] = whole.state.get(MADE, ())
            if whole.name.rpartition(".")[2] in _SLIDES and made:
                return made[-1], True
            given = whole.state.get(ARGUMENTS, ())
            numeric = whole.name.startswith(("numpy.", "torch.", "pandas."))
            inner = (whole.state.get(CALLED_ON), *(given[:1] if numeric else ()))
        case Choice():
            inner = whole.options[:1]
        case Built() if whole.entry.family == "tensors":
            listed = whole.arguments.get("tensors")
            inner = listed.items if isinstance(listed, Items) else ()
        case Instance():
            return _windows_of_items(whole)
        case _:
            return None
    return next((found for v in inner if (found := _overlapping(v, depth - 1))), None)


def _window(value: Value) -> Site | None:
    """Where a value is cut out of a sequence at the place that a loop counts, step by step."""
    taken: Site | None = None
    for _ in range(_DEPTH):
        if isinstance(value, Tensor) and isinstance(value.producer, Operation):
            operation = value.producer
            if isinstance(operation.site.node, ast.Subscript):
                taken = operation.site
                break
            if not operation.inputs:
                return None
            value = operation.inputs[0]
        elif isinstance(value, Tensor) and isinstance(value.producer, Source):
            if value.producer.of is None:
                return None
            value = value.producer.of
        elif isinstance(value, Unknown) and TAKEN_AT in value.state:
            taken = value.state[TAKEN_AT]
            break
        elif isinstance(value, Unknown) and isinstance(value.state.get(CALLED_ON), Value):
            value = value.state[CALLED_ON]
        else:
            return None
    if taken is None or not isinstance(taken.node, ast.Subscript):
        return None
    for loop in taken.module.nodes:
        if isinstance(loop, ast.For) and stands_in(taken.node, loop):
            target, counted = loop.target, loop.iter
        elif isinstance(loop, ast.ListComp | ast.GeneratorExp) and stands_in(taken.node, loop):
            target, counted = loop.generators[0].target, loop.generators[0].iter
        else:
            continue
        if isinstance(target, ast.Name) and _is_single_step(counted):
            if _slides(taken.node, target.id):
                return taken
    return None


def _is_single_step(counted: ast.expr) -> bool:
    """Whether `range(…)` takes steps of one."""
    if not isinstance(counted, ast.Call) or last_name(counted.func) not in ("range", "trange"):
        return False
    step = argument_of(counted, "step", 2)
    return step is None or (isinstance(step, ast.Constant) and step.value == 1)


def _slides(item: ast.Subscript, counter: str) -> bool:
    """Whether an item is a slice of more than one row that begins at a counter."""
    first = item.slice.elts[0] if isinstance(item.slice, ast.Tuple) else item.slice
    if not isinstance(first, ast.Slice) or first.step is not None:
        return False
    lower, upper = first.lower, first.upper
    if lower is None or upper is None or ast.unparse(lower) == ast.unparse(upper):
        return False
    both = [_is_offset(end, counter) for end in (lower, upper)]
    written = [_written_offset(end) for end in (lower, upper)]
    one = None not in written and abs((written[1] or 0) - (written[0] or 0)) < 2
    return all(both) and not one


def _is_offset(end: ast.expr, counter: str) -> bool:
    """Whether an end of a slice is a counter, or moves with it one to one."""
    match end:
        case ast.Name(id=name):
            return name == counter
        case ast.BinOp(op=ast.Add() | ast.Sub(), left=left, right=right):
            return _is_offset(left, counter) != _is_offset(right, counter)
        case _:
            return False


def _written_offset(end: ast.expr) -> int | None:
    """How far an end is from the counter, where that is written as a number."""
    match end:
        case ast.Name():
            return 0
        case ast.BinOp(op=ast.Add(), left=ast.Name(), right=ast.Constant(value=int() as number)):
            return number
        case ast.BinOp(op=ast.Sub(), left=ast.Name(), right=ast.Constant(value=int() as number)):
            return -number
        case _:
            return None


def _windows_of_items(dataset: Instance) -> tuple[Site, bool] | None:
    """Where the `__getitem__` of a data set cuts a window that begins at the index it is given."""
    method = dataset.cls.find("__getitem__")
    if not isinstance(method, Function) or isinstance(method.node, ast.Lambda):
        return None
    arguments = method.node.args.args
    if len(arguments) < 2:
        return None
    counters = {arguments[1].arg}
    for node in walk(method.node):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)):
                if other in counters:
                    counters.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                counters.discard(name)
            case _:
                pass
    ends = _ends_of(method.node, counters)
    for node in walk(method.node):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            if any(_slides(_written_out(node, first, ends), c) for c in counters):
                return Site(method.scope.module, node), True
    return None


def _ends_of(method: ast.AST, counters: set[str]) -> dict[str, ast.expr]:
    """The variables of a method that move with the index, and what they are."""
    return {
        node.targets[0].id: node.value
        for node in walk(method)
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and any(_is_offset(node.value, counter) for counter in counters)
    }


def _written_out(item: ast.Subscript, first: ast.expr, ends: dict[str, ast.expr]) -> ast.Subscript:
    """A slice with its ends as they are worked out before."""
    if not isinstance(first, ast.Slice):
        return item
    known = [
        ends.get(end.id, end) if isinstance(end, ast.Name) else end
        for end in (first.lower, first.upper)
    ]
    return ast.Subscript(item.value, ast.Slice(known[0], known[1], first.step), item.ctx)
