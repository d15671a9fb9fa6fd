"""Random draws: which ones go into a value, from which generator, and which have one outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nnlint.semantics.records import record
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    DRAWING,
    MADE_OF,
    RECEIVER,
    TEST,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Items,
    Maybe,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
    same,
)

UNIT_DRAWS = frozenset(
    {"random.random", "numpy.random.random", "numpy.random.rand", "numpy.random.random_sample"}
    | {"torch.rand"}
)
"""Draws of a number from 0 up to 1."""
MODULES = {"random": "random.", "numpy": "numpy.random."}
"""For a family of generators, the functions that draw from its global state as methods do."""


RESTORES = frozenset(
    """seed manual_seed setstate set_state set_rng_state seed_everything set_seed set_random_seed
    fix_seed seed_all""".split()
)
"""Names of what sets the state of a generator."""


@record(frozen=True, eq=False)
class Drawing:
    """One random draw, as the program makes it."""

    source: Built | str = ""
    """The generator that it is drawn from, or the family of the global state."""
    sample: Block | None = None
    """What happens to the sample on whose way it is drawn, if it is."""
    event: Event | None = None
    """The draw on the timeline, where it is there."""


def drawings(value: Value | None, depth: int = 8) -> Iterator[Drawing]:
    """The random draws that go into a value."""
    if depth == 0 or value is None:
        return
    inner: tuple[Any, ...] = ()
    match value:
        case Unknown():
            if value.origin == "draw":
                yield value.state.get(DRAWING) or Drawing()
                return
            if _is_certain(value.state.get(TEST)):
                return
            inner = (value.state.get(TEST), value.state.get(MADE_OF), value.state.get(RECEIVER))
        case Arithmetic():
            inner = value.operands
        case Items():
            inner = (*value.items, value.state.get(MADE_OF))
        case Choice():
            inner = value.options
        case Maybe():
            inner = (value.value,)
        case Tensor(producer=Operation() as operation):
            if operation.entry.random:
                yield operation.drawing or Drawing()
            inner = operation.inputs
            if operation.entry.axes == "data":
                # `torch.tensor(number)`
                inner += tuple(operation.arguments.values())
        case Tensor(producer=Source() as source):
            inner = (source.of,)
    for part in inner:
        yield from drawings(part, depth - 1)


def depends_on_draw(value: Value | None) -> bool:
    """Whether a random draw goes into a value."""
    return any(True for _ in drawings(value))


def _is_certain(test: Value | None) -> bool:
    """Whether a comparison of a number from 0 to 1 with 0 or 1 can end in one way only."""
    if not isinstance(test, Arithmetic) or test.operator not in ("<", "<=", ">", ">="):
        return False
    bounds = [v.value for v in test.operands if isinstance(v, Constant)]
    drawn = [v for v in test.operands if not isinstance(v, Constant)]
    return bounds in ([0], [1]) and any(_drawn_by(v) in UNIT_DRAWS for v in drawn)


def _drawn_by(value: Value) -> str:
    if isinstance(value, Unknown):
        return value.name
    if isinstance(value, Tensor) and isinstance(value.producer, Operation):
        return value.producer.entry.name
    return ""


def method_draw(family: str, method: str) -> str:
    """The function that draws from global state what a generator's method draws from its own."""
    return MODULES.get(family, f"{family}.") + {"integers": "randint"}.get(method, method)


def only_outcome(name: str, given: Mapping[str, Value]) -> Value | None:
    """What a draw gives if it can give one thing only: a choice among one, an empty range.

    Parameters:
        name: the qualified name of the function that draws.
        given: the arguments of the call, by the names of its parameters.
    """
    package, _, draw = name.rpartition(".")
    exclusive = package != "random" or draw == "randrange"
    if not given.keys().isdisjoint(("size", "endpoint")):
        return None
    match draw:
        case "choice":
            return _only_one(given.get("seq") or given.get("a"))
        case "choices" | "sample" if package == "random":
            one = _only_one(given.get("population"))
            drawn = constant(given.get("k"), 1)
            known = one is not None and isinstance(drawn, int) and 0 < drawn < _MANY
            return Items("list", {"items": (one,) * drawn}) if known else None
        case "uniform" | "triangular":
            low, high = given.get("a", given.get("low")), given.get("b", given.get("high"))
            known = low is not None and high is not None and same_number(low, high)
            return low if known else None
        case "gauss" | "normalvariate" | "normal":
            spread = given.get("sigma", given.get("scale"))
            middle = given.get("mu", given.get("loc"))
            return middle if isinstance(spread, Constant) and spread.value == 0 else None
        case "randint" | "randrange":
            first = given.get("a", given.get("low", given.get("start")))
            second = given.get("b", given.get("high", given.get("stop")))
            return _only_integer(first, second, exclusive)
    return None


_MANY = 100


def same_number(left: Value, right: Value) -> bool:
    """Whether two values are certainly the same number."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        numbers = isinstance(left.value, int | float) and isinstance(right.value, int | float)
        return numbers and bool(left.value == right.value)
    return same(left, right)


def _only_one(sequence: Value | None) -> Value | None:
    if isinstance(sequence, Items) and len(sequence.items) == 1:
        many = sequence.open or sequence.grown or isinstance(sequence.items[0], Maybe)
        return None if many else sequence.items[0]
    if not isinstance(sequence, Constant):
        return None
    known = sequence.value
    if isinstance(known, int) and known == 1:
        return Constant(0, sequence.soft)
    if isinstance(known, list | tuple | range | str) and len(known) == 1:
        return Constant(known[0], sequence.soft)
    return None


def _only_integer(first: Value | None, second: Value | None, exclusive: bool) -> Value | None:
    """The only whole number of a range, which may be given by its end alone."""
    if first is None:
        return None
    if second is None or (isinstance(second, Constant) and second.value is None):
        second = first
        first = Constant(0)
    if not exclusive and same_number(first, second):
        return first
    start, stop = constant(first), constant(second)
    known = isinstance(start, int) and isinstance(stop, int)
    return first if known and exclusive and stop - start == 1 else None
