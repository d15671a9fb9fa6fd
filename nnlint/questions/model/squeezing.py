"""Whether `squeeze()` without an axis takes the axis of a batch of one along."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.loaders import examples_of
from nnlint.questions.model.batches import (
    elsewhere,
    given_to,
    is_of_agents,
    is_of_loader,
    is_of_model,
    is_returned,
    source_behind,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.axes import ONE_EXAMPLE, Axis, Shape
from nnlint.semantics.dataflow import is_pointwise, upstream
from nnlint.semantics.examples import examples_axis
from nnlint.semantics.registration import is_module
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import Built, Constant, Instance, Operation, Tensor, constant

_LAYERS = frozenset("linear conv conv_transpose rnn attention transformer batch_norm".split())


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A tensor whose axes of one are dropped, that of a batch of one among them."""

    operation: Operation
    use: Operation | None
    """What takes it, a layer or a loss; None where a `forward` returns it."""
    right: str
    """The call that drops the others only; empty where it is not known which these are."""


def squeezed_batches(program: Program) -> Iterator[Squeezed]:
    """Where a network, or what takes its output, drops every axis of one."""
    for operation in program.operations:
        if operation.entry.name != "torch.squeeze" or "dim" in operation.explicit:
            continue
        if operation.inputs and not any(c.soft for c in operation.conditions):
            found = _judged(operation, program)
            if found is not None and not _drops_rest(program):
                yield found


def _drops_rest(program: Program) -> bool:
    """Whether no loader of the file, or of one that uses it, gives a batch of one example: it gives
    full batches only, or a last one of a size that is known."""
    loaders = [b for p in (program, *program.users()) for b in p.builds if b.entry.kind == "loader"]
    if loaders and all(map(_leaves_several, loaders)):
        return True
    modules = {id(p.module): p.module for p in (program, *program.users())}
    return any(
        isinstance(node, ast.keyword)
        and node.arg == "drop_last"
        and ast.unparse(node.value) == "True"
        for module in modules.values()
        for node in module.nodes
    )


def _leaves_several(loader: Built) -> bool:
    """Whether the number of examples and the batch size are known, and no batch is of one."""
    size, number = constant(loader.arguments.get("batch_size")), examples_of(loader)
    return isinstance(size, int) and size > 1 and number is not None and number % size != 1


def _judged(operation: Operation, program: Program) -> Squeezed | None:
    given, uses = operation.inputs[0], program.once(Uses)
    shape = given.shape
    direct = list(uses.of(operation))
    layer = next((u for _, u in uses.in_place((_result(operation),)) if _takes(u)), None)
    in_forward = _is_in_forward(operation)
    if not in_forward and (layer is None or layer.entry.kind != "loss" or not _is_output(given)):
        return None
    if layer is None and not (in_forward and is_returned(operation) and not direct):
        return None
    if layer is not None and layer.entry.kind == "loss":
        if _are_all_squeezed(layer) or _is_target_alike(layer, operation):
            return None
    if shape is not None and (at := examples_axis(given)) is not None:
        if len(shape) < 2 or not _may_be_one(shape[at][0]):
            return None
        return Squeezed(operation, layer, _right(shape, at))
    if shape is not None or not _is_of_examples(operation, layer, program):
        return None
    return Squeezed(operation, layer, "squeeze(-1)" if _ends_in_one(given) else "")


def _result(operation: Operation) -> Tensor:
    result = operation.result
    return result if isinstance(result, Tensor) else Tensor(operation)


def _is_in_forward(operation: Operation) -> bool:
    owner, function = operation.owner, operation.function
    if function is None or function.name != "forward":
        return False
    return isinstance(owner, Instance) and is_module(owner)


def _takes(use: Operation) -> bool:
    return use.entry.kind == "loss" or (use.layer is not None and use.entry.family in _LAYERS)


def _is_output(tensor: Tensor) -> bool:
    """Whether a tensor is what a model gives."""
    made = tensor.producer
    return is_of_model(made) or (isinstance(made, Operation) and bool(made.modules))


def _are_all_squeezed(loss: Operation) -> bool:
    """Whether all that a loss compares is squeezed alike, so that the shapes fit anyway."""
    made = [tensor.producer for tensor in loss.inputs]
    count = sum(isinstance(m, Operation) and m.entry.family == "squeeze" for m in made)
    return count != 1 or (len(made) > 1 and all(map(_is_squeezed, loss.inputs)))


def _is_squeezed(tensor: Tensor, depth: int = 8) -> bool:
    """Whether a tensor is squeezed, and computed with plain numbers from then on: `y.squeeze() / 255`."""
    made = tensor.producer
    if not isinstance(made, Operation) or depth == 0:
        return False
    if made.entry.family == "squeeze":
        return True
    with_numbers = made.entry.family == "arithmetic" or is_pointwise(made)
    return with_numbers and len(made.inputs) == 1 and _is_squeezed(made.inputs[0], depth - 1)


def _is_target_alike(loss: Operation, squeezed: Operation) -> bool:
    """Whether a loss compares what is squeezed with what is made in its shape."""
    made = [tensor.producer for tensor in loss.inputs]
    return any(
        isinstance(m, Operation)
        and m.entry.axes == "like"
        and any(_comes_of(tensor, squeezed) for tensor in m.inputs)
        for m in made
    )


def _comes_of(tensor: Tensor, squeezed: Operation) -> bool:
    """Whether a tensor is what is squeezed, or computed from it element by element."""
    return tensor.producer is squeezed or any(
        operation is squeezed
        for operation in upstream(tensor, lambda operation: operation.entry.axes != "same")
    )


def _may_be_one(axis: Axis) -> bool:
    """Whether a batch may be one example by chance: its size is no number that is known."""
    symbol = axis.size.symbol
    return symbol is not None and symbol.name != ONE_EXAMPLE and symbol.value is None


def _right(shape: Shape, at: int) -> str:
    """The call that drops the axes of one, where there are such."""
    ones = [i for i, dimension in enumerate(shape) if not dimension]
    if len(ones) == 1:
        return f"squeeze({ones[0]})"
    last = [*range(2, len(shape))]
    return "flatten(1)" if at == 0 and len(ones) > 1 and ones == last else ""


def _ends_in_one(tensor: Tensor, depth: int = 8) -> bool:
    """Whether a linear layer with one output gives a tensor."""
    made = tensor.producer
    if not isinstance(made, Operation) or depth == 0 or not made.inputs:
        return False
    if made.entry.family == "linear":
        width = made.arguments.get("out_features")
        return isinstance(width, Constant) and width.value == 1
    return made.entry.axes == "same" and _ends_in_one(made.inputs[0], depth - 1)


def _is_of_examples(operation: Operation, layer: Operation | None, program: Program) -> bool:
    """Whether what is squeezed, of unknown rank, is one number for each example of a batch."""
    source = source_behind(operation)
    if source is None or is_of_agents(operation, source):
        return False
    given = given_to(source)
    if given:
        return is_of_loader(given, program)
    # a class that is entered alone: what it gives for each example is a number
    return layer is None and _ends_in_one(operation.inputs[0]) and not elsewhere(operation, program)
