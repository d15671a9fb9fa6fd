"""Evidence that a model is kept small: what is averaged before its head, instead of flattened."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.outputs import layers_before
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Constant, Instance, Items, Operation, Value

_ONE = (1, (1, 1), (1, 1, 1))
_SPACE = frozenset({(2, 3), (-2, -1), (-1, -2), (3, 2)})


def smaller_model(context: Context) -> Iterator[Evidence]:
    """A model that a run trains averages over all positions before its last layer."""
    for learner in learners(context):
        owners = {id(layer) for layer in learner.layers if isinstance(layer, Instance)}
        heads: dict[int, Operation] = {}
        for operation in learner.run.program.operations:
            if operation.entry.family == "linear" and operation.modules:
                if id(operation.modules[0]) in owners:
                    heads[id(operation.modules[0])] = operation
        for head in heads.values():
            for before in layers_before(head):
                if _averages(before):
                    yield context.done(before.written_at, "averages over positions before the head")
                    break
                if before.layer is not None and before.entry.family in ("linear", "conv"):
                    break


def _averages(operation: Operation) -> bool:
    """Whether an operation leaves the mean over all positions."""
    if operation.entry.family == "adaptive_pool" and "avg" in operation.entry.name.lower():
        source = operation.layer.arguments if operation.layer else operation.arguments
        return _plain(source.get("output_size")) in _ONE
    if operation.entry.name == "torch.mean":
        return _plain(operation.arguments.get("dim")) in _SPACE
    return False


def _plain(value: Value | None) -> object:
    if isinstance(value, Constant):
        return tuple(value.value) if isinstance(value.value, list) else value.value
    if isinstance(value, Items) and not value.open:
        return tuple(_plain(item) for item in value.items)
    return None
