"""Questions about losses: what they are given."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import activation, tensor_of
from nnlint.semantics.values import Built, Condition, Instance, Operation, Tensor


def operands(loss: Operation) -> tuple[Tensor | None, Tensor | None]:
    """The prediction and the target that a loss is given, as far as they are tensors."""
    if loss.layer is not None:
        signature = str(loss.entry.options.get("call", "input, target"))
        names = [name.strip() for name in signature.split(",")]
    else:
        names = [parameter.name for parameter in loss.entry.signature]
    first, second = (tensor_of(loss.arguments.get(name)) for name in names[:2])
    return first, second


def last_activation(loss: Operation) -> tuple[str, Operation] | None:
    """The activation that the prediction given to a loss has gone through last, and where.

    None also where the loss is computed only against the defaults of options under which
    the activation is applied: one option may decide both.
    """
    prediction, _ = operands(loss)
    found = activation(prediction) if prediction is not None else None
    if found is None:
        return None
    _, operation = found
    own = {(c.site.key, c.taken) for c in loss.conditions if off_by_default((c,))}
    optional = {(c.site.key, c.taken) for c in _conditions(operation) if c.soft}
    return None if optional and not own <= optional else found


def _conditions(operation: Operation) -> Iterator[Condition]:
    """Everything that decides whether an operation is part of the model."""
    yield from operation.conditions
    for part in (operation.layer, *operation.modules):
        if isinstance(part, Built | Instance):
            yield from part.conditions
