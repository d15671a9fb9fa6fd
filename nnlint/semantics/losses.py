"""Questions about losses: what they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import NoneType

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import (
    SiteKey,
    makers,
    tensor_of,
)
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    Built,
    Condition,
    Constant,
    Instance,
    Operation,
    Tensor,
    constant,
)


def operands(loss: Operation) -> tuple[Tensor | None, Tensor | None]:
    """The prediction and the target that a loss is given, as far as they are tensors."""
    first, second = (tensor_of(loss.arguments.get(name)) for name in call_parameters(loss)[:2])
    return first, second


def call_parameters(loss: Operation) -> list[str]:
    """The names of what a loss is called with, the prediction and the target first."""
    if loss.layer is not None:
        signature = str(loss.entry.options.get("call", "input, target"))
        return [name.strip() for name in signature.split(",")]
    return [parameter.name for parameter in loss.entry.signature]


LINEAR = frozenset({"linear", "conv", "conv_transpose"})
"""Families of layers whose output may be any number."""
LOGARITHMS = frozenset({"log_softmax", "log_sigmoid", "log", "logsumexp"})


def last_activation(loss: Operation) -> tuple[str, Operation] | None:
    """The activation that the prediction given to a loss has gone through last, and where.

    `linear` for the raw output of a layer, on every path. None when it is not known, and
    also where the loss is computed only against the defaults of options under which the
    activation is applied: one option may decide both.
    """
    prediction, _ = operands(loss)
    made = makers(prediction) if prediction is not None else None
    if not made:
        return None
    names = {_name(operation) for operation in made}
    name = names.pop()
    if names or not name or any(_may_exclude(loss, operation) for operation in made):
        return None
    return name, made[0]


def _name(operation: Operation) -> str:
    return "linear" if operation.entry.family in LINEAR else operation.entry.activation


def _may_exclude(loss: Operation, operation: Operation) -> bool:
    """Whether one option may decide that an operation and a loss never meet."""
    shared = {(c.site.key, c.taken) for c in loss.conditions}
    own = {(c.site.key, c.taken) for c in _conditions(operation) if c.soft}
    return off_by_default(loss.conditions) and not own <= shared


def _conditions(operation: Operation) -> Iterator[Condition]:
    """Everything that decides whether an operation is part of the model."""
    yield from operation.conditions
    for part in (operation.layer, *operation.modules):
        if isinstance(part, Built | Instance):
            yield from part.conditions


def averages_over_all_elements(loss: Operation) -> bool:
    """Whether a loss divides by the number of elements: its `reduction` is `mean`."""
    old = ("size_average", "reduce")
    if any(name in loss.explicit for name in old):
        return False
    return bool(constant(loss.arguments.get("reduction")) == "mean")


def unstable_logarithm(logarithm: Operation) -> tuple[str, Operation] | None:
    """What a logarithm is taken of where one stable function does both, and where.

    `softmax`, `sigmoid`, `1 - sigmoid` or `sum(exp)`.
    """
    if logarithm.entry.name not in NATURAL or not logarithm.inputs:
        return None
    made = makers(logarithm.inputs[0]) or ()
    if len(made) != 1:
        return None
    operation = made[0]
    if operation.entry.activation in ("softmax", "sigmoid"):
        return operation.entry.activation, operation
    inner = makers(operation.inputs[0]) if operation.inputs else None
    name = inner[0].entry.activation if inner and len(inner) == 1 else ""
    if operation.entry.name == "torch.sub" and name == "sigmoid":
        if constant(operation.arguments.get("input")) in (1, 1.0):
            return "1 - sigmoid", operation
    if inner and operation.entry.name == "torch.sum" and name == "exp":
        # a difference inside is the maximum taken off by hand
        shifted = makers(inner[0].inputs[0]) if inner[0].inputs else None
        if not any(o.entry.name in ("torch.sub", "torch.add") for o in shifted or ()):
            return "sum(exp)", operation
    return None


NATURAL = frozenset({"torch.log", "torch.log2", "torch.log10"})


def one_class(operation: Operation) -> Operation | None:
    """The layer with a single output over which a softmax or cross entropy normalises."""
    prediction = operands(operation)[0] if operation.entry.kind == "loss" else None
    if prediction is None and operation.entry.kind != "loss" and operation.inputs:
        axis = constant(operation.arguments.get("dim"))
        prediction = operation.inputs[0] if axis in (-1, 1) else None
        shape = prediction.shape if prediction is not None else None
        if axis == 1 and (shape is None or len(shape) != 2):
            return None
    layer = prediction.producer if prediction is not None else None
    if not isinstance(layer, Operation) or layer.entry.family not in LINEAR:
        return None
    names = ("out_features", "out_channels")
    outputs = next((layer.arguments[n] for n in names if n in layer.arguments), None)
    return layer if constant(outputs, soft=False) == 1 else None


DATA_IS_CLASS = frozenset("cross_entropy nll bce bce_with_logits mse l1 kl_div".split())
"""Families of losses whose constructor takes no two positional arguments in earnest."""


def built_with_data(build: Event) -> Built | None:
    """The loss that a build event gives a prediction and a target instead of options."""
    loss = build.subject
    if not isinstance(loss, Built) or loss.entry.family not in DATA_IS_CLASS:
        return None
    call = build.site.node
    if not isinstance(call, ast.Call) or len(call.args) < 2:
        return None
    given = [loss.arguments.get(p.name) for p in loss.entry.signature[:2]]
    return loss if not any(isinstance(v, Constant | NoneType) for v in given) else None


def thresholded_logits(program: Program) -> Iterator[tuple[Operation, Operation, Operation]]:
    """Comparisons with 0.5 of what the same program gives to a loss as logits.

    Yields the comparison, the layer that gives the logits, and the loss.
    """
    logits: dict[SiteKey, tuple[Operation, Operation]] = {}
    for loss in program.operations:
        if loss.entry.family == "bce_with_logits":
            prediction, _ = operands(loss)
            made = makers(prediction) if prediction is not None else None
            for operation in made or ():
                if operation.entry.family in LINEAR:
                    logits[operation.site.key] = operation, loss
    for comparison in program.operations if logits else ():
        if comparison.entry.name in ("torch.gt", "torch.ge", "torch.lt", "torch.le"):
            made = makers(comparison.inputs[0]) if comparison.inputs else None
            if not made or constant(comparison.arguments.get("other")) != 0.5:
                continue
            if all(operation.site.key in logits for operation in made):
                yield comparison, *logits[made[0].site.key]
