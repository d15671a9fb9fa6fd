"""Questions about batch norms that are given one value for each channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.training.passes import Pass, passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import source_of, tensor_of
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.values import Arithmetic, Built, Items, Operation, Tensor, Value, constant

_EACH_BY_ITSELF = frozenset(
    """linear conv conv_transpose activation sigmoid batch_norm norm dropout dropout_channel pool
    alpha_dropout adaptive_pool padding""".split()
)
"""Families of layers that keep the examples of a batch apart, and as many as they are."""
_SPREADS = frozenset({"upsample", "padding", "conv_transpose"})


@dataclass(frozen=True, slots=True, eq=False)
class SingleValues:
    """A batch norm that has one value for each channel to take the mean of."""

    norm: Operation
    loader: Built


def norms_of_single_values(program: Program) -> Iterator[SingleValues]:
    """Batch norms in training that are given one example at a time, without positions."""
    if not program.trains:
        return
    for run in passes(program):
        loader = _loader(run) if run.role == "train" else None
        given = tensor_of(run.event.operands[0]) if run.event.operands else None
        if loader is None or given is None or source_of(given) is None:
            continue
        for operation in program.operations:
            if operation.entry.family != "batch_norm" or operation.layer is None:
                continue
            if not covers(run.event.subject, operation.layer) or operation.training is False:
                continue
            if _may_be_evaluated(program, operation.layer, run.event.subject):
                continue
            if operation.inputs and _has_one_value(operation.inputs[0], given):
                yield SingleValues(operation, loader)


def _loader(run: Pass) -> Built | None:
    """The loader that a training pass goes over, if it is known to give single examples."""
    subject = run.batches.subject if run.batches is not None else None
    while isinstance(subject, Arithmetic) and subject.operands:
        subject = subject.operands[0]
    if not isinstance(subject, Built) or subject.entry.kind != "loader":
        return None
    own = {"collate_fn", "batch_sampler"} & subject.explicit
    single = constant(subject.arguments.get("batch_size"), soft=False) == 1
    return subject if single and not own and subject.entry.name.startswith("torch.") else None


def _may_be_evaluated(program: Program, norm: Built, model: Value | None) -> bool:
    """Whether something sets the mode of the norm and not that of the whole model."""
    return any(
        event.subject is not model and same_model(event.subject, norm)
        for event in program.events("eval", "mode")
    )


def _has_one_value(tensor: Tensor, given: Tensor) -> bool:
    """Whether a tensor has one value for each channel where the batch has one example."""
    single = tensor.shape is not None and len(tensor.shape) == 2
    spread = False
    while isinstance(tensor.producer, Operation):
        made = tensor.producer
        if _leaves_one_position(made):
            single = single or not spread
        elif made.entry.family not in _EACH_BY_ITSELF:
            return False
        spread = spread or made.entry.family in _SPREADS
        if not made.inputs:
            return False
        tensor = made.inputs[0]
    return single and tensor is source_of(given)


def _leaves_one_position(operation: Operation) -> bool:
    """Whether an operation makes vectors of examples, or maps of one position."""
    if operation.entry.family == "flatten":
        return bool(constant(operation.arguments.get("start_dim")) == 1)
    size = operation.arguments.get("output_size")
    return operation.entry.family == "adaptive_pool" and _is_one(size)


def _is_one(size: Value | None) -> bool:
    sides = size.items if isinstance(size, Items) else (size,)
    return all(constant(side) in (1, (1, 1), (1, 1, 1)) for side in sides)
