"""What a value may be: one of several, known for sure, or by default only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from nnlint.semantics.values.basic import (
    HEAVIEST_FORMULA,
    LONGEST_SEQUENCE,
    Choice,
    Constant,
    Items,
    Maybe,
    Table,
    Unknown,
    Value,
    is_light,
)
from nnlint.semantics.values.keys import SAMPLE, STATE_OF
from nnlint.semantics.values.objects import Built, External, Instance
from nnlint.semantics.values.sites import Condition
from nnlint.semantics.values.tensors import Extent


def constant(value: Value | None, default: Any = None, *, soft: bool = True) -> Any:
    """The Python constant behind `value`, else `default`.

    Parameters:
        soft: whether overridable defaults count as known.
    """
    if isinstance(value, Constant) and (soft or not value.soft):
        return value.value
    return default


def text_of(value: Value) -> str:
    """A string as far as known, `{}` standing for its unknown pieces."""
    if isinstance(value, Constant):
        return str(value.value)
    return value.name if isinstance(value, Unknown) and value.origin == "string" else ""


def states(value: Value | None, depth: int = 3) -> Iterator[Unknown]:
    """The results of `state_dict()` that a value is or holds."""
    match value:
        case Unknown() if STATE_OF in value.state:
            yield value
        case Table() if depth:
            for part in islice(value.state.values(), LONGEST_SEQUENCE):
                yield from states(part, depth - 1)
        case Items() if depth:
            for part in value.items:
                yield from states(part, depth - 1)
        case Choice() if depth:
            for part in value.options:
                yield from states(part, depth - 1)
        case Maybe() if depth:
            yield from states(value.value, depth - 1)


def holds_state(value: Value | None) -> bool:
    """Whether a value is the result of a `state_dict()`, or holds one."""
    return isinstance(value, _HOLDERS) and any(states(value))


_HOLDERS = (Unknown, Table, Items, Choice, Maybe)


def softened(value: Value, carried: bool = False) -> Value:
    """A constant as one of several values it may have; anything else as it is.

    Parameters:
        carried: the program itself goes on from it to the other values.
    """
    if isinstance(value, Constant) and not value.soft:
        return Constant(value.value, True, value.site, carried)
    if isinstance(value, Items) and any(isinstance(v, Constant) for v in value.items):
        items = tuple(softened(v, carried) for v in value.items)
        return Items(value.kind, {**value.state, "items": items}, value.site)
    return value


def is_size(value: Value | None) -> bool:
    """Whether a value is how many there are of something, as of the examples of a batch."""
    return isinstance(value, Extent) or (isinstance(value, Unknown) and value.origin == "length")


def is_dataset(value: Value | None) -> bool:
    """Whether a value is a dataset of which it is known what happens to a sample."""
    return isinstance(value, (Built, Instance, Unknown)) and SAMPLE in value.state


def options(value: Value) -> tuple[Value, ...]:
    """The alternatives of a choice, or the value alone."""
    return value.options if isinstance(value, Choice) else (value,)


def choose(values: Sequence[Value], reasons: Sequence[tuple[Condition, ...]] = ()) -> Value:
    """One value out of alternatives: flattened, without doubles, unknown when too many.

    Parameters:
        reasons: for each value the branches that lead to it.
    """
    flat: list[Value] = []
    why: list[tuple[Condition, ...]] = []
    for position, value in enumerate(values):
        outer = reasons[position] if reasons else ()
        for option, inner in _reasoned(value):
            for seen, known in enumerate(flat):
                if option is known or same(option, known):
                    why[seen] = ()
                    break
            else:
                flat.append(option)
                why.append((*outer, *inner))
    if len(flat) == 1:
        return flat[0]
    if len(flat) > 6 or not is_light(flat, HEAVIEST_FORMULA):
        return Unknown(origin="join")
    return Choice(tuple(flat), tuple(why) if any(why) else ())


def _reasoned(value: Value) -> Iterable[tuple[Value, tuple[Condition, ...]]]:
    if not isinstance(value, Choice):
        return ((value, ()),)
    return zip(value.options, value.reasons or ((),) * len(value.options), strict=True)


def same(left: Value, right: Value) -> bool:
    """Whether two values are certainly the same."""
    if left is right:
        return True
    if isinstance(left, Constant) and isinstance(right, Constant):
        return type(left.value) is type(right.value) and bool(left.value == right.value)
    return isinstance(left, External) and isinstance(right, External) and left.name == right.name
