"""Whether what is drawn at random is the same in every evaluation: generators and global states
that are seeded anew, and draws that are made once and kept."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.draws import Drawing, depends_on_draw
from nnlint.semantics.library import load_library
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    Arithmetic,
    Built,
    Constant,
    External,
    Items,
    Unknown,
    Value,
)

Walk = Sequence[tuple[Event, tuple[Block, ...]]]
"""Events in their order, with the blocks that each stands in."""
TRAINING = ("backward", "step", "fit")
ANY_STATE = ""
"""Stands for the global states of all generators."""


def is_repeated(drawing: Drawing, walk: Walk, place: int) -> bool:
    """Whether a draw that goes into something at a place is the same in every evaluation.

    Parameters:
        walk: what happens to one sample, or in the whole program.
        place: the position in `walk` of what the draw goes into.
    """
    around = walk[place][1]
    if drawing.sample is not None or around[0].kind == "sample":
        if drawing.sample is not around[0]:
            # made before: every access finds the same
            return True
        return is_seeded_before(walk, _position(walk, drawing.event, place), drawing.source)
    drawn = _position(walk, drawing.event, place)
    if any(trains(loop) for loop in _loops_of_one(around, walk[drawn][1])):
        return True
    if is_seeded_before(walk, drawn, drawing.source):
        return True
    source = drawing.source
    if not isinstance(source, Built) or any(_seeds(event, source) for event, _ in walk[:drawn]):
        return False
    # a generator of which is not known where it is made may be made anew each time
    looped = any(b.kind == "loop" and trains(b) for b in walk[drawn][1])
    return has_fixed_seed(source) and not looped


def is_seeded_before(walk: Walk, place: int, source: Built | str) -> bool:
    """Whether a generator is given the same seed before a place each time it is come to."""
    drawn, around = walk[place]
    trained = False
    for event, blocks in reversed(walk[:place]):
        trained = trained or event.kind in TRAINING
        if trained and (
            # what training draws from a global state differs from epoch to epoch
            isinstance(source, str)
            # an evaluation before this one has drawn from the generator
            or (event.kind == "draw" and event.site.key == drawn.site.key)
        ):
            return False
        if _seeds(event, source):
            return not any(trains(loop) for loop in _loops_of_one(around, blocks))
    return False


def trains(block: Block) -> bool:
    """Whether a model is trained in a block."""
    return bool(block.events(*TRAINING))


def _loops_of_one(around: Sequence[Block], others: Sequence[Block]) -> list[Block]:
    """The loops around one place that are not around another."""
    return [b for b in around if b.kind == "loop" and not any(b is other for other in others)]


def _position(walk: Walk, event: Event | None, otherwise: int) -> int:
    if event is None:
        return otherwise
    return next((i for i, (other, _) in enumerate(walk) if other is event), otherwise)


def _seeds(event: Event, source: Built | str) -> bool:
    """Whether an event gives a generator a seed that does not differ from time to time."""
    if isinstance(source, Built):
        made = event.kind == "build" and event.subject is source and has_fixed_seed(source)
        return made or (event.kind == "reseed" and event.subject is source and _fixed(event))
    if event.kind not in ("seed", "other_seed") or not _fixed(event):
        return False
    entry = load_library().get(event.name)
    return source == ANY_STATE or entry is None or not entry.seeds or source in entry.seeds


def _fixed(event: Event) -> bool:
    given = event.operands[:1]
    return all(map(is_fixed_seed, given)) if given else event.kind != "reseed"


def has_fixed_seed(generator: Built) -> bool:
    """Whether a generator begins with the same state whenever it is made."""
    if generator.entry.family == "torch":
        # torch's own default seed is a constant
        return True
    return bool(generator.explicit) and all(
        is_fixed_seed(generator.arguments[name]) for name in generator.explicit
    )


def is_fixed_seed(value: Value) -> bool:
    """Whether a seed is given, and is neither drawn nor read from a clock."""
    match value:
        case Constant():
            return value.value is not None
        case Built():
            return has_fixed_seed(value)
        case Items():
            return all(map(is_fixed_seed, value.items))
        case Arithmetic():
            return all(map(is_fixed_seed, value.operands))
        case External():
            return False
        case Unknown():
            entry = load_library().get(value.name) if value.origin == "call" else None
            return not depends_on_draw(value) and not (entry and entry.kind == "clock")
        case _:
            return not depends_on_draw(value)
