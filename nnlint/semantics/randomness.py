"""Whether a transform does something else from one sample to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlint.semantics.draws import Drawing, drawings
from nnlint.semantics.rendering import is_rendered
from nnlint.semantics.repeating import ANY_STATE, Walk, is_repeated, is_seeded_before
from nnlint.semantics.timeline import Block, Event, exclusive
from nnlint.semantics.values import Built, Constant, Items, Maybe, Value


def random_events(walk: Walk) -> list[tuple[Event, tuple[Block, ...]]]:
    """The transforms that do something else from one sample, or evaluation, to the next.

    Parameters:
        walk: what happens to one sample, or in the whole program.
    """
    return [
        (event, blocks)
        for place, (event, blocks) in enumerate(walk)
        if event.kind == "transform" and _is_random(walk, place)
    ]


def _is_random(walk: Walk, place: int) -> bool:
    event = walk[place][0]
    transform = event.subject
    if not isinstance(transform, Built):
        return False
    if transform.entry.builds:
        return is_random_transform(transform) and not is_seeded_before(walk, place, ANY_STATE)
    if event.operands and is_rendered(event.operands[0]):
        return False
    return any(not is_repeated(drawing, walk, place) for drawing in _drawings_of(event))


def _drawings_of(event: Event) -> Iterator[Drawing]:
    """The draws that go into a transform, or decide about it."""
    for value in (*(c.test for c in event.conditions), *event.operands):
        yield from drawings(value)


def is_done_to_outputs(event: Event, walk: Walk) -> bool:
    """Whether a model's outputs are transformed by the same draw as its inputs: that both agree
    is what it learns."""
    drawn = {id(drawing) for drawing in _drawings_of(event)}
    alike = [
        place
        for place, (other, _) in enumerate(walk)
        if other.kind == "transform" and any(id(d) in drawn for d in _drawings_of(other))
    ]
    between = walk[alike[0] : alike[-1]] if alike else ()
    return any(other.kind == "forward" for other, _ in between)


def predicts_draw(event: Event, sample: Value | None) -> bool:
    """Whether what is drawn for a transform is a part of the sample too: to tell how a picture
    was turned is the task, not augmentation for another."""
    parts = sample.items if isinstance(sample, Items) else ()
    told = [drawing for part in parts for drawing in drawings(part)]
    return any(drawing is other for drawing in _drawings_of(event) for other in told)


def never_acts(transform: Built) -> bool:
    """Whether a transform leaves every sample as it is: its probability or strength is zero."""
    return _is_nothing(_argument(transform, transform.entry.random_unless))


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
    if isinstance(chance, Items) and _is_point(entry.random_unless, chance):
        return False
    if entry.options.get("container") and entry.family == "choice" and _is_one(transform):
        return chance is not None and not (
            isinstance(chance, Constant) and chance.value in (1, 1.0)
        )
    among = [arguments.get(n) for n in entry.options.get("among", ())]
    if among and all(map(_is_one_of_one, among)):
        return False
    strengths = [(n, arguments.get(n)) for n in entry.options.get("strengths", ())]
    if strengths and all(_is_nothing(v) or _is_point(n, v) for n, v in strengths):
        return False
    ranges = [(n, arguments.get(n)) for n in entry.options.get("ranges", ())]
    return not (ranges and all(_is_point(n, v) for n, v in ranges))


def _is_one(container: Built) -> bool:
    """Whether a container that chooses among its members has one at most."""
    members = container.members
    return (
        len(members) < 2
        and not container.state.get("open")
        and not any(isinstance(member, Maybe) for member in members)
    )


def _is_one_of_one(value: Value | None) -> bool:
    """Whether a size to choose is one number, or a list of one."""
    if isinstance(value, Items):
        return len(value.items) == 1 and not value.open
    if not isinstance(value, Constant):
        return False
    return isinstance(value.value, int) or (
        isinstance(value.value, list | tuple) and len(value.value) == 1
    )


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
