"""Values that have no class of their own, and how much of them is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from nnlint.semantics.records import record
from nnlint.semantics.values.keys import ARGUMENTS, MADE_OF, TEST
from nnlint.semantics.values.sites import Condition, Site

LONGEST_SEQUENCE = 2_048
"""Elements of a sequence that are followed; behind them it is open."""
HEAVIEST, HEAVIEST_FORMULA = 1_000, 200
"""Parts that a value and that symbolic arithmetic may have, counted as often as they are reached."""
DEEPEST = 64
"""Values inside one another that are followed."""


class Value:
    """Anything an expression can evaluate to."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Unknown(Value):
    """A value nothing is known about but where it came from."""

    name: str = ""
    """The dotted source name: `args.lr`, `self.optimizer`, `epoch`."""
    origin: str = ""
    """`parameter`, `loop`, `option`, `call` or empty."""
    state: dict[Any, Any] = field(default_factory=dict)
    """Members and elements read so far, and the tensor it turned out to be."""


@record(frozen=True, eq=False)
class Constant(Value):
    """A literal, or what constant folding made of literals."""

    value: Any
    soft: bool = False
    """Only a default: a parameter, option or configuration field may set it otherwise."""
    site: Site | None = None
    carried: bool = False
    """The first of the values that a loop or method goes on from."""
    made: Value | None = None
    """The arithmetic that it was folded from, where its operands are only defaults."""


@dataclass(slots=True, eq=False)
class Items(Value):
    """A list, tuple or set: `state["items"]` is a tuple of values."""

    kind: str
    state: dict[Any, Any]
    site: Site | None = None

    def __post_init__(self) -> None:
        if "items" in self.state:
            items = self.state["items"]
            self.state["items"] = kept = held(items)
            if len(kept) < len(items):
                self.state["open"] = True

    @property
    def items(self) -> tuple[Value, ...]:
        """The elements in order; `Maybe` ones are there on some paths only."""
        result: tuple[Value, ...] = self.state["items"]
        return result

    @property
    def open(self) -> bool:
        """Whether there may be further, unknown elements."""
        return bool(self.state.get("open"))

    @property
    def collected(self) -> bool:
        """Whether a trainer has put together what a step has returned for every batch."""
        return bool(self.state.get("collected"))

    @property
    def alike(self) -> bool:
        """Whether the further elements are like the known ones, as a comprehension's are."""
        return bool(self.state.get("alike"))

    @property
    def in_order(self) -> tuple[Value, ...]:
        """The elements in order, with a gap where others of unknown kind may stand."""
        if not self.open or self.alike or any(is_gap(item) for item in self.items):
            return self.items
        return (*self.items, gap())

    @property
    def grown(self) -> bool:
        """Whether it began empty: how much is in it later depends on the run."""
        return bool(self.state.get("grown"))


@dataclass(slots=True, eq=False)
class Table(Value):
    """A dict: `state` maps constant keys to values; key `...` stands for unknown ones."""

    state: dict[Any, Any]
    site: Site | None = None

    def __post_init__(self) -> None:
        if not is_light(self.state.values()):
            parts = without_parts(self.state.values())
            self.state.update(zip(tuple(self.state), parts, strict=True))


@dataclass(slots=True, eq=False)
class Settings(Table):
    """What a configuration file holds under keys: a dict whose items may be read as attributes."""


@record(frozen=True, eq=False)
class Maybe(Value):
    """An element that is there on some paths only."""

    value: Value
    reasons: tuple[Condition, ...] = ()
    """The branches that lead to it, where they are known."""


def bare(value: Value) -> Value:
    """An element itself, though it may be there on some paths only; anything else as it is."""
    return value.value if isinstance(value, Maybe) else value


@record(frozen=True, eq=False)
class Choice(Value):
    """One of several values, depending on the path taken."""

    options: tuple[Value, ...]
    reasons: tuple[tuple[Condition, ...], ...] = ()
    """For each option the branches that lead to it; an empty tuple when they are not known."""


NONE = Constant(None)


def is_light(parts: Iterable[Any], most: int = HEAVIEST, outer: Value | None = None) -> bool:
    """Whether values together are small enough to be parts of one that is followed.

    `s = [s, s]`, written forty times, is a few objects and a trillion paths to them.

    Parameters:
        most: how many parts there may be in all.
        outer: what they become parts of: a value that holds itself has no end. The layers of a
            container are called one by one, so those in a container of layers count, too.
    """
    members_of = MEMBERS_OF if type(outer) in MEMBERS_OF else {}
    parts_of = PARTS_OF.get
    seen = depth = 0
    level = list(parts)
    while level:
        seen += len(level)
        depth += 1
        inner: list[Any] = []
        for value in level:
            if value is outer and outer is not None:
                return False
            kind = type(value)
            if kind is Constant and value.made is None:
                continue
            found = members_of.get(kind) or parts_of(kind)
            if found is not None:
                inner += found(value)
        if inner and (seen + len(inner) > most or depth > DEEPEST):
            return False
        level = inner
    return True


PARTS_OF: dict[type, Callable[[Any], Iterable[Any]]] = {
    Items: lambda value: value.state.get("items", ()),
    Table: lambda value: value.state.values(),
    Settings: lambda value: value.state.values(),
    Choice: lambda value: value.options,
    Maybe: lambda value: (value.value,),
    Constant: lambda value: () if value.made is None else (value.made,),
    Unknown: lambda value: (
        value.state and [value.state[k] for k in (TEST, ARGUMENTS, MADE_OF) if k in value.state]
    ),
    tuple: lambda value: value,
}
"""What a walk over a value goes on to; other families add theirs."""
MEMBERS_OF: dict[type, Callable[[Any], Iterable[Any]]] = {}
"""What a walk over what is in a container of layers goes on to besides."""


def as_part(value: Value, outer: Value | None = None) -> Value:
    """A value as a part of another that is followed: unknown, where it is too large for one."""
    if is_light((value,), outer=outer):
        return value
    return Unknown()


def held(items: tuple[Value, ...], outer: Value | None = None) -> tuple[Value, ...]:
    """The elements of a sequence, as far as they are followed.

    Parameters:
        outer: the sequence, where it is there before its elements.
    """
    items = items[:LONGEST_SEQUENCE]
    most = LONGEST_SEQUENCE if type(outer) in MEMBERS_OF else HEAVIEST
    return items if is_light(items, most, outer) else without_parts(items, outer)


def without_parts(values: Iterable[Any], outer: Value | None = None) -> tuple[Any, ...]:
    """Values, those that have parts themselves being unknown."""
    return tuple(value if is_light((value,), 0, outer) else Unknown() for value in values)


def gap() -> Unknown:
    """What stands in a sequence for any number of unknown elements."""
    return Unknown(origin="gap")


def is_gap(value: Value) -> bool:
    """Whether a value stands for any number of unknown elements of a sequence."""
    return isinstance(value, Unknown) and value.origin == "gap"
