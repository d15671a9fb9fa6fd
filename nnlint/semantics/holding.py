"""How objects hold one another: attributes, members, elements, at any depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    CALLEE,
    COPY,
    ELEMENT_OF,
    MODEL_OF,
    PART_OF,
    RECEIVER,
    BoundMethod,
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Maybe,
    Parameters,
    Partial,
    Table,
    Unknown,
    Value,
)

Thing = TypeVar("Thing")


def parts(value: Value) -> Iterator[Value]:
    """What an object holds directly: attributes, members, elements."""
    match value:
        case Instance():
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Built():
            yield from value.members
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Items():
            yield from value.items
        case Table():
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Choice():
            yield from value.options
        case Maybe():
            yield value.value
        case Parameters():
            yield from value.models
        case BoundMethod():
            yield value.receiver
        case Partial():
            yield from (value.function, *value.positional, *value.keywords.values())


DEEPEST = 8
"""Levels of objects in objects that are looked through."""


def covers(whole: Value | None, part: Value | None) -> bool:
    """Whether `part` is `whole` or held by it, at any depth."""
    if whole is None or part is None:
        return False
    held = _held(whole)
    return any(id(value) in held for value in _holders(part))


def _holders(part: Value) -> list[Value]:
    """A value, and what it is an attribute or a part of, as far as that is not resolved."""
    found = [part]
    for value in found:
        if isinstance(value, Unknown) and len(found) < DEEPEST:
            owner = value.state.get(MODEL_OF if value.origin == "parameter_tensor" else PART_OF)
            found += (v for v in (value.state.get(RECEIVER), owner) if isinstance(v, Value))
    return found


@lru_cache(maxsize=10_000)
def _held(whole: Value) -> frozenset[int]:
    """The identities of a value and of what it holds: objects may hold each other.

    Asked a million times for the same models, and only once nothing changes any more.
    """
    seen = {id(whole)}
    level = [whole]
    for _ in range(DEEPEST - 1):
        inner = {id(v): v for value in level for v in parts(value) if id(v) not in seen}
        seen |= inner.keys()
        level = list(inner.values())
    return frozenset(seen)


def forget_parts() -> None:
    """Forget what objects hold: another program begins."""
    _held.cache_clear()


def same_model(left: Value | None, right: Value | None) -> bool:
    """Whether one of two models, or of whatever holds models, is the other or a part of it."""
    return covers(left, right) or covers(right, left)


class Indexed(Generic[Thing]):
    """Things, each about a model, found by that model without asking each of them."""

    def __init__(self, things: Iterable[tuple[Value | None, Thing]]) -> None:
        self._things: list[Thing] = []
        self._models: list[Value | None] = []
        self._vague: list[int] = []
        """Things about what is no object that is known: it may be another one."""
        self._parts: dict[int, list[int]] = {}
        self._wholes: dict[int, list[int]] = {}
        for place, (model, thing) in enumerate(things):
            self._things.append(thing)
            self._models.append(model)
            if not isinstance(model, Instance | Built):
                self._vague.append(place)
            if model is not None:
                for value in _holders(model):
                    self._parts.setdefault(id(value), []).append(place)
                for held in _held(model):
                    self._wholes.setdefault(held, []).append(place)

    def of(self, model: Value) -> list[Thing]:
        """What is about a model, a part of it or what holds it (see `same_model`), in order."""
        return self._at(self._same(model))

    def around(self, model: Value) -> list[Thing]:
        """What is about a model or what holds it (see `covers`), in order."""
        return self._at(self._covering(model))

    def perhaps(self, model: Value | None) -> list[Thing]:
        """What is not certainly about another object (see `distinct`), in order."""
        if model is None:
            return list(self._things)
        known = isinstance(model, Instance | Built)
        asked = self._vague if known else range(len(self._things))
        unsettled = {place for place in asked if not distinct(self._models[place], model)}
        return self._at(self._same(model) | unsettled)

    def _same(self, model: Value) -> set[int]:
        parts = {place for held in _held(model) for place in self._parts.get(held, ())}
        return parts | self._covering(model)

    def _covering(self, model: Value) -> set[int]:
        return {place for v in _holders(model) for place in self._wholes.get(id(v), ())}

    def _at(self, places: set[int]) -> list[Thing]:
        return [self._things[place] for place in sorted(places)]


def distinct(left: Value | None, right: Value | None) -> bool:
    """Whether two values are certainly not the same object, nor one a part of the other."""
    if left is None or right is None or same_model(left, right):
        return False
    if isinstance(left, Choice):
        return all(distinct(option, right) for option in left.options)
    if isinstance(right, Choice):
        return all(distinct(left, option) for option in right.options)
    if isinstance(left, Unknown) and isinstance(right, Unknown):
        if COPY in left.state or COPY in right.state:
            # what is copied whole is another object from then on
            return True
        (whole, place), (other, elsewhere) = (
            v.state.get(ELEMENT_OF, (v, 0)) for v in (left, right)
        )
        if whole is other and place != elsewhere:
            return True
        named = {left.origin, right.origin} <= {"parameter", "attribute"}
        return named and left.name != right.name
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return _is_made_apart(left, right) or _is_made_apart(right, left)
    return isinstance(left, Instance | Built) and isinstance(right, Instance | Built)


def _is_made_apart(unknown: Value, known: Value) -> bool:
    """Whether an imported function made something of plain values alone: it has never met an object
    that the program builds itself."""
    if not isinstance(unknown, Unknown) or not isinstance(known, Instance | Built):
        return False
    given = unknown.state.get(ARGUMENTS)
    called = unknown.origin == "call" and "." in unknown.name
    if not called or given is None or CALLEE in unknown.state or CALLED_ON in unknown.state:
        return False
    return all(isinstance(value, Constant) for value in given)
