"""Where a module is inside another: `blocks[1]`, `encoder.layers[0]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnlint.semantics.values import Built, Choice, Instance, Items, Table, Value, bare

DEEPEST = 6
"""Modules within modules are not looked for further inside."""


def path_to(whole: Value, part: Value) -> str:
    """The shortest way from a module to one of its parts; empty when none is known."""
    return "".join(step for step, _ in way_to(whole, part)).lstrip(".")


def way_to(whole: Value, part: Value) -> tuple[tuple[str, Value], ...]:
    """The modules on the shortest way from one to a part of it, each with how it is reached from
    the one before; empty when none is known."""
    seen = {id(whole)}
    waiting: list[tuple[Value, tuple[tuple[str, Value], ...]]] = [(whole, ())]
    for value, way in waiting:
        for step, inner in _members(value) if len(way) < DEEPEST else ():
            if inner is part:
                return (*way, (step, inner))
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append((inner, (*way, (step, inner))))
    return ()


def _members(value: Value) -> Iterator[tuple[str, Value]]:
    state: dict[Any, Any] = {}
    match value:
        case Instance():
            state = value.state
            for index, member in enumerate(_items(value.state.get("items", ()))):
                yield f"[{index}]", member
        case Built():
            names = {id(v): k for k, v in value.state.get("names", {}).items()}
            for index, member in enumerate(_items(value.members)):
                name = names.get(id(member))
                yield f".{name}" if name else f"[{index}]", member
        case Items():
            for index, member in enumerate(_items(value.items)):
                yield f"[{index}]", member
        case Table():
            for key, member in value.state.items():
                if isinstance(key, str) and isinstance(member, Value):
                    yield f'["{key}"]', member
        case Choice():
            for option in value.options:
                yield "", option
    for name, member in state.items():
        if isinstance(name, str) and name.isidentifier() and isinstance(member, Value):
            yield f".{name}", member


def _items(members: Any) -> Iterator[Value]:
    for member in members if isinstance(members, tuple) else ():
        yield bare(member)
