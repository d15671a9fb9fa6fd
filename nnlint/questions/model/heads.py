"""Questions about heads: does a flattened map of features feed most of a model's weights?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.stacking import PASSES_UNITS, feeding, weighing
from nnlint.semantics.analysis import Program
from nnlint.semantics.axes import size_of
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.holding import parts
from nnlint.semantics.values import (
    IS_CALLED,
    Built,
    Choice,
    Instance,
    Items,
    Maybe,
    Operation,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.semantics.weights import weights_in
from nnlint.syntax.words import Words

MANY, SHARE = 1_000_000, 0.5
"""How many weights a head has that is large, and which share of all weights."""
_POSITION_MATTERS = re.compile(
    r"dqn|q_?net|policy|actor|critic|agent|value|reward|yolo|detect|bbox|box|pose|landmark|keypoint|"
    r"latent|decod|encod|vae|logvar|siamese|embed|localis|localiz|theta|affine|discrim|depth|flow|"
    r"coord|regress|ocr|captcha|board|game|count",
    re.IGNORECASE,
)
"""Words of models in which it matters where in a map something is."""
_CLASSIFIES = re.compile(
    r"class(?:es|_names)?$|num_?class|n_?class|classif|labels?$", re.IGNORECASE
)
_CLASSIFICATION = frozenset({"cross_entropy", "nll"})
_CLASS_SCORES = frozenset({"softmax", "log_softmax"})
_FLATTENS = frozenset({"view", "reshape", "flatten"})
_PLANE, _MAP = 2, 4
"""The axes of a plane, and those of a batch of maps of planes."""


@dataclass(frozen=True, slots=True, eq=False)
class LargeHead:
    """A linear layer that holds most of a model's weights, fed by a flattened map."""

    layer: Built
    weights: int
    whole: int
    """All weights of the model."""
    channels: int
    """Of the map."""
    convolution: Built


def large_heads(program: Program) -> Iterator[LargeHead]:
    """Linear layers behind flattened maps of features that hold most weights of a classifier."""
    models: dict[int, list[Operation]] = {}
    for operation in program.operations:
        if operation.layer is not None and operation.modules:
            models.setdefault(id(operation.modules[0]), []).append(operation)
    for operations in models.values():
        heads = [(o, found) for o in operations if (found := _flattened_map(o)) is not None]
        if not heads or not _classifies(program, operations):
            continue
        layers = {id(o.layer): o.layer for o in operations if o.layer is not None}
        counts = {key: weights_in(layer) for key, layer in layers.items()}
        whole = sum(count for count in counts.values() if count is not None)
        if None in counts.values() or not is_whole(operations[0].modules[0]):
            continue
        for head, (channels, convolution) in heads:
            count = counts[id(head.layer)] or 0
            if head.layer is not None and count >= MANY and count > SHARE * whole:
                yield LargeHead(head.layer, count, whole, channels, convolution)


def _flattened_map(operation: Operation) -> tuple[int, Built] | None:
    """The channels, and the last convolution, of a map whose positions a linear layer takes in side
    by side; None where it takes in something else."""
    head = weighing(operation)
    if head is None or operation.entry.family != "linear" or not operation.inputs:
        return None
    taken = constant(operation.arguments.get("in_features"))
    found = _convolved(operation) or _summed_or_joined(operation)
    if found is None or not isinstance(taken, int):
        return None
    channels = found[0]
    return found if channels > 0 and taken % channels == 0 and taken > channels else None


def _convolved(operation: Operation) -> tuple[int, Built] | None:
    """The channels of a flattened map that one convolution gives."""
    behind = feeding(operation.inputs[0])
    if len(behind) != 1:
        return None
    before, passed = behind[0]
    if not _makes_map(before.operation) or not any(o.entry.family in _FLATTENS for o in passed):
        return None
    channels, convolution = before.units, before.weights
    return (
        (channels, convolution)
        if isinstance(channels, int) and isinstance(convolution, Built)
        else None
    )


def _summed_or_joined(operation: Operation) -> tuple[int, Built] | None:
    """The channels of a flattened map that several convolutions give: a residual sum, or branches
    side by side."""
    tensor, channels = operation.inputs[0], None
    while channels is None:
        made = tensor.producer
        if not isinstance(made, Operation) or made.entry.family not in PASSES_UNITS:
            return None
        if not made.inputs:
            return None
        tensor = made.inputs[0]
        if made.entry.family in _FLATTENS:
            channels = _channels_of(tensor)
    for made in upstream(tensor, _makes_map):
        if _makes_map(made) and made.layer is not None:
            return channels, made.layer
    return None


def _channels_of(tensor: Tensor) -> int | None:
    """How many channels a map of positions has, where its second axis is known to be those."""
    if tensor.shape is None or len(tensor.shape) < _MAP:
        return None
    # branches of equal width are an axis of parts beside that of their channels
    roles = {axis.role for axis in tensor.shape[1]} - {""}
    return size_of(tensor.shape[1]).integer if roles == {"channel"} else None


def _makes_map(operation: Operation) -> bool:
    return operation.entry.family == "conv" and operation.entry.dimensions >= _PLANE


def _classifies(program: Program, operations: list[Operation]) -> bool:
    """Whether a model is known to tell classes apart, and nothing says that positions matter."""
    owner = operations[0].modules[0]
    words = _words(owner)
    if any(o.entry.family == "conv_transpose" for o in operations):
        return False
    if isinstance(owner, Instance) and _POSITION_MATTERS.search(owner.cls.node.name):
        return False
    if words is not None and any(map(_POSITION_MATTERS.search, words.set_attributes)):
        return False
    if any(o.entry.family in _CLASSIFICATION for o in program.operations):
        return True
    if any(
        o.entry.family in _CLASS_SCORES and o.modules[:1] == (owner,) for o in program.operations
    ):
        return True
    return words is not None and any(map(_CLASSIFIES.search, words.names | words.attributes))


def is_whole(model: Value) -> bool:
    """Whether all layers of a model are known."""
    found = [model]
    seen: set[int] = set()
    for value in found:
        if id(value) in seen:
            continue
        seen.add(id(value))
        match value:
            case Unknown():
                if value.state.get(IS_CALLED):
                    return False
            case Instance(cls=cls) if not cls.known:
                return False
            case Built(entry=entry) if entry.kind == "model" or value.state.get("open"):
                return False
            case Instance() | Built() | Items() | Choice() | Maybe():
                found += parts(value)
    return True


def _words(model: Value) -> Words | None:
    if not isinstance(model, Instance):
        return None
    return model.cls.scope.module.words(model.cls.node)
