"""Whether scores are normalised along the axis of the examples, instead of among themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
from nnlint.semantics.axes import Shape, size_of
from nnlint.semantics.examples import (
    BATCHED_PRODUCTS,
    TAKES_MAPS,
    TAKES_SEQUENCES,
    batch_dimension,
    examples_axis,
    joins_examples,
)
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import (
    Constant,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    constant,
)

NORMALISING = frozenset({"softmax", "log_softmax", "normalize"})
"""Families of what makes the values along one axis depend on one another."""
CLASS_LOSSES = frozenset({"cross_entropy", "nll"})
_MIXES = frozenset({"matmul", "einsum", "cosine", "distances"})
"""Families of what may compare examples with one another."""
_GIVES_SCORES = TAKES_MAPS | TAKES_SEQUENCES | {"linear", "embedding", "norm", "rnn_cell"}
_WEIGHS = re.compile(r"att(?:n|ention)|gat(?:e|ing)|pool|rout|slot|weigh|assign|clust", re.I)
"""How modules are called that weigh the rows of what they are given against one another."""


@dataclass(frozen=True, slots=True)
class OverBatch:
    """Scores that are normalised over the batch."""

    operation: Operation
    right: int | None
    """The axis that is meant, where that is known."""


def over_batch(program: Program) -> Iterator[OverBatch]:
    """What normalises scores of several examples along the axis of the examples."""
    for operation in program.operations:
        if operation.entry.family in NORMALISING and operation.inputs:
            found = _judged(operation, program)
            if found is not None:
                yield found


def _judged(operation: Operation, program: Program) -> OverBatch | None:
    scores, along = operation.inputs[0], _axis(operation)
    shape = scores.shape
    if along is None or not _is_of_layers(scores):
        return None
    if shape is not None:
        if len(shape) < 2 or not -len(shape) <= along < len(shape):
            return None
        along %= len(shape)
        over = along == examples_axis(scores) or joins_examples(scores, along)
        if over and _has_several(shape, along):
            weighs = _weighs_examples(operation, along, program)
            return None if weighs else OverBatch(operation, _meant(shape))
        if batch_dimension(shape) is not None or len(shape) > 2 or not _has_several(shape, along):
            return None
    elif along == 0 and examples_axis(scores) == 0:
        return None if _weighs_examples(operation, 0, program) else OverBatch(operation, None)
    if along != 0 or not _is_plain(scores):
        return None
    return OverBatch(operation, None) if _is_per_example(operation, program) else None


def _axis(operation: Operation) -> int | None:
    """The axis along which an operation normalises."""
    given = operation.arguments.get("dim")
    if given is None or (isinstance(given, Constant) and given.value is None):
        shape = operation.inputs[0].shape
        # without an axis PyTorch takes the first of one or three, and else the second
        if operation.entry.family == "normalize" or shape is None:
            return None
        return 0 if len(shape) in (1, 3) else 1
    axis = constant(given, soft=False)
    return axis if type(axis) is int else None


def _has_several(shape: Shape, along: int) -> bool:
    """Whether there is more than one score for each example."""
    others = [size_of(d) for i, d in enumerate(shape) if i != along]
    return any(
        whole.integer is None or whole.integer > 1
        for whole in others
        if not any(symbol.vague for symbol in whole.symbols)
    )


def _meant(shape: Shape) -> int | None:
    """The axis that scores of a shape are likely meant to be normalised along."""
    if len(shape) == 2 or (len(shape) > 3 and _meaning(shape, 1) == "channel"):
        return 1
    if _meaning(shape, 1) == "time" and not shape[-1]:
        return 1
    return -1 if _meaning(shape, -1) == "channel" else None


def _meaning(shape: Shape, at: int) -> str:
    return shape[at][0].meaning if len(shape[at]) == 1 else ""


def _is_of_layers(scores: Tensor, depth: int = 16) -> bool:
    """Whether layers give a tensor, each row of it of one example: nothing compares examples."""
    producer = scores.producer
    if isinstance(producer, Join):
        return depth > 0 and all(_is_of_layers(t, depth - 1) for t in producer.inputs)
    if is_of_model(producer):
        return True
    if depth == 0 or not isinstance(producer, Operation):
        return False
    entry = producer.entry
    if entry.family in _GIVES_SCORES:
        return True
    if entry.family in _MIXES or not producer.inputs:
        # a product for each example compares none with another
        shape = scores.shape
        batched = len(shape or ()) > 2 and _is_batched(shape)
        return entry.family == "matmul" and (batched or examples_axis(scores) == 0)
    return any(_is_of_layers(t, depth - 1) for t in producer.inputs)


def _is_batched(shape: Shape | None) -> bool:
    return shape is not None and batch_dimension(shape) is not None


def _weighs_examples(operation: Operation, along: int, program: Program) -> bool:
    """Whether examples are weighed against one another by what comes out, on purpose."""
    uses = program.once(Uses)
    for use in uses.through(operation):
        family = use.entry.family
        if family in ("reduce", "topk", "sort") and _reduces(use, along):
            return True
        if family in ("matmul", "einsum") and use.entry.name not in BATCHED_PRODUCTS:
            shapes = [tensor.shape for tensor in use.inputs]
            if family == "einsum" or any(shape is None or len(shape) < 3 for shape in shapes):
                return True
    return False


def _reduces(use: Operation, along: int) -> bool:
    shape = use.inputs[0].shape
    axis = constant(use.arguments.get("dim"))
    if type(axis) is not int:
        return False
    return axis == along or (shape is not None and axis + len(shape) == along)


def _is_plain(scores: Tensor, depth: int = 24) -> bool:
    """Whether a tensor of unknown rank is what a model gives, or what a linear layer with several
    outputs makes of what a module is given, with nothing between that changes axes."""
    producer = scores.producer
    if is_of_model(producer):
        return True
    if not isinstance(producer, Operation) or depth == 0 or not producer.inputs:
        return False
    entry = producer.entry
    if entry.family == "linear":
        return producer.layer is not None and _is_wide(producer) and _is_input(producer, depth)
    return entry.axes == "same" and _is_plain(producer.inputs[0], depth - 1)


def _is_wide(linear: Operation) -> bool:
    width = linear.arguments.get("out_features")
    return width is not None and constant(width, None) != 1


def _is_input(operation: Operation, depth: int) -> bool:
    """Whether linear layers and what works element by element lead back to what a module takes."""
    tensor = operation.inputs[0]
    while isinstance(tensor.producer, Operation) and depth:
        made = tensor.producer
        if made.entry.axes not in ("same", "linear") or not made.inputs:
            return False
        tensor, depth = made.inputs[0], depth - 1
    return isinstance(tensor.producer, Source)


def _is_per_example(operation: Operation, program: Program) -> bool:
    """Whether scores of a tensor whose first axis nothing is known of are those of examples."""
    source = source_behind(operation)
    if source is None or _weighs_examples(operation, 0, program):
        return False
    if is_of_agents(operation, source) or _weighs_rows(operation):
        return False
    given = given_to(source)
    if any(isinstance(v, Unknown) and v.origin in ("loop", "item") for v in given):
        return is_of_loader(given, program)
    uses = list(program.once(Uses).through(operation))
    if any(use.entry.family in CLASS_LOSSES for use in uses):
        return True
    if source.of is not None or any(use.entry.family not in ("log", "cast") for use in uses):
        return False
    return is_returned(operation) and all(map(_is_batch, elsewhere(operation, program)))


def _weighs_rows(operation: Operation) -> bool:
    """Whether a module is called after what weighs the rows it is given against one another."""
    owner, function = operation.owner, operation.function
    called = (owner.cls.node.name if owner else "", function.name if function else "")
    return any(map(_WEIGHS.search, called))


def _is_batch(operation: Operation) -> bool:
    shape = operation.inputs[0].shape
    return shape is not None and len(shape) > 1
