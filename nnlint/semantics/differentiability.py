"""Where gradients come from, and where they are lost: the ways from a value back to weights."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nnlint.semantics.library import Entry
from nnlint.semantics.sums import arithmetic, components
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLEE,
    ELEMENT_OF,
    MADE,
    MADE_OF,
    READ_AT,
    RECEIVER,
    WRITTEN,
    Arithmetic,
    Choice,
    Constant,
    Extent,
    Items,
    Operation,
    ShapeOf,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import enclosing_statements

FLAT = frozenset("detach argmax compare create tensor draw gradient rounding variable item".split())
"""Families of operations through which no gradient flows."""
INDEXED = frozenset({"gather", "index", "select", "embedding"})
"""Families of operations whose further inputs are indices."""
TO_NUMBERS = {"item()": "item", "tolist()": "item", "numpy()": "numpy"}
"""What reads the numbers of a tensor, and how its result is called by the interpreter."""
_WITHOUT_VALUES = frozenset({"create", "gradient"})
"""Flat families whose results say nothing of the values of their inputs, or too much to tell."""
LONGEST_WAY = 5_000
"""Values that are followed from one value on."""


def is_flat(entry: Entry) -> bool:
    """Whether no gradient flows through what an API computes.

    `options.differentiable` says of single members of a family that it does: `torch.as_tensor`
    gives a tensor back as it is, while `torch.tensor` copies it.
    """
    return entry.family in FLAT and not entry.options.get("differentiable")


def gives_positions(tensor: Tensor) -> bool:
    """Whether a tensor holds the positions that an operation gives beside the values there: the
    second result of `x.max(1)`, `x.topk(5)`, `x.sort()`."""
    made = tensor.producer
    if not isinstance(made, Operation) or not made.entry.options.get("pair"):
        return False
    pair = made.result
    beside = isinstance(pair, Items) and len(pair.items) == 2 and pair.items[1] is tensor
    return beside and not made.entry.options.get("both_values")


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A place behind which no gradient flows on."""

    how: str
    """detach, data, item, number (`float(x)`), numpy, tensor, variable, argmax, compare, rounding,
    draw or no_grad."""
    site: Site
    behind: tuple[Value, ...]
    """What is used there by its value alone."""
    switch: Site | None = None
    """Where gradients are written to be off, around the place or a call on the way to it; None
    where something else cuts, or where they are off in some phase only."""


@dataclass(slots=True, eq=False)
class Origins:
    """What a value depends on differentiably, and what by its value alone."""

    live: list[Value] = field(default_factory=list)
    """Models, layers, parameters and other trained tensors that a gradient of the value reaches."""
    leaves: list[Unknown | Source] = field(default_factory=list)
    """Values from outside that are no result of a call: data, or anything else."""
    cuts: list[Cut] = field(default_factory=list)
    """Where gradients stop that would reach further."""
    seen: set[int] = field(default_factory=set)
    """The identities of the values that a gradient passes."""
    unknown: bool = False
    """Whether something on the way is not known: anything may be behind it."""


Passes = Callable[[Unknown], tuple[bool, Value | None, tuple[Value, ...]] | None]
"""What tells of the result of an unresolved call what it is: whether gradients are recorded there,
the model, or None where nothing in it has weights, and what it is given."""


def origins(value: Value | None, passes: Passes) -> Origins:
    """Where the gradients of a value lead, and where they are lost on the way."""
    found = Origins()
    waiting = [] if value is None else [value]
    while waiting:
        current = waiting.pop()
        if id(current) in found.seen:
            continue
        found.seen.add(id(current))
        if len(found.seen) > LONGEST_WAY:
            found.unknown = True
            break
        waiting += _behind(current, found, passes)
    return found


def _behind(value: Value, found: Origins, passes: Passes) -> Iterable[Value]:
    """The values that the gradient of one goes on to; what else is met there is noted."""
    match value:
        case Tensor(producer=Operation() as operation) if gives_positions(value):
            found.cuts.append(Cut("argmax", operation.site, operands(operation)))
        case Tensor(producer=Operation() as operation):
            return (*_behind_operation(operation, found), *_written(value))
        case Tensor(producer=Source(of=None) as source):
            found.leaves.append(source)
        case Arithmetic(operator="float" | "int" | "round", site=Site() as site):
            found.cuts.append(Cut("number", site, value.operands))
        case Unknown():
            return _behind_unresolved(value, found, passes)
        case Constant() | Extent() | ShapeOf():
            pass
        case _:
            parts = components(value)
            vague = isinstance(value, Items) and value.open and not value.alike
            found.unknown = found.unknown or parts is None or vague
            return (*(parts or ()), *(_written(value) if isinstance(value, Tensor) else ()))
    return ()


def _written(tensor: Tensor) -> tuple[Value, ...]:
    return tuple(v for v in tensor.state.get(WRITTEN, ()) if isinstance(v, Value))


def _behind_operation(operation: Operation, found: Origins) -> tuple[Value, ...]:
    entry = operation.entry
    if entry.family == "size":
        return ()
    if entry.family == "parameter" or _is_asked_for(operation):
        if operation.result is not None:
            found.live.append(operation.result)
        return ()
    if entry.family == "gradient":
        found.unknown = True
        return ()
    given = operands(operation)
    if not is_flat(entry) and not operation.grad and _is_in_place(operation):
        # what changes the values of a tensor leaves its graph, of which it becomes no part
        return given[:1]
    if is_flat(entry) or not operation.grad:
        if entry.family not in _WITHOUT_VALUES:
            how, layer = _how(operation), operation.layer
            if layer is not None and entry.kind == "layer":
                given = (*given, layer)
            off = switched_off(operation.site, *operation.callers) if how == "no_grad" else None
            found.cuts.append(Cut(how, operation.site, given, off))
        return ()
    if operation.layer is not None and entry.kind == "layer":
        found.live.append(operation.layer)
    return given[:1] if entry.family in INDEXED else given


def _is_in_place(operation: Operation) -> bool:
    """Whether an operation changes its first operand: `loss *= weights`, `loss.mul_(weights)`."""
    node = operation.site.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr.endswith("_") and not node.func.attr.endswith("__")
    chain = enclosing_statements(operation.site.module, node)
    statement = chain[-1].node if chain else None
    return (
        isinstance(node, ast.BinOp)
        and isinstance(statement, ast.AugAssign)
        and (statement.lineno, statement.col_offset) == (node.lineno, node.col_offset)
    )


def _is_asked_for(operation: Operation) -> bool:
    """Whether an operation makes a tensor of plain numbers, of which gradients are asked for."""
    asks = operation.arguments.get("requires_grad")
    return isinstance(asks, Constant) and asks.value is True and is_made_of_numbers(operation)


def is_made_of_numbers(operation: Operation) -> bool:
    """Whether an operation makes a tensor of sizes, or of numbers that nothing has computed."""
    family = operation.entry.family
    if family == "tensor":
        return all(map(_is_given, operands(operation)))
    return family == "create"


def _is_given(value: Value) -> bool:
    """Whether a number, or a list of some, is written down or handed over as a setting."""
    match value:
        case Items():
            return all(map(_is_given, value.items))
        case Unknown():
            return value.origin in ("parameter", "option", "attribute")
        case _:
            return isinstance(value, Constant)


def _how(operation: Operation) -> str:
    """How an operation cuts the gradient."""
    if not is_flat(operation.entry):
        return "no_grad"
    if operation.entry.family == "detach":
        # the interpreter reads `x.data` as a detach
        called = operation.site.text.rpartition(".")[2]
        return {"data": "data", "numpy()": "numpy"}.get(called, "detach")
    return operation.entry.family


def switched_off(*places: Site) -> Site | None:
    """Where it is written that no gradients are recorded at one of some places, in every phase:
    `with torch.no_grad():` around it, or such a decorator of its function."""
    for place in places:
        for placed in enclosing_statements(place.module, place.node):
            match placed.node:
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    written = [item.context_expr for item in items]
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    written = placed.node.decorator_list
                case _:
                    continue
            for node in written:
                called = node.func if isinstance(node, ast.Call) else node
                if last_name(called) in ("no_grad", "inference_mode"):
                    return Site(place.module, node)
    return None


def operands(operation: Operation) -> tuple[Value, ...]:
    """What an operation computes with: its inputs, and what is given beside them and is none yet."""
    built = operation.layer.arguments.keys() if operation.layer is not None else ()
    inputs = operation.inputs
    known = {id(t) for t in inputs} | {
        id(t.producer.of) for t in inputs if isinstance(t.producer, Source)
    }
    given = [v for name, v in operation.arguments.items() if name not in built]
    loose = [v for v in given if isinstance(v, Unknown | Arithmetic | Items | Choice)]
    return (*inputs, *(v for v in loose if id(v) not in known))


def _behind_unresolved(value: Unknown, found: Origins, passes: Passes) -> tuple[Value, ...]:
    state = value.state
    made = state.get(MADE, ())
    if value.name in TO_NUMBERS and MADE_OF in state:
        if made:
            found.cuts.append(Cut(TO_NUMBERS[value.name], made[-1], (state[MADE_OF],)))
        else:
            found.unknown = True
        return ()
    if READ_AT in state:
        found.cuts.append(Cut("data", state[READ_AT], (state[RECEIVER],)))
        return ()
    if value.origin == "parameter_tensor":
        found.live.append(value)
        return ()
    if value.origin == "length":
        return ()
    if value.name in ("sum", "max", "min") and CALLEE not in state and ARGUMENTS in state:
        return tuple(state[ARGUMENTS])
    told = passes(value)
    if told is not None:
        recorded, model, given = told
        if not recorded:
            behind = given if model is None else (model, *given)
            found.cuts.append(Cut("no_grad", made[-1], behind, switched_off(*made)))
            return ()
        if model is not None:
            found.live.append(model)
        return given
    if value.origin in ("loop", "parameter"):
        found.leaves.append(value)
        return ()
    found.unknown = True
    return ()


def values_behind(values: Iterable[Value], passes: Passes) -> Iterator[Value]:
    """All that some values depend on, by value or by gradient: models, layers and weights too."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting and len(seen) < LONGEST_WAY:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        met = Origins()
        waiting += _behind(current, met, passes)
        waiting += met.live
        waiting += (v for cut in met.cuts for v in cut.behind)


def terms(value: Value) -> list[Value]:
    """The terms of a sum, without the numbers that they are multiplied by."""
    found: list[Value] = []
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        further = _added(current)
        if further is None or len(seen) > LONGEST_WAY:
            found.append(current)
        else:
            waiting += reversed(further)
    return found


def _added(value: Value) -> tuple[Value, ...] | None:
    """The terms that a value is the sum of, or what it is a multiple of; None where it is none."""
    if isinstance(value, Tensor) and not getattr(value.producer, "grad", False):
        return None
    operator, parts = arithmetic(value)
    if operator in ("+", "-", "sum"):
        return parts
    scaled = tuple(v for v in parts if not isinstance(v, Constant))
    return scaled if operator in ("*", "/") and len(scaled) == 1 < len(parts) else None


def addends(value: Value) -> Iterator[Value]:
    """What a value is put together of element by element, itself first: sums, products, and what
    leaves each element in its place; up to layers, losses and what sums over an axis."""
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(seen) < LONGEST_WAY:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        made = current.producer if isinstance(current, Tensor) else None
        parts = arithmetic(current)[1] or components(current)
        if parts is None and isinstance(current, Tensor) and gives_positions(current):
            continue
        if parts is None and isinstance(made, Operation) and made.entry.kind != "loss":
            same = made.entry.axes == "same" or made.entry.transparent
            parts = made.inputs[:1] if same else ()
        waiting += parts or ()


def root_of(leaf: Unknown | Source) -> object:
    """What a value from outside is an element or attribute of."""
    value: object = leaf.of if isinstance(leaf, Source) and leaf.of is not None else leaf
    while isinstance(value, Unknown):
        owner = value.state.get(RECEIVER)
        if owner is None:
            element = value.state.get(ELEMENT_OF)
            return element[0] if element else value
        value = owner
    return value
