"""Evidence that corrupted pairs of examples and labels are looked for."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.assertions import relations
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Constant, Value

_OPENS = frozenset(
    "open imread read_image load listdir glob rglob iglob read_csv scandir decode_image "
    "read_parquet loadtxt iterdir".split()
)


def corrupted_pairs(context: Context) -> Iterator[Evidence]:
    """A run opens and verifies images, or requires that what belongs together agrees."""
    for run in context.runs:
        opened = {id(c.result) for c in context.calls(run) if c.last_name in _OPENS}
        if not opened:
            continue
        for call in context.calls(run):
            if (
                call.last_name == "verify"
                and not call.is_own
                and _is_read(context, opened, call.receiver)
            ):
                yield context.done(call.site, "looks for images that cannot be read")
        for relation in relations(context, run):
            sides = (relation.left, relation.right)
            if relation.kind == "==" and not any(isinstance(s, Constant) for s in sides):
                if all(_is_read(context, opened, side) for side in sides):
                    yield context.done(relation.call.site, "requires that pairs agree")


def _is_read(context: Context, opened: set[int], value: Value | None) -> bool:
    """Whether a value is of what has been read from files."""
    return any(id(part) in opened for part in context.tracing.behind(value))
