"""Whether layers over sequences are given, and read, with the batch where they take it to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.axes import Shape
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.examples import (
    TAKES_MAPS,
    TAKES_SEQUENCES,
    examples_axis,
    is_batch_first,
    joins_examples,
    results,
)
from nnlint.semantics.uses import Uses, element_taken
from nnlint.semantics.values import Built, Operation, Site, Source, constant

_SCORES = frozenset({"linear"})
"""Families of what gives scores of the steps, which keep their axes, too."""
_POOLS = frozenset({"torch.mean", "torch.sum", "torch.max", "torch.amax"})


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A layer that takes one axis for the batch while the program takes another one for it."""

    operation: Operation
    kind: str
    """`given`: the batch is known to be on another axis; `read`: what comes out is read so;
    `channels`: the channels of a convolution are taken for steps."""
    batch_first: bool
    """What the layer is told."""
    read: Site | None = None
    """Where what comes out is read as if the batch were on the other axis."""
    apart: bool = False
    """Whether the class that applies the layer is right or wrong by how others use it."""
    settled: bool = False
    """Whether it is known to be given what it takes, so that only the reading is wrong."""

    @property
    def told_at(self) -> Site | None:
        """Where the layer is told which axis is the batch."""
        layer = self.operation.layer
        if layer is None:
            return None
        inner = layer.arguments.get("encoder_layer", layer.arguments.get("decoder_layer"))
        return inner.site if isinstance(inner, Built) else layer.site


def mismatches(program: Program) -> Iterator[Mismatch]:
    """Layers over sequences that take an axis for the batch that it is not."""
    told: set[int] = set()
    turned: set[int] = set()
    for operation in program.operations:
        if operation.entry.family not in TAKES_SEQUENCES or operation.layer is None:
            continue
        found = _judged(operation, program)
        if found is None:
            continue
        if found.kind == "given":
            behind = upstream(operation.inputs[0], lambda made: False)
            if any(id(made) in turned for made in behind):
                # it is right, and what comes before it has taken the other axis for the batch
                continue
            turned.add(id(operation))
        if id(operation.layer) not in told:
            told.add(id(operation.layer))
            yield found


def _judged(operation: Operation, program: Program) -> Mismatch | None:
    batch_first = is_batch_first(operation)
    if batch_first is None or not operation.inputs:
        return None
    given = operation.inputs[0]
    shape, taken = given.shape, 0 if batch_first else 1
    if shape is not None and (len(shape) != 3 or not shape[taken]):
        return None
    at = examples_axis(given)
    if at is None and joins_examples(given, 1 - taken):
        at = 1 - taken
    if shape is not None and at is not None and at != taken and at < 2:
        if _attends_to_other_batch(operation, at):
            return None
        return Mismatch(operation, "given", batch_first, apart=_is_given(operation))
    if shape is not None and at in (None, taken) and _reads_channels(operation, shape, 1 - taken):
        return Mismatch(operation, "channels", batch_first)
    read = _read_otherwise(operation, batch_first, program)
    if read is None:
        return None
    apart = read.owner is not operation.owner
    return Mismatch(operation, "read", batch_first, read.site, apart, settled=at == taken)


def _attends_to_other_batch(operation: Operation, at: int) -> bool:
    """Whether what is attended to is not known to have its examples where the queries have them.

    Who takes the frames of the only film for the batch turns the queries, and nothing else.
    """
    if operation.entry.family == "rnn" or len(operation.inputs) < 2:
        return False
    asked, attended = operation.inputs[:2]
    if attended is asked or attended.shape == asked.shape:
        return False
    return examples_axis(attended) != at and not joins_examples(attended, at)


def _is_given(operation: Operation) -> bool:
    """Whether only what calls a module shows which axis of what it is given is the batch."""
    behind = list(upstream(operation.inputs[0], lambda made: False))
    if any(m.owner is operation.owner and m.entry.family in TAKES_MAPS for m in behind):
        return False
    given = [t.producer for m in (operation, *behind) for t in m.inputs]
    return any(isinstance(made, Source) and made.of is not None for made in given)


def _reads_channels(operation: Operation, shape: Shape, steps: int) -> bool:
    """Whether a recurrent layer goes along the channels of a convolution over time, and takes time
    for the features."""
    if operation.entry.family != "rnn" or not len(shape[steps]) == len(shape[2]) == 1:
        return False
    channels, features = shape[steps][0], shape[2][0]
    if channels.meaning != "channel" or features.meaning != "time":
        return False
    return any(
        made.entry.family in ("conv", "conv_transpose") and made.entry.dimensions == 1
        for made in upstream(operation.inputs[0], lambda made: False)
    )


def _read_otherwise(operation: Operation, batch_first: bool, program: Program) -> Operation | None:
    """What takes the last step, or pools or weighs the steps, along the axis of the examples."""
    uses = program.once(Uses)
    for made, use in uses.in_place(results(operation)[:1], _SCORES):
        if not batch_first and _flattens_rest(use):
            return use
        if _takes_last(use, batch_first, uses) or _pools(use, batch_first):
            if made.entry.family not in _SCORES:
                return use
        elif not batch_first and _weighs_second(use):
            return use
    return None


def _takes_last(use: Operation, batch_first: bool, uses: Uses) -> bool:
    """Whether the last element along the axis of the examples is taken: `out[:, -1]`, `out[-1]`."""
    if element_taken(use, 0 if batch_first else 1) != "-1":
        return False
    further = list(uses.of(use))
    # the last step of the last example is that of the only one
    return bool(further) and not any(other.entry.family == "index" for other in further)


def _weighs_second(use: Operation) -> bool:
    """Whether a softmax goes along the second axis, as one over the steps of each example does."""
    return use.entry.family in ("softmax", "log_softmax") and constant(
        use.arguments.get("dim"), soft=False
    ) in (1, -2)


def _flattens_rest(use: Operation) -> bool:
    """Whether all axes but the first are made one, as features of the examples along that."""
    start, end = (constant(use.arguments.get(n), soft=False) for n in ("start_dim", "end_dim"))
    return use.entry.family == "flatten" and (start, end) == (1, -1)


def _pools(use: Operation, batch_first: bool) -> bool:
    """Whether the examples are averaged, or the largest of them taken."""
    if use.entry.name not in _POOLS or "dim" not in use.explicit:
        return False
    axis = constant(use.arguments.get("dim"), soft=False)
    return type(axis) is int and axis in ((0, -3) if batch_first else (1, -2))
