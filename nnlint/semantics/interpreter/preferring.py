"""Branches of which one is taken as long as nobody sets an option: what the other one would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnlint.semantics.transforms import left_off
from nnlint.semantics.values import (
    LEFT_OFF,
    Built,
    Condition,
    Items,
    Maybe,
    Value,
    bare,
    note_choice,
)

Writes = dict[tuple[int, Any], tuple[dict[Any, Any], Any, Any]]
_MOST = 20
"""Transforms that an option can add to one pipeline, which are remembered."""


def note_preferred(writes: Writes, condition: Condition, other: Writes, unless: Condition) -> None:
    """Remember why what a branch has written is there, and which transforms it would be if an option
    were set otherwise.

    Parameters:
        writes: those of the branch that is taken by default.
        other: those of the one that is not.
        unless: the condition under which the other one is taken.
    """
    for _, _, value in writes.values():
        note_choice(value, condition)
    for state, key, value in other.values():
        now = state.get(key)
        if key == "items" and isinstance(value, tuple):
            there = {id(bare(v)) for v in now or ()}
            _note(state, (v for v in value if id(bare(v)) not in there), unless)
        elif isinstance(now, Built) and isinstance(value, Built) and now is not value:
            _note(now.state, transforms_in(value), unless)


def grad_behind(ends: list[str], grads: list[bool], prefer: int | None) -> bool:
    """Whether gradients are recorded behind a branch: on all ways that go on."""
    if prefer is not None and ends[prefer] == "next":
        return grads[prefer]
    live = [grad for end, grad in zip(ends, grads, strict=True) if end == "next"]
    return all(live or grads)


def only_there(names: dict[str, Any], end: str, writes: Writes) -> Writes:
    """What binds variables that nothing but an arm which is off by default binds: whoever reads them
    has switched it on.

    Parameters:
        names: the variables of the function around, behind the arm that is taken by default.
        end: how the other arm ends; writes: what it writes.
    """
    return {
        place: write
        for place, write in writes.items()
        if end == "next" and write[0] is names and write[1] not in names
    }


def _note(state: dict[Any, Any], added: Iterator[Value], unless: Condition) -> None:
    found = [t for value in added for t in transforms_in(bare(value))]
    known = state.get(LEFT_OFF, ())
    if found and len(known) < _MOST:
        # not undone with a branch: some option leads there
        state[LEFT_OFF] = (*known, *(Maybe(t, (unless,)) for t in found))


def transforms_in(value: Value) -> Iterator[Value]:
    """A transform, or those that a container holds."""
    if isinstance(value, Built) and value.entry.kind == "transform":
        if value.entry.options.get("container"):
            for member in value.members:
                yield from transforms_in(bare(member))
        else:
            yield value


def hand_on(given: Value, result: Items | Built) -> None:
    """Let a list or pipeline that is made of another one have its options."""
    if options := left_off(given):
        result.state[LEFT_OFF] = (*left_off(result), *options)
