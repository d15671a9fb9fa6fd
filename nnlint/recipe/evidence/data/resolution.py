"""Evidence that the sizes of examples are looked at."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.showing import CURVE, shows
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import ShapeOf, Tensor, Unknown, Value

_OPENS = frozenset({"open", "imread", "read_image", "load", "decode_image"})
_SIZES = frozenset({"size", "shape", "width", "height"})


def resolution(context: Context) -> Iterator[Evidence]:
    """A run shows how large examples are."""
    for run in context.runs:
        if run.kind == "test":
            continue
        opened = {id(c.result) for c in context.calls(run) if c.last_name in _OPENS}
        if not opened:
            continue
        for show in shows(context, run):
            for part in context.tracing.behind(*show.values, stop=_is_whole):
                if _is_size(part) and show.kind == CURVE and _of(context, opened, part):
                    yield context.done(show.call.site, "shows how large examples are")
                    break


def _is_size(value: Value) -> bool:
    return isinstance(value, ShapeOf) or (
        isinstance(value, Unknown) and value.name.rpartition(".")[2] in _SIZES
    )


def _is_whole(value: Value) -> bool:
    """Whether a value is no list of numbers, but something that has a size itself."""
    return isinstance(value, Tensor)


def _of(context: Context, opened: set[int], size: Value) -> bool:
    return any(id(part) in opened for part in context.tracing.behind(size))
