"""Where a module is inside another: `blocks[1]`, `encoder.layers[0]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnlint.semantics.values import Built, Choice, Instance, Items, Maybe, Table, Value

DEEPEST = 6
"""Modules within modules are not looked for further inside."""


def path_to(whole: Value, part: Value) -> str:
    """The shortest way from a module to one of its parts; empty when none is known."""
    seen = {id(whole)}
    waiting = [(whole, "", 0)]
    for value, path, depth in waiting:
        for step, inner in _members(value) if depth < DEEPEST else ():
            if inner is part:
                return (path + step).lstrip(".")
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append((inner, path + step, depth + 1))
    return ""


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
        yield member.value if isinstance(member, Maybe) else member
