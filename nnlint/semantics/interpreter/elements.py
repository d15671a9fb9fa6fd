"""What the elements of something that a loop goes through have in common."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.values import Built, Constant, Instance, Items, Maybe, Unknown, Value, bare

UNROLL = 16
UNROLL_LAYERS = 64
"""How many different layers a loop is run through one by one."""


def one_for_all(items: Sequence[Value], name: str) -> Value:
    """The first of some elements, where they are no different layers: what one layer makes of
    its input says nothing of what the next makes of it. Of pairs it is a pair, in which a number
    that is not the same for all is not known."""
    columns = _columns(items)
    if columns:
        return Items("tuple", {"items": tuple(_of_column(column, name) for column in columns)})
    if _differ(items):
        return Unknown(name, "loop")
    return items[0].value if isinstance(items[0], Maybe) else items[0]


def _of_column(column: Sequence[Value], name: str) -> Value:
    numbers = [v.value for v in column if isinstance(v, Constant)]
    if len(numbers) == len(column) and any(number != numbers[0] for number in numbers):
        return Unknown(name, "loop")
    return one_for_all(column, name)


def _columns(items: Sequence[Value]) -> list[tuple[Value, ...]]:
    """The columns of tuples of one length; none where some elements are something else."""
    rows = [v.items for v in map(bare, items) if isinstance(v, Items) and v.kind == "tuple"]
    if len(rows) < len(items) or len({len(row) for row in rows}) != 1:
        return []
    return list(zip(*rows, strict=True))


def is_short(items: Sequence[Value]) -> bool:
    """Whether a loop is run for each of some elements: a network's different layers are many."""
    return len(items) <= UNROLL or (len(items) <= UNROLL_LAYERS and _differ(items))


def _differ(items: Sequence[Value]) -> bool:
    """Whether there are layers or models of several kinds among some elements, or in the same
    place of some pairs."""
    if columns := _columns(items):
        return any(map(_differ, columns))
    plain = [bare(v) for v in items]
    layers = {v.entry.name for v in plain if isinstance(v, Built) and v.entry.kind == "layer"}
    models = {v.cls for v in plain if isinstance(v, Instance) and "training" in v.state}
    return len(layers) + len(models) > 1
