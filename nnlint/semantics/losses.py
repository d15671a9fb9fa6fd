"""Questions about losses: what they are given."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.values import Built, Condition, Instance, Operation, Tensor, constant


def operands(loss: Operation) -> tuple[Tensor | None, Tensor | None]:
    """The prediction and the target that a loss is given, as far as they are tensors."""
    if loss.layer is not None:
        signature = str(loss.entry.options.get("call", "input, target"))
        names = [name.strip() for name in signature.split(",")]
    else:
        names = [parameter.name for parameter in loss.entry.signature]
    first, second = (tensor_of(loss.arguments.get(name)) for name in names[:2])
    return first, second


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
    if operation.entry.name == "torch.sum" and name == "exp":
        return "sum(exp)", operation
    return None


NATURAL = frozenset({"torch.log", "torch.log2", "torch.log10"})
