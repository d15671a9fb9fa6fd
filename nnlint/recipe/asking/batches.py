"""Batches as loaders give them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import MET, is_entry
from nnlint.semantics.values import (
    BATCH,
    STORED_IN,
    Arithmetic,
    Built,
    Instance,
    Table,
    Unknown,
    Value,
)
from nnlint.syntax.walking import walk

_TAKES = frozenset({"next", "one_batch"})
_ABOUT = frozenset({"shape", "size", "device", "dtype", "ndim"})
"""What is said of a batch, and is no part of it."""
_STEP = "_step"
"""How the methods end that a trainer calls for every batch."""


def taken_batches(context: Context, run: Run) -> Iterator[Value]:
    """What a run takes out of loaders one by one, with `next`, and parts of it."""
    for call in context.calls(run):
        if call.last_name in _TAKES and not call.is_own:
            yield from _with_parts(call.result)


def batches(context: Context, run: Run) -> Iterator[Value]:
    """The batches that a run gets from loaders, by loops or one by one, and their parts that it
    looks at."""
    for call in context.calls(run):
        if call.last_name in _TAKES and not call.is_own and any(map(_is_loader, call.arguments)):
            yield from _with_parts(call.result)
    for event, blocks in run.walk():
        if event.kind != MET or event.subject is None:
            continue
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if loop is not None and _is_loader(loop.subject):
            yield event.subject


def _with_parts(batch: Value) -> Iterator[Value]:
    yield batch
    if isinstance(batch, Unknown):
        yield from (v for v in batch.state.values() if isinstance(v, Value) and is_element(v))


def is_element(value: Value) -> bool:
    """Whether a value is what a loop goes over, or a part of it."""
    return isinstance(value, Unknown) and value.origin == "loop"


def parts_of_batches(context: Context, run: Run) -> Callable[[Value], bool]:
    """Tells what a run takes from loaders, or a trainer hands it, and parts of it."""
    given = _given_by_trainer(run) if run.kind == "hooks" else frozenset()

    def is_part(value: Value) -> bool:
        if isinstance(value, Unknown) and value.name.rpartition(".")[2] in _ABOUT:
            return False
        return is_element(value) or _root(value) in given or is_rebuilt(value)

    def is_rebuilt(value: Value) -> bool:
        """Whether a value is an entry of a table that is made of the entries of a batch, one by
        one, as where a batch is moved to a device."""
        parts = context.made_of.get(id(value), (value, ()))[1]
        if not is_entry(parts) or not isinstance(parts[0], Table):
            return False
        return any(map(is_element, context.tracing.behind(parts[0].state[...])))

    return is_part


def _given_by_trainer(run: Run) -> frozenset[str]:
    """What the methods that a trainer calls for every batch call the batch."""
    return frozenset(
        node.args.args[1].arg
        for node in walk(run.program.module.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.endswith(_STEP)
        and len(node.args.args) > 1
    )


def _root(value: Value) -> str:
    """The name of the parameter that a value is, or is taken out of."""
    whole: Value = value
    while isinstance(whole, Unknown) and whole.origin == "parameter":
        outer = whole.state.get(STORED_IN)
        if not isinstance(outer, Unknown):
            return whole.name
        whole = outer
    return ""


def own_loader(value: Value | None) -> Built | None:
    """The library's loader that an object of a project class is, or that a loop over it numbers
    or joins with others."""
    match value:
        case Instance():
            base = value.state.get("library")
            return base if isinstance(base, Built) and base.entry.kind == "loader" else None
        case Arithmetic(operator="enumerate" | "zip" | "iter"):
            return next(filter(None, map(own_loader, value.operands)), None)
        case _:
            return None


def _is_loader(value: Value | None) -> bool:
    match value:
        case Instance():
            return own_loader(value) is not None
        case Built():
            return value.entry.kind == "loader"
        case Unknown():
            return BATCH in value.state
        case _:
            return False
