"""Batches as loaders give them."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import MET
from nnlint.semantics.values import BATCH, Built, Unknown, Value

_TAKES = frozenset({"next", "one_batch"})


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
        yield from (v for v in batch.state.values() if is_part(v))


def is_part(value: object) -> bool:
    """Whether a value is an element of a batch."""
    return isinstance(value, Unknown) and value.origin == "loop"


def _is_loader(value: Value | None) -> bool:
    match value:
        case Built():
            return value.entry.kind == "loader"
        case Unknown():
            return BATCH in value.state
        case _:
            return False
