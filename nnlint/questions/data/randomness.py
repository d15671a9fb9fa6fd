"""Whether a transform does something else from one sample to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlint.questions.data.rendering import is_rendered
from nnlint.questions.data.repeating import ANY_STATE, Walk, is_repeated, is_seeded_before
from nnlint.semantics.draws import Drawing, drawings
from nnlint.semantics.timeline import Block, Event, exclusive
from nnlint.semantics.transforms import is_random_transform
from nnlint.semantics.values import Built, Items, Value


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
    return any(not is_repeated(drawing, walk, place) for drawing in drawings_of(event))


def drawings_of(event: Event) -> Iterator[Drawing]:
    """The draws that go into a transform, or decide about it: into what it is told, not into what
    it is done to, which some other draw made."""
    for value in (*(c.test for c in event.conditions), *event.operands[1:]):
        yield from drawings(value)


def is_done_to_outputs(event: Event, walk: Walk) -> bool:
    """Whether a model's outputs are transformed by the same draw as its inputs: that both agree
    is what it learns."""
    drawn = {id(drawing) for drawing in drawings_of(event)}
    alike = [
        place
        for place, (other, _) in enumerate(walk)
        if other.kind == "transform" and any(id(d) in drawn for d in drawings_of(other))
    ]
    between = walk[alike[0] : alike[-1]] if alike else ()
    return any(other.kind == "forward" for other, _ in between)


def predicts_draw(event: Event, sample: Value | None) -> bool:
    """Whether what is drawn for a transform is a part of the sample too: to tell how a picture
    was turned is the task, not augmentation for another."""
    parts = sample.items if isinstance(sample, Items) else ()
    told = [drawing for part in parts for drawing in drawings(part)]
    return any(drawing is other for drawing in drawings_of(event) for other in told)


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
