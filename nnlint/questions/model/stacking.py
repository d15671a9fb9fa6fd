"""Questions about layers that follow one another: what feeds what, with what between?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nnlint.semantics.axes import size_of
from nnlint.semantics.dataflow import made_up
from nnlint.semantics.initialisation import makes_parameter, parameter_of
from nnlint.semantics.values import Built, Join, Operation, Site, Tensor, constant

WEIGHTED = frozenset({"linear", "conv", "conv_transpose"})
"""Families of layers of which each unit weighs its inputs."""
PASSES_UNITS = frozenset(
    """activation sigmoid batch_norm norm dropout dropout_channel alpha_dropout dropout_path pool
    view reshape flatten permute transpose contiguous squeeze unsqueeze upsample padding cast
    softmax clamp adaptive_pool""".split()
)
"""Families that do the same to all units of a layer, and mix them with nothing else."""


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """Where units weigh inputs: a layer that is applied, or a product with a parameter."""

    operation: Operation
    weights: Built | Operation
    """The layer, or what makes the parameter."""

    @property
    def site(self) -> Site:
        """Where the layer or the parameter is written."""
        return self.weights.site

    @property
    def is_dense(self) -> bool:
        """Whether all units see all of the inputs, or all channels of them."""
        if isinstance(self.weights, Operation):
            return True
        arguments = self.weights.arguments
        return "in2_features" not in arguments and constant(arguments.get("groups"), 1) == 1

    @property
    def units(self) -> object:
        """How many units or channels there are, where that is a known number."""
        if isinstance(self.weights, Operation):
            result = self.operation.result
            shape = result.shape if isinstance(result, Tensor) else None
            return size_of(shape[-1]).integer if shape else None
        names = ("out_features", "out_channels")
        arguments = self.weights.arguments
        return constant(next((arguments[n] for n in names if n in arguments), None))


@dataclass(frozen=True, slots=True, eq=False)
class Fed:
    """A layer that another one feeds."""

    by: Weighing
    next: Weighing
    passed: tuple[Operation, ...]
    """What lies between, nearest to the second first."""


def weighing(operation: Operation) -> Weighing | None:
    """An operation as one in which units weigh inputs, if it is one."""
    if operation.layer is not None:
        known = operation.entry.family in WEIGHTED
        return Weighing(operation, operation.layer) if known else None
    if operation.entry.family not in ("matmul", "linear") or len(operation.inputs) < 2:
        return None
    target = parameter_of(operation.inputs[1])
    holder = target.holder if target is not None else None
    return Weighing(operation, holder) if isinstance(holder, Operation) else None


def fed_layers(operations: Iterable[Operation]) -> dict[int, list[Fed]]:
    """By the identity of a layer's weights, those that its output goes into, on some path."""
    found: dict[int, list[Fed]] = {}
    for operation in operations:
        after = weighing(operation)
        if after is None or not operation.inputs:
            continue
        for before, passed in feeding(operation.inputs[0]):
            if before.weights is not after.weights:
                found.setdefault(id(before.weights), []).append(Fed(before, after, passed))
    return found


def feeding(tensor: Tensor) -> list[tuple[Weighing, tuple[Operation, ...]]]:
    """The layers whose units a tensor holds, each with what they have gone through since."""
    found: list[tuple[Weighing, tuple[Operation, ...]]] = []
    seen: set[int] = set()
    waiting: list[tuple[Tensor, tuple[Operation, ...]]] = [(tensor, ())]
    for current, passed in waiting:
        if id(current) in seen:
            continue
        seen.add(id(current))
        producer = current.producer
        if isinstance(producer, Join):
            waiting += ((part, passed) for part in producer.inputs)
        elif isinstance(producer, Operation):
            before = weighing(producer)
            if before is not None:
                found.append((before, passed))
            elif producer.entry.family in PASSES_UNITS and producer.inputs:
                waiting.append((producer.inputs[0], (*passed, producer)))
            elif producer.entry.name == "torch.add":
                waiting += ((part, passed) for part in _biased(producer))
    return found


def _biased(addition: Operation) -> tuple[Tensor, ...]:
    """What a bias is added to, if that is what an addition does."""
    others = tuple(t for t in addition.inputs if not _is_bias(t))
    return others if len(others) == 1 and len(addition.inputs) == 2 else ()


def _is_bias(tensor: Tensor) -> bool:
    made = tensor.producer
    return isinstance(made, Operation) and (makes_parameter(made) or made_up(tensor))
