"""What values are computed from, numbers and texts included."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nnlint.questions.training.backpropagation import CRITERION
from nnlint.recipe.watching import MadeOf
from nnlint.semantics.dataflow import computed_from, takes_after_others
from nnlint.semantics.values import (
    ARGUMENTS,
    AS_TENSOR,
    CALLED_ON,
    CALLEE,
    ELEMENT_OF,
    MADE_OF,
    RECEIVER,
    STORED_IN,
    TAKEN_FROM,
    TEST,
    WRITTEN,
    Arithmetic,
    Choice,
    Constant,
    Extent,
    Instance,
    Items,
    Join,
    Maybe,
    Operation,
    ShapeOf,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
)

MOST = 2_000
"""Values that are looked at behind one."""
_COMES_FROM = (MADE_OF, CALLED_ON, RECEIVER, TEST, TAKEN_FROM, STORED_IN, AS_TENSOR)
"""Keys of the state of something unresolved for a value that it comes from."""
_COUNTED = (Arithmetic, Unknown, Choice, Tensor)


class Tracing:
    """Follows values back to what they are computed from.

    Parameters:
        made_of: what else values come from; see `watching.Onlooker`.
    """

    def __init__(self, made_of: MadeOf) -> None:
        self._made_of = made_of
        self._losses: dict[tuple[int, ...], tuple[tuple[Value | None, ...], list[Value]]] = {}
        """By the identities of values, which it keeps alive, the losses behind them."""

    def behind(
        self, *values: Value | None, stop: Callable[[Value], bool] = lambda value: False
    ) -> Iterator[Value]:
        """The values themselves and all that they are computed from, nearest first.

        Parameters:
            stop: what is told but not looked behind.
        """
        waiting = [value for value in values if value is not None]
        seen: set[int] = set()
        at = 0
        while at < len(waiting) and len(seen) < MOST:
            current = waiting[at]
            at += 1
            if id(current) in seen:
                continue
            seen.add(id(current))
            yield current
            if not stop(current):
                waiting += self.parts(current)

    def operations(self, *values: Value | None) -> Iterator[Operation]:
        """The operations behind values, nearest first."""
        for value in self.behind(*values):
            if isinstance(value, Tensor) and isinstance(value.producer, Operation):
                yield value.producer

    def losses(self, *values: Value | None) -> list[Value]:
        """The losses that values are computed from, the values included; nothing behind them."""
        key = tuple(map(id, values))
        known = self._losses.get(key)
        if known is None:
            found = [value for value in self.behind(*values, stop=is_loss) if is_loss(value)]
            known = self._losses[key] = values, found
        return known[1]

    def parts(self, value: Value) -> Iterator[Value]:
        """What a value is computed from directly."""
        match value:
            case Tensor():
                yield from (v for v in value.state.get(WRITTEN, ()) if isinstance(v, Value))
                whole = value.state.get(TAKEN_FROM)
                if isinstance(whole, Value):
                    yield whole
                yield from _of_producer(value.producer)
            case Unknown():
                yield from self._of_unknown(value)
            case Items():
                yield from value.items
                if isinstance(value.state.get(MADE_OF), Value):
                    yield value.state[MADE_OF]
            case Instance():
                # an object that counts, as a running mean does: its numbers
                yield from (v for v in value.state.values() if isinstance(v, _COUNTED))
            case Table():
                yield from (v for v in value.state.values() if isinstance(v, Value))
            case Arithmetic():
                yield from value.operands
            case Choice():
                yield from value.options
            case Maybe():
                yield value.value
            case Constant() | Extent() if value.made is not None:
                yield value.made
            case ShapeOf():
                yield value.tensor
        if id(value) in self._made_of:
            yield from self._made_of[id(value)][1]

    def _of_unknown(self, value: Unknown) -> Iterator[Value]:
        state = value.state
        yield from (v for v in state.get(ARGUMENTS, ()) if isinstance(v, Value))
        for key in _COMES_FROM:
            if isinstance(state.get(key), Value):
                yield state[key]
        element = state.get(ELEMENT_OF)
        if isinstance(element, tuple):
            yield from (part for part in element if isinstance(part, Value))


def _of_producer(producer: Operation | Join | Source) -> Iterator[Value]:
    if isinstance(producer, Source):
        if producer.of is not None:
            yield producer.of
        return
    if isinstance(producer, Operation):
        yield from computed_from(producer)
        if not takes_after_others(producer.entry):
            yield from producer.arguments.values()
        return
    yield from producer.inputs


def is_loss(value: Value) -> bool:
    """Whether a value is what a loss gives: of a library, or something unresolved called so."""
    match value:
        case Tensor(producer=Operation() as made):
            return made.entry.kind == "loss"
        case Unknown(origin="call"):
            callee = value.state.get(CALLEE)
            return isinstance(callee, Unknown) and bool(
                CRITERION.search(callee.name.rpartition(".")[2])
            )
        case Unknown(name=name, origin=""):
            return name.rpartition(".")[2] == "loss"
        case _:
            return False


_NUMBERS = frozenset(
    "sum mean item len count_nonzero numel argmax any all std nansum nanmean".split()
)


def is_number(value: Value) -> bool:
    """Whether a value is a number that stands for many examples."""
    match value:
        case Tensor(producer=Operation() as made):
            return made.entry.name.rpartition(".")[2] in _NUMBERS
        case Unknown():
            return value.name.rpartition(".")[2].removesuffix("()") in _NUMBERS
        case Arithmetic():
            return value.operator in _NUMBERS
        case _:
            return False
