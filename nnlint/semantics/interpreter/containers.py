"""Methods of lists, tables and containers of modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.binding import key_of
from nnlint.semantics.values import (
    NONE,
    Built,
    Constant,
    Items,
    Site,
    Table,
    Unknown,
    Value,
    as_part,
    bare,
    gap,
    holds_state,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.members import Members


class Containers:
    """Calls methods of what holds other values."""

    def __init__(self, machine: Members) -> None:
        self.machine = machine

    def container_method(
        self, built: Built, name: str, positional: Sequence[Value]
    ) -> Value | None:
        """A method of a container of modules."""
        if name == "append" and positional:
            self.machine.fill(built, (*built.members, positional[0]))
            return built
        if name == "extend" and positional:
            spread = self.machine.spread(positional[0])
            self.machine.fill(built, (*built.members, *added(positional[0], spread)))
            if spread is None:
                self.machine.open(built)
            return built
        if name == "insert":
            self.machine.open(built)
            self.machine.write(built.state, "unordered", True)
            return built
        if name in ("values", "children"):
            return Items("list", {"items": built.members, "open": built.state.get("open")})
        names = built.state.get("names", {})
        if name in ("keys", "items", "named_children") and len(names) == len(built.members):
            pairs = [Items("tuple", {"items": (Constant(k), v)}) for k, v in names.items()]
            known = tuple(Constant(k) for k in names) if name == "keys" else tuple(pairs)
            return Items("list", {"items": known, "open": built.state.get("open")})
        if name == "update" and positional and isinstance(positional[0], Table):
            for key, value in positional[0].state.items():
                self.machine.module_methods.register(built, Constant(key), value, built.site)
            return NONE
        return Unknown() if name == "keys" else None

    def items_method(
        self,
        items: Items,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method of a list, tuple or set."""
        if name in ("append", "add") and positional:
            self.machine.gather(site, positional[0], items)
            self.machine.fill(items, (*items.items, positional[0]))
            if holds_state(positional[0]):
                self.machine.emit("keep", site, positional[0], name=name)
        elif name in ("extend", "update", "__iadd__") and positional:
            spread = self.machine.spread(positional[0])
            self.machine.fill(items, (*items.in_order, *added(positional[0], spread)))
            if spread is None:
                self.machine.open(items)
        elif name == "insert" and len(positional) > 1:
            index = positional[0].value if isinstance(positional[0], Constant) else None
            if isinstance(index, int):
                changed = list(items.items)
                changed.insert(index, positional[1])
                self.machine.fill(items, tuple(changed))
            else:
                self.machine.open(items)
        elif name == "pop":
            return self._pop(items, positional)
        elif name == "copy":
            return Items(items.kind, dict(items.state), items.site)
        elif name in ("clear", "remove", "sort", "reverse"):
            self.machine.write(items.state, "open", True)
        elif name in ("step", "zero_grad", "train", "eval", "backward"):
            return self.machine.duck_call(items, name, positional, keywords, site)
        else:
            return Unknown()
        return NONE

    def _pop(self, items: Items, positional: Sequence[Value]) -> Value:
        index = positional[0].value if positional and isinstance(positional[0], Constant) else -1
        known = not items.open and len(positional) == len([*filter(_is_constant, positional)])
        if not known or not isinstance(index, int) or not items.items:
            self.machine.write(items.state, "open", True)
            return Unknown()
        left = list(items.items)
        taken = left.pop(index) if -len(left) <= index < len(left) else Unknown()
        self.machine.fill(items, tuple(left))
        return bare(taken)

    def table_method(self, table: Table, name: str, positional: Sequence[Value]) -> Value:
        """A method of a dict."""
        if (
            name in ("get", "pop", "setdefault")
            and positional
            and (key := key_of(positional[0])) is not ...
        ):
            found: Value | None = table.state.get(key)
            if found is None:
                found = (
                    positional[1]
                    if len(positional) > 1 and ... not in table.state
                    else Unknown(str(key), "option")
                )
            return Constant(found.value, True) if isinstance(found, Constant) else found
        if name == "values":
            values = tuple(value for _, value in _entries(table))
            return Items("list", {"items": values, "open": ... in table.state})
        if name == "items":
            pairs = tuple(Items("tuple", {"items": pair}) for pair in _entries(table))
            return Items("list", {"items": pairs, "open": ... in table.state})
        if name == "keys":
            keys = tuple(Constant(k) for k in table.state if k is not ...)
            return Items("list", {"items": keys, "open": ... in table.state})
        if name == "update":
            for other in positional:
                changes = other.state if isinstance(other, Table) else {...: Unknown()}
                for key, value in changes.items():
                    self.machine.write(table.state, key, as_part(value, table))
            return NONE
        if name == "copy":
            return Table(dict(table.state), table.site)
        return Unknown()


def _entries(table: Table) -> list[tuple[Value, Value]]:
    """The keys of a dict, each with its value; last what is known of those under unknown keys."""
    known: list[tuple[Value, Value]] = [
        (Constant(key), value) for key, value in table.state.items() if key is not ...
    ]
    further = table.state.get(...)
    if further is not None and not isinstance(further, Unknown):
        known.append((Unknown("key"), further))
    return known


def _is_constant(value: Value) -> bool:
    return isinstance(value, Constant)


def added(value: Value, spread: Sequence[Value] | None) -> Sequence[Value]:
    """What extending a sequence by `value` adds, with a gap for what is not known."""
    if spread is not None:
        return spread
    return value.in_order if isinstance(value, Items) else (gap(),)
