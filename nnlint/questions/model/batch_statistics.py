"""Whether a module computes what it gives for one example from statistics of the whole batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import depends_on
from nnlint.semantics.examples import TAKES_MAPS, examples_axis
from nnlint.semantics.registration import is_module
from nnlint.semantics.telling import STATISTICS
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import Constant, Instance, Items, Operation, Tensor, constant

_COMBINES = frozenset({"torch.div", "torch.sub", "torch.mul", "torch.add"})
_ROUNDS = frozenset({"round", "clamp", "floor", "ceil", "sign", "quantize_per_tensor"})
"""Names of what follows where a scale for a whole tensor is meant: numbers of few bits."""
_CANCELS = frozenset({"exp", "softmax", "log_softmax"})
"""Families and names before which a number that is taken off all makes no difference."""
_MEANT = re.compile(
    r"batch|norm|whiten|standardi|quanti|binar|loss|criterion|contrast|regulari|penalty|"
    r"cent(?:er|re)|sinkhorn|prototype|route|graph|gnn|node|bank|moment|running|moving|ema(?![a-z])",
    re.IGNORECASE,
)
"""How classes are called that look at the batch as a whole on purpose, and what they keep."""
_KEEPS = frozenset({"register_buffer", "training", "all_reduce"})
"""Words of a class that tells training from evaluation, or keeps what it has seen."""


@dataclass(frozen=True, slots=True)
class BatchStatistic:
    """A statistic over the examples of a batch that goes into what each of them becomes."""

    statistic: Operation
    combined: Operation
    """Where it meets the examples again."""
    whole: bool
    """Whether it goes over all axes."""


def batch_statistics(program: Program) -> Iterator[BatchStatistic]:
    """Statistics over the batch that a module's `forward` gives back to each example."""
    for operation in program.operations:
        name = operation.entry.name.rpartition(".")[2]
        if operation.entry.family != "reduce" or name not in STATISTICS or not operation.inputs:
            continue
        if not _is_of_network(operation) or off_by_default(operation.conditions):
            continue
        found = _judged(operation, program)
        if found is not None:
            yield found


def _is_of_network(operation: Operation) -> bool:
    """Whether an operation stands in a module that means nothing of the batch as a whole."""
    owner, function = operation.owner, operation.function
    if not isinstance(owner, Instance) or function is None or not is_module(owner):
        return False
    if not operation.grad or function.name != "forward":
        return False
    words = operation.site.module.words(owner.cls.node)
    names = (owner.cls.node.name, *words.set_attributes)
    return not any(map(_MEANT.search, names)) and _KEEPS.isdisjoint(words.attributes)


def _judged(operation: Operation, program: Program) -> BatchStatistic | None:
    given, whole = operation.inputs[0], _goes_over_all(operation)
    axes = _axes(operation)
    if not whole and not axes:
        return None
    uses, found = program.once(Uses), list[Operation]()
    for use in uses.through(operation):
        if use.entry.name not in _COMBINES or len(use.inputs) < 2:
            continue
        other = [t for t in use.inputs if not _depends_on(t, operation)]
        if not other or not any(_same_origin(t, given) for t in other):
            continue
        if _is_over_batch(given, use, whole, axes, uses):
            found.append(use)
    if not found or not all(_matters(operation, use, uses) for use in found):
        return None
    return BatchStatistic(operation, found[0], whole)


def _depends_on(tensor: Tensor, operation: Operation) -> bool:
    """Whether a tensor is computed from what an operation gives."""
    results = operation.result
    tensors = results.items if isinstance(results, Items) else (results,)
    return any(isinstance(t, Tensor) and depends_on(tensor, t) for t in tensors)


def _same_origin(tensor: Tensor, given: Tensor, depth: int = 6) -> bool:
    """Whether a tensor is the one that a statistic is of, or that it is made of element by
    element."""
    if tensor is given:
        return True
    made = given.producer
    if (
        depth == 0
        or not isinstance(made, Operation)
        or made.entry.axes not in ("same", "broadcast")
    ):
        return False
    return any(_same_origin(tensor, t, depth - 1) for t in made.inputs)


def _goes_over_all(operation: Operation) -> bool:
    axis = operation.arguments.get("dim")
    return axis is None or (isinstance(axis, Constant) and axis.value in (None, ()))


def _axes(operation: Operation) -> tuple[int, ...]:
    """The axes that a statistic goes over, as they are written."""
    axis = operation.arguments.get("dim")
    parts = axis.items if isinstance(axis, Items) and not axis.open else (axis,)
    numbers = [constant(part, soft=False) for part in parts if part is not None]
    return tuple(n for n in numbers if type(n) is int)


def _is_over_batch(
    given: Tensor, use: Operation, whole: bool, axes: tuple[int, ...], uses: Uses
) -> bool:
    """Whether the examples of a batch lie along what a statistic goes over."""
    shape, at = given.shape, examples_axis(given)
    if shape is None:
        # layers that take maps tell what it was that they are given
        later = any(
            u.entry.family in TAKES_MAPS and u.entry.dimensions > 1 for u in uses.through(use)
        )
        return later and (whole or 0 in axes)
    if at is None or len(shape) < 2:
        return False
    return whole or at in axes or at - len(shape) in axes


def _matters(operation: Operation, use: Operation, uses: Uses) -> bool:
    """Whether examples are told from one another by what comes of it."""
    further = [*uses.through(use)]
    names = {u.entry.name.rpartition(".")[2] for u in further}
    families = {u.entry.family for u in further}
    if not _ROUNDS.isdisjoint(names) or not {"matmul", "einsum"}.isdisjoint(families):
        return False
    largest = operation.entry.name.rpartition(".")[2] in ("max", "amax", "min", "amin")
    if largest and use.entry.name == "torch.sub" and not _CANCELS.isdisjoint(names | families):
        return False
    if any(u.entry.kind == "loss" for u in further):
        return False
    sums = [u for u in further if u.entry.family == "reduce" and u is not operation]
    own = operation.entry.family == "reduce" and all(_is_statistic(u) for u in sums)
    return own or not any(_goes_over_all(u) for u in sums)


def _is_statistic(operation: Operation) -> bool:
    """Whether a sum is another statistic of the batch: the deviation beside the mean."""
    return operation.entry.name.rpartition(".")[2] in ("std", "var", "max", "min")
