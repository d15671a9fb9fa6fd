"""The number that a symbolic value has at one moment of the run."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnlint.semantics.folding import NotFolded, folded
from nnlint.semantics.interpreter.numbers import FUNCTIONS
from nnlint.semantics.values import (
    TEST,
    Arithmetic,
    Choice,
    Condition,
    Constant,
    External,
    Items,
    Maybe,
    Operation,
    Tensor,
    Unknown,
    Value,
    bare,
)

EPOCH = re.compile(r"(?:^|_)(?:epochs?|ep)(?:$|_)|^e$", re.IGNORECASE)
STEP = re.compile(r"(?:^|_)(?:steps?|iters?|iterations?|it|batch(?:es)?|i|t)(?:$|_)", re.IGNORECASE)
LENGTH = re.compile(
    r"(?:^|_)(?:num|n|max|total|end|stop|warm\w*|decay|start|per|size|len|every|freq|epochs"
    r"|milestones?|interval|lr)(?:$|_)",
    re.IGNORECASE,
)
_INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}
_BOOLEAN: dict[str, Callable[[list[Any]], bool]] = {
    "and": all,
    "or": any,
    "not": lambda v: not v[0],
}
_SCALING = frozenset({"*", "/", "+", "-", "float"})
"""Operators under which a number that is not known stays a mere scale."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment of the run: which values count the epochs, and how many have passed."""

    time: float
    names: re.Pattern[str] = EPOCH
    counter: Value | None = None
    """The value that is known to count, whatever it is called."""
    guess: bool = False
    """Numbers from outside get a typical value, where otherwise nothing is known of them."""

    def counts(self, value: Unknown) -> bool:
        """Whether a value counts the moments."""
        if value is self.counter:
            return True
        name = value.name.rpartition(".")[2]
        return bool(self.names.search(name)) and not LENGTH.search(name)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or several of them."""

    value: Any
    free: bool = False
    """It stands for a number that the program gets from outside: only ratios mean anything."""


_BITS = 1_000
"""A whole number of so many bits is still a float."""
SCALE = 1.0
TYPICAL, TYPICAL_WARMUP = 100.0, 5.0
"""Numbers to try for lengths that come from outside."""


def number_at(value: Value | None, clock: Clock) -> Number | None:
    """What `value` is at a moment; None when that cannot be told."""
    match value:
        case Constant():
            return _constant(value, clock)
        case Unknown():
            return _unknown(value, clock)
        case External(name="math.pi" | "numpy.pi"):
            return Number(math.pi)
        case Arithmetic():
            operands = [number_at(v, clock) for v in _operands(value)]
            return _compute(value.operator, operands, clock)
        case Choice():
            return _chosen(value, clock)
        case Items():
            parts = [number_at(bare(v), clock) for v in value.items]
            if value.open or any(p is None for p in parts):
                return None
            known = [p for p in parts if p is not None]
            return Number([p.value for p in known], any(p.free for p in known))
        case Tensor(producer=Operation() as operation):
            return _operation(operation, clock)
        case _:
            return None


def holds(condition: Condition, clock: Clock) -> bool | None:
    """Whether a branch is taken at a moment; None when that cannot be told."""
    found = number_at(condition.test, clock)
    if found is None or (found.free and not clock.guess):
        return None
    try:
        return bool(found.value) is condition.taken
    except (TypeError, ValueError):
        return None


def depends_on_time(value: Value | None, clock: Clock, depth: int = 12) -> bool:
    """Whether the counter of moments goes into a value."""
    if depth == 0 or value is None:
        return False
    inner: Sequence[Value]
    match value:
        case Constant():
            return clock.guess and _counts_up(value)
        case Unknown():
            if clock.counts(value):
                return True
            inner = [value.state[TEST]] if TEST in value.state else []
        case Arithmetic():
            inner = value.operands
        case Choice():
            inner = value.options
            reasons = [c.test for why in value.reasons for c in why if c.test is not None]
            inner = (*inner, *reasons)
        case Items():
            inner = value.items
        case Maybe():
            inner = (value.value,)
        case Tensor(producer=Operation() as operation):
            inner = tuple(operation.arguments.values())
        case _:
            return False
    return any(depends_on_time(v, clock, depth - 1) for v in inner)


def _operands(value: Arithmetic) -> Sequence[Value]:
    # unary minus is kept as `None - x`
    if value.operator == "-" and isinstance(value.operands[0], Constant):
        if value.operands[0].value is None:
            return (Constant(0), *value.operands[1:])
    return value.operands


def is_former_rate(value: Value) -> bool:
    """Whether a value is the learning rate that was set the time before."""
    if isinstance(value, Constant):
        return value.carried and isinstance(value.value, float)
    if not isinstance(value, Unknown) or value.origin != "group":
        return False
    return value.name.rpartition(".")[2] == "lr"


def _counts_up(value: Constant) -> bool:
    """Whether a whole number is the first of those that a loop goes on from."""
    return value.carried and isinstance(value.value, int) and not isinstance(value.value, bool)


def _constant(value: Constant, clock: Clock) -> Number | None:
    if value.made is not None:
        return number_at(value.made, clock)
    if is_former_rate(value):
        return Number(SCALE)
    number = value.value
    if clock.guess and _counts_up(value):
        return Number(clock.time)
    if isinstance(number, range | list | tuple | frozenset | set):
        try:
            return Number(folded(list, number), value.soft)
        except NotFolded:
            return None
    if not isinstance(number, int | float):
        return None
    derived = value.site is None and isinstance(number, int) and not isinstance(number, bool)
    return Number(number, value.soft or (derived and abs(number) > 1))


def _unknown(value: Unknown, clock: Clock) -> Number | None:
    if clock.counts(value):
        return Number(clock.time)
    test = value.state.get(TEST)
    if isinstance(test, Arithmetic):
        return number_at(test, clock)
    if is_former_rate(value):
        return Number(SCALE)
    if not clock.guess:
        return Number(SCALE, True)
    name = value.name.rpartition(".")[2].lower()
    if "lr" in name or "rate" in name:
        return Number(SCALE, True)
    return Number(TYPICAL_WARMUP if "warm" in name else TYPICAL, True)


def _compute(symbol: str, operands: Sequence[Number | None], clock: Clock) -> Number | None:
    known = [o for o in operands if o is not None]
    if len(known) < len(operands) or not known:
        return None
    free = any(o.free for o in known)
    if free and not clock.guess and symbol not in _SCALING:
        return None
    values = [o.value for o in known]
    try:
        if symbol in _BOOLEAN:
            return Number(_BOOLEAN[symbol](values), free)
        if symbol in _INFIX:
            return Number(_elementwise(_INFIX[symbol], symbol, *values), free)
        function = FUNCTIONS.get(symbol)
        given = _flat(values) if symbol == "sum" else values
        result = None if function is None else folded(function, *given, bits=_BITS)
    except (NotFolded, TypeError, ValueError, IndexError):
        return None
    if isinstance(result, complex) or result is None:
        return None
    return Number(result, free)


def _elementwise(function: Callable[[Any, Any], Any], symbol: str, left: Any, right: Any) -> Any:
    if isinstance(left, list) and symbol not in ("in", "not in"):
        return [folded(function, v, right, bits=_BITS) for v in left]
    if isinstance(right, list) and symbol not in ("in", "not in"):
        return [folded(function, left, v, bits=_BITS) for v in right]
    return folded(function, left, right, bits=_BITS)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [inner for v in values for inner in (v if isinstance(v, list) else [v])]


def _chosen(value: Choice, clock: Clock) -> Number | None:
    """The option whose branches are taken; else the one that is left."""
    fallback: list[Value] = []
    for option, why in zip(value.options, value.reasons, strict=False):
        # branches that do not look at the time are the program's own business
        timed = [c for c in why if c.test is not None and depends_on_time(c.test, clock)]
        if not timed:
            fallback.append(option)
            continue
        outcomes = [holds(c, clock) for c in timed]
        if all(outcome is True for outcome in outcomes):
            return number_at(option, clock)
        if any(outcome is None for outcome in outcomes) and False not in outcomes:
            return None
    return number_at(fallback[0], clock) if len(fallback) == 1 else None


def _operation(operation: Operation, clock: Clock) -> Number | None:
    given = list(operation.arguments.values())
    if operation.entry.name in ("numpy.array", "torch.tensor") and given:
        return number_at(given[0], clock)
    if operation.entry.name in ("numpy.sum", "torch.sum") and given:
        return _compute("sum", [number_at(given[0], clock)], clock)
    node = operation.site.node
    symbol = _SYMBOLS.get(type(node.op)) if isinstance(node, ast.BinOp) else None
    if symbol is not None and len(given) >= 2:
        return _compute(symbol, [number_at(v, clock) for v in given[:2]], clock)
    return None


_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}


def is_finite(number: Any) -> bool:
    """Whether a result is a usable number."""
    return isinstance(number, int | float) and math.isfinite(number)
