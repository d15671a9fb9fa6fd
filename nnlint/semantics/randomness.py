"""Whether a transform does something else from one sample to the next."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.timeline import Block, Event, exclusive
from nnlint.semantics.values import Built, Constant, Items, Value, depends_on_draw


def is_random(event: Event) -> bool:
    """Whether a transform does something else from one sample to the next."""
    transform = event.subject
    if not isinstance(transform, Built):
        return False
    if not transform.entry.builds:
        drawn = any(depends_on_draw(c.test) for c in event.conditions)
        return drawn or any(depends_on_draw(v) for v in event.operands)
    return is_random_transform(transform)


def is_random_transform(transform: Built) -> bool:
    """Whether a transform object is random with the parameters it is built with."""
    entry, arguments = transform.entry, transform.arguments
    if entry.kind != "transform" or not entry.random:
        return False
    chance = _argument(transform, entry.random_unless)
    if isinstance(chance, Constant):
        if not chance.value:
            return False
        if entry.options.get("coin") and chance.value in (1, 1.0):
            return False
    strengths = [(n, arguments.get(n)) for n in entry.options.get("strengths", ())]
    if strengths and all(_is_nothing(v) or _is_point(n, v) for n, v in strengths):
        return False
    ranges = [(n, arguments.get(n)) for n in entry.options.get("ranges", ())]
    return not (ranges and all(_is_point(n, v) for n, v in ranges))


def _argument(transform: Built, name: str) -> Value | None:
    """An argument, or the library's default behind a `**mapping` that may hold it."""
    parameter = transform.entry.parameter(name)
    if name in transform.arguments or parameter is None:
        return transform.arguments.get(name)
    return Constant(parameter.default)


def _is_nothing(value: Value | None) -> bool:
    return isinstance(value, Constant) and not value.value


def _is_point(name: str, value: Value | None) -> bool:
    """Whether a range goes from a number to itself."""
    if isinstance(value, Items):
        numbers = [v.value for v in value.items if isinstance(v, Constant)]
        known = len(numbers) == len(value.items)
        # a translation is a pair of distances, not a range
        return known and (set(numbers) == {0} or (name != "translate" and len(set(numbers)) == 1))
    if not isinstance(value, Constant):
        return False
    if isinstance(value.value, tuple):
        return name != "translate" and len(set(value.value)) == 1
    return name == "sigma" and isinstance(value.value, int | float)


def makes_views(random: Sequence[tuple[Event, tuple[Block, ...]]]) -> bool:
    """Whether one sample is transformed at random more than once: the views are the task."""
    firsts: list[tuple[Value, tuple[Block, ...]]] = []
    for event, blocks in random:
        if not event.operands or any(b.subject is event.subject for b in blocks):
            continue
        given = event.operands[0]
        for other, other_blocks in firsts:
            if given is other and not exclusive(blocks, other_blocks):
                return True
        firsts.append((given, blocks))
    return False
