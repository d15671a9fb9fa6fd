"""What is written into the parameters of layers before training."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nnlint.semantics.conditions import parts_of, taken_by_default
from nnlint.semantics.dataflow import makers
from nnlint.semantics.holding import covers
from nnlint.semantics.records import record
from nnlint.semantics.values import (
    MODEL_OF,
    RECEIVER,
    WRITTEN,
    Built,
    Condition,
    Constant,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.walking import walk

WRITES = frozenset({"initialise", "fill"})
"""Families of operations that write into a tensor."""
PARAMETERS = ("weight", "bias")


@record(frozen=True, eq=False)
class ParameterOf:
    """A parameter that a tensor is: `layer.weight`, one made by `nn.Parameter`, any of a model."""

    holder: Value | Operation
    """The layer or model that it belongs to, or what has made it."""
    name: str
    """`weight` or `bias`; empty where it is any of a model."""
    whole: bool
    """Whether all of it is meant, and no part of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An operation that writes into a parameter, or makes it."""

    operation: Operation
    fills: bool
    """Whether all of it is filled with one number."""
    value: float | None
    """The number, where it is known."""
    certain: bool
    """Whether it happens as long as nobody sets an option."""
    of_any: bool = False
    """Whether it is done to all parameters of a model."""

    @property
    def site(self) -> Site:
        """Where it is written."""
        return self.operation.site


@dataclass(slots=True, eq=False)
class Initialised:
    """What is written into the weights, and into the biases, of a layer, in order."""

    weight: list[Write] = field(default_factory=list)
    bias: list[Write] = field(default_factory=list)


def parameter_of(tensor: Tensor) -> ParameterOf | None:
    """The parameter that a tensor is, or is a part of."""
    whole = True
    while isinstance(tensor.producer, Operation) and not makes_parameter(tensor.producer):
        made = tensor.producer
        writes = made.entry.family in WRITES or made.entry.family == "detach"
        if not made.inputs or not (writes or made.entry.transparent):
            return None
        whole, tensor = whole and writes, made.inputs[0]
    whole = whole and WRITTEN not in tensor.state
    if isinstance(tensor.producer, Operation):
        return ParameterOf(tensor.producer, "weight", whole)
    value: Value | None = tensor.producer.of if isinstance(tensor.producer, Source) else None
    if isinstance(value, Unknown) and value.name.endswith(".data"):
        value = value.state.get(RECEIVER)
    if isinstance(value, Unknown):
        held = (value, value.state.get("data"))
        whole = whole and not any(WRITTEN in v.state for v in held if isinstance(v, Unknown))
    if not isinstance(value, Unknown) or value.origin != "parameter_tensor":
        return None
    holder = value.state.get(MODEL_OF)
    if not isinstance(holder, Value):
        return None
    own = isinstance(holder, Built) and holder.state.get(value.name) is value
    return ParameterOf(holder, value.name if own else "", whole)


def makes_parameter(operation: Operation) -> bool:
    """Whether an operation makes a tensor that is trained: `nn.Parameter`, or zeros that ask for
    gradients."""
    asks = constant(operation.arguments.get("requires_grad")) is True
    family = operation.entry.family
    return family == "parameter" or (family == "create" and asks)


def initialised(operations: Sequence[Operation]) -> dict[int, Initialised]:
    """What is written into parameters, by the identity of their layer, or of what makes them."""
    found: dict[int, Initialised] = {}
    layers = {id(o.layer): o.layer for o in operations if o.layer is not None}
    parts: dict[int, Operation] = {}
    for operation in operations:
        parts |= {
            id(making): making for making in map(_written_in_part, operation.inputs) if making
        }
        if makes_parameter(operation):
            found.setdefault(id(operation), Initialised()).weight.append(_first(operation))
        if operation.layer is not None or not operation.inputs or not _is_in_place(operation):
            continue
        target = parameter_of(operation.inputs[0])
        if target is None:
            continue
        if target.name:
            told = found.setdefault(id(target.holder), Initialised())
            certain = _is_certain(operation)
            write = _write(operation, target.whole, certain)
            (told.weight if target.name == "weight" else told.bias).append(write)
            continue
        names, certain = _names_of_any(operation)
        write = replace(_write(operation, target.whole, certain), of_any=True)
        for key, layer in layers.items():
            if isinstance(target.holder, Value) and covers(target.holder, layer):
                told = found.setdefault(key, Initialised())
                for name in names:
                    (told.weight if name == "weight" else told.bias).append(write)
    for key, making in parts.items():
        # `parameter.data[:rows] = others`
        found.setdefault(key, Initialised()).weight.append(Write(making, False, None, True))
    for key, layer in layers.items():
        if (assigned := _assigned(layer, "weight", found)) is not None:
            found.setdefault(key, Initialised()).weight += assigned
        if (assigned := _assigned(layer, "bias", found)) is not None:
            found.setdefault(key, Initialised()).bias += assigned
    return found


def _written_in_part(tensor: Tensor) -> Operation | None:
    """What makes a parameter of which a part is then set to something else."""
    making = tensor.producer
    if isinstance(making, Operation) and makes_parameter(making) and WRITTEN in tensor.state:
        return making
    return None


def _assigned(layer: Built, name: str, found: dict[int, Initialised]) -> list[Write] | None:
    """What is written into the tensor that is assigned to `layer.weight` or `layer.weight.data`, or
    to the parameter of another name."""
    value = layer.state.get(name)
    if isinstance(value, Unknown):
        data = value.state.get("data")
        made = makers(data) if isinstance(data, Tensor) else None
        single = made[0] if made and len(made) == 1 and made[0].entry.family == "create" else None
        return None if single is None else [_write(single, True, _is_certain(single))]
    target = parameter_of(value) if isinstance(value, Tensor) else None
    known = found.get(id(target.holder)) if target is not None and target.whole else None
    return None if known is None else known.weight


def _is_certain(operation: Operation) -> bool:
    return all(map(_holds_by_default, operation.conditions))


def _write(operation: Operation, whole: bool, certain: bool) -> Write:
    fills = whole and _is_constant(operation)
    return Write(operation, fills, _number(operation) if fills else None, certain)


def _first(making: Operation) -> Write:
    """What a parameter is made of."""
    made = makers(making.inputs[0]) if making.entry.family == "parameter" and making.inputs else ()
    first = made[0] if made is not None and len(made) == 1 else making
    return replace(_write(first, True, _is_certain(making)), operation=making)


def _names_of_any(operation: Operation) -> tuple[Sequence[str], bool]:
    """Which parameters of a model are written into by a loop over all of them, by the tests that
    it stands under, and whether it is known."""
    names: Sequence[str] = PARAMETERS
    certain = True
    for condition in operation.conditions:
        words = {
            node.value.strip(".")
            for node in walk(condition.site.node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if len(words) == 1 and words <= set(PARAMETERS):
            (word,) = words
            names = [name for name in names if (name == word) is condition.taken]
        elif condition.taken and _asks_for_rank(condition.site.node):
            names = [name for name in names if name == "weight"]
        else:
            certain = certain and _holds_by_default(condition)
    return names, certain


def _asks_for_rank(node: ast.AST) -> bool:
    """Whether a test asks whether a parameter has more than one axis."""
    match node:
        case ast.Compare(left=left, ops=[ast.Gt() | ast.GtE()], comparators=[ast.Constant()]):
            return any(
                isinstance(inner, ast.Attribute) and inner.attr in ("dim", "ndim", "shape", "size")
                for inner in walk(left)
            )
        case _:
            return False


def settled(writes: list[Write]) -> Write | None:
    """The write that certainly fills a parameter with one number, and that nothing undoes: neither
    what comes behind it, nor another function."""
    last = writes[-1] if writes else None
    if last is None or not last.fills or not last.certain:
        return None
    others = (
        w.operation.function for w in writes if not w.fills and not makes_parameter(w.operation)
    )
    return last if all(function is last.operation.function for function in others) else None


def _is_constant(operation: Operation) -> bool:
    """Whether an operation fills a tensor with one number."""
    entry = operation.entry
    return bool(entry.options.get("constant")) or entry.name == "torch.Tensor.fill_"


def _number(operation: Operation) -> float | None:
    """The number that an operation fills a tensor with, where it is known."""
    last = operation.entry.name.rpartition(".")[2]
    if last.startswith("zero"):
        return 0.0
    if last.startswith("one"):
        return 1.0
    given = (operation.arguments.get(name) for name in ("val", "value", "fill_value"))
    number = next((n for value in given if (n := constant(value)) is not None), None)
    return float(number) if isinstance(number, int | float) else None


def _is_in_place(operation: Operation) -> bool:
    node = operation.site.node
    called = node.func if isinstance(node, ast.Call) else None
    method = called.attr if isinstance(called, ast.Attribute) else ""
    return (
        operation.entry.family in WRITES
        or isinstance(node, ast.AugAssign)
        or (method.endswith("_") and not method.endswith("__"))
    )


def _holds_by_default(condition: Condition) -> bool:
    """Whether a branch is taken as long as nobody sets an option."""
    if isinstance(condition.test, Constant):
        return taken_by_default(condition) is True
    return condition.taken and all(_asks_for_parameter(p.site.node) for p in parts_of(condition))


def _asks_for_parameter(test: ast.AST) -> bool:
    """Whether a test asks whether a layer has a weight or a bias."""
    match test:
        case ast.Compare(left=asked, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            if isinstance(asked, ast.Attribute):
                return asked.attr in PARAMETERS
            return _asks_for_parameter(asked)
        case ast.Call(func=ast.Name(id="hasattr" | "getattr"), args=[_, ast.Constant(name), *_]):
            return name in PARAMETERS
        case _:
            return False
