"""What a run asserts: relations that must hold for it to go on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import ASSERTED, Call
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE_OF,
    TEST,
    Arithmetic,
    Operation,
    Tensor,
    Unknown,
    Value,
)

_OPERATIONS = {
    "torch.lt": "<",
    "torch.le": "<",
    "torch.gt": ">",
    "torch.ge": ">",
    "torch.eq": "==",
    "torch.isclose": "close",
    "torch.allclose": "close",
    "torch.equal": "==",
}
_CLOSE = frozenset(
    "isclose allclose assert_close assert_allclose assert_almost_equal assert_array_almost_equal "
    "assertAlmostEqual assert_approx_equal".split()
)
_EQUAL = frozenset({"assertEqual", "assertEquals", "assert_equal", "assert_array_equal"})
_LESS = frozenset({"assertLess", "assertLessEqual"})
_GREATER = frozenset({"assertGreater", "assertGreaterEqual"})
_TRUE, _FALSE = frozenset({"assertTrue", "assert_", "all", "any", "bool", "item"}), "assertFalse"
_WRAPS = frozenset({"torch.all", "torch.any", "torch.Tensor.item", "torch.Tensor.bool"})


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """Something that is asserted of two values."""

    kind: str
    """`<`, `==` or `close`."""
    left: Value
    """Of `<` the smaller one."""
    right: Value
    call: Call
    """The assertion."""


def relations(context: Context, *runs: Run) -> Iterator[Relation]:
    """All relations that runs assert: by `assert`, by raising, by the methods of test cases and
    the functions of testing modules."""
    for run in runs or context.runs:
        for call in context.calls(run):
            if not call.is_own:
                yield from _of_call(call)
        for call in context.assertions(run):
            # an error is raised where the opposite holds
            holds = not _raises(call)
            yield from _of_test(call.arguments[0], holds, call)


def _raises(call: Call) -> bool:
    node = call.site.node
    return call.event.kind == ASSERTED and any(
        isinstance(other, ast.If) and other.test is node for other in call.site.module.nodes
    )


def _of_call(call: Call) -> Iterator[Relation]:
    name, given = call.last_name, call.arguments
    if len(given) >= 2:
        if name in _CLOSE and name.startswith("assert"):
            yield Relation("close", given[0], given[1], call)
        elif name in _EQUAL:
            yield from _equal(given[0], given[1], call)
        elif name in _LESS:
            yield from _less(given[0], given[1], call)
        elif name in _GREATER:
            yield from _less(given[1], given[0], call)
    if given and name in ("assertTrue", "assert_", _FALSE):
        yield from _of_test(given[0], name != _FALSE, call)


def _of_test(test: Value, holds: bool, call: Call) -> Iterator[Relation]:
    """The relations that follow from a test that holds, or does not."""
    match test:
        case Tensor(producer=Operation() as made):
            yield from _of_operation(made, holds, call)
        case Unknown():
            told = test.state.get(TEST)
            inner = test.state.get(MADE_OF)
            if isinstance(told, Arithmetic):
                yield from _of_comparison(told, holds, call)
            elif isinstance(inner, Value):
                yield from _of_test(inner, holds, call)
            else:
                yield from _of_named(test, holds, call)
        case Arithmetic():
            yield from _of_comparison(test, holds, call)


def _of_named(test: Unknown, holds: bool, call: Call) -> Iterator[Relation]:
    name = test.name.rpartition(".")[2]
    given = [v for v in test.state.get(ARGUMENTS, ()) if isinstance(v, Value)]
    if name in _CLOSE and len(given) >= 2 and holds:
        yield Relation("close", given[0], given[1], call)
    elif name in _TRUE and given:
        yield from _of_test(given[0], holds, call)


def _of_operation(made: Operation, holds: bool, call: Call) -> Iterator[Relation]:
    name = made.entry.name
    sides = (made.arguments.get("input"), made.arguments.get("other"))
    if name in _OPERATIONS and sides[0] is not None and sides[1] is not None:
        yield from _ordered(_OPERATIONS[name], sides[0], sides[1], holds, call)
    elif (name in _WRAPS or made.entry.transparent) and made.inputs:
        yield from _of_test(made.inputs[0], holds, call)


def _of_comparison(test: Arithmetic, holds: bool, call: Call) -> Iterator[Relation]:
    match test.operator, test.operands:
        case "not", (operand,):
            yield from _of_test(operand, not holds, call)
        case "and", operands if holds:
            for operand in operands:
                yield from _of_test(operand, True, call)
        case "or", operands if not holds:
            for operand in operands:
                yield from _of_test(operand, False, call)
        case "<" | "<=" | ">" | ">=" | "==" | "!=" as symbol, (left, right):
            yield from _ordered(symbol, left, right, holds, call)


def _ordered(symbol: str, left: Value, right: Value, holds: bool, call: Call) -> Iterator[Relation]:
    if symbol in ("==", "close"):
        if holds:
            yield from _equal(left, right, call, symbol)
    elif symbol == "!=":
        if not holds:
            yield from _equal(left, right, call)
    elif (symbol[0] == "<") is holds:
        yield from _less(left, right, call)
    else:
        yield from _less(right, left, call)


def _equal(left: Value, right: Value, call: Call, kind: str = "==") -> Iterator[Relation]:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Unknown) and one.name.rpartition(".")[2] == "approx":
            given = [v for v in one.state.get(ARGUMENTS, ()) if isinstance(v, Value)]
            if given:
                yield Relation("close", other, given[0], call)
                return
    yield Relation(kind, left, right, call)


def _less(left: Value, right: Value, call: Call) -> Iterator[Relation]:
    apart = _difference(left)
    if apart is not None:
        yield Relation("close", *apart, call)
        return
    yield Relation("<", left, right, call)


def _difference(value: Value) -> tuple[Value, Value] | None:
    """The two values of which a value is the distance: `abs(a - b)`, `(a - b).abs().max()`."""
    inner = _inside(value, ("abs",), ("torch.abs",))
    if inner is None:
        reduced = _inside(value, ("max", "float", "item"), ("torch.max", "torch.mean"))
        return _difference(reduced) if reduced is not None else None
    match inner:
        case Arithmetic(operator="-", operands=(left, right)):
            return left, right
    tensor = tensor_of(inner)
    made = tensor.producer if tensor is not None else None
    if isinstance(made, Operation) and made.entry.name == "torch.sub":
        first, second = made.arguments.get("input"), made.arguments.get("other")
        return (first, second) if first is not None and second is not None else None
    return None


def _inside(value: Value, names: tuple[str, ...], operations: tuple[str, ...]) -> Value | None:
    """What a function of one value was given, if a value is its result."""
    inner: Value | None
    match value:
        case Arithmetic(operator=symbol, operands=(operand, *_)) if symbol in names:
            return operand
        case Tensor(producer=Operation() as made) if made.entry.name in operations and made.inputs:
            return made.inputs[0]
        case Unknown(name="item()") if "item" in names:
            inner = value.state.get(MADE_OF)
            return inner
        case Unknown() if value.name.rpartition(".")[2] in names:
            given = [v for v in value.state.get(ARGUMENTS, ()) if isinstance(v, Value)]
            return given[0] if given else None
        case _:
            return None
