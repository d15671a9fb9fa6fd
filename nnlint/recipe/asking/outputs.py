"""Which model gave a value, and which values several models together gave."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.tracing import Tracing
from nnlint.semantics.registration import has_weights
from nnlint.semantics.values import Items, Operation, Tensor, Value

_SUMS = frozenset({"torch.add", "torch.sum"})
_GATHERED = frozenset({"torch.stack", "torch.cat"})


def model_of(value: Value | None, tracing: Tracing) -> Value | None:
    """The outermost model that gave a value last, as far as it was seen to run."""
    for part in tracing.behind(value):
        made = part.producer if isinstance(part, Tensor) else None
        if isinstance(made, Operation):
            if made.modules:
                return made.modules[0]
            layer = made.layer
            if layer is not None and layer.entry.kind != "loss" and has_weights(layer):
                return layer
    return None


def mixed_outputs(operation: Operation, tracing: Tracing) -> tuple[Value, ...]:
    """The models whose outputs an operation adds up or puts side by side, where it does."""
    if operation.entry.name in _SUMS:
        parts: list[Value] = list(operation.inputs)
    elif operation.entry.name in _GATHERED:
        given = operation.arguments.get("tensors")
        parts = list(given.items) if isinstance(given, Items) else []
    else:
        return ()
    found = [model_of(part, tracing) for part in parts]
    models = [model for model in found if model is not None]
    distinct = list({id(model): model for model in models}.values())
    return tuple(distinct) if len(models) == len(parts) else ()


def layers_before(operation: Operation, most: int = 6) -> Iterator[Operation]:
    """The operations before one in a chain, the nearest first, as long as there is one way."""
    current = operation
    for _ in range(most):
        source = current.inputs[0] if current.inputs else None
        made = source.producer if isinstance(source, Tensor) else None
        if not isinstance(made, Operation):
            return
        yield made
        current = made
