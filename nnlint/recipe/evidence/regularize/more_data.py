"""Evidence that more data is taken in: several data sets that are trained on together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nnlint.questions.data.loaders import training_loaders
from nnlint.questions.data.splits import datasets_in
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built, Constant, Instance, Items, Maybe, Value

_JOINED = frozenset({"torch.utils.data.ConcatDataset", "torch.utils.data.ChainDataset"})


def more_data(context: Context) -> Iterator[Evidence]:
    """A run trains on several data sets put together."""
    for run in learning_runs(context):
        for found in training_loaders(run.program):
            for dataset in datasets_in(found.loader):
                if isinstance(dataset, Built) and dataset.entry.name in _JOINED:
                    joined = next(iter(dataset.arguments.values()), None)
                    if _are_several(joined):
                        yield context.done(dataset.site, "trains on several data sets together")


def _are_several(joined: Value | None) -> bool:
    """Whether a list holds different data sets, and not one of them in several ways."""
    items = joined.items if isinstance(joined, Items) else ()
    found = [item.value if isinstance(item, Maybe) else item for item in items]
    return len({_identity(dataset) for dataset in found}) > 1 and all(map(_identity, found))


def _identity(dataset: Value) -> str:
    """What data a data set holds, told by its class and the plain values it is built with."""
    given: Iterable[Value]
    if isinstance(dataset, Built):
        name, given = dataset.entry.name, dataset.arguments.values()
    elif isinstance(dataset, Instance):
        name, given = dataset.cls.node.name, dataset.named.values() or dataset.arguments
    else:
        return ""
    plain = [repr(value.value) for value in given if isinstance(value, Constant)]
    return f"{name}({', '.join(plain)})"
