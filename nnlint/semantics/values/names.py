"""What a program calls an object, and which options led to it."""

from __future__ import annotations

from nnlint.semantics.values.basic import Items, Unknown, Value
from nnlint.semantics.values.keys import CALLED, CHOSEN, SAMPLE
from nnlint.semantics.values.objects import Built, Instance
from nnlint.semantics.values.sites import Condition

_MOST_NAMES = 100
"""Names of one object that are remembered."""


def note_name(value: Value, name: str) -> None:
    """Remember a name that the program gives to an object: a variable, key or parameter."""
    if not isinstance(value, (Built, Instance)):
        if not isinstance(value, Unknown) or SAMPLE not in value.state:
            return
    called = value.state.setdefault(CALLED, [])
    if name and name != "self" and len(called) < _MOST_NAMES and name not in called:
        called.append(name)


def names_of(value: Value) -> tuple[str, ...]:
    """The names that the program gives to an object, the first one first."""
    if not isinstance(value, (Built, Instance, Unknown)):
        return ()
    return tuple(value.state.get(CALLED, ()))


def note_choice(value: object, condition: Condition) -> None:
    """Remember that an object was taken because of how an option is set by default."""
    if isinstance(value, (Built, Instance, Items)) and condition.soft:
        chosen = value.state.setdefault(CHOSEN, [])
        if condition not in chosen:
            chosen.append(condition)


def choices_of(value: Value) -> tuple[Condition, ...]:
    """The branches that were taken by default on the way to an object."""
    if not isinstance(value, (Built, Instance, Items)):
        return ()
    return tuple(value.state.get(CHOSEN, ()))
