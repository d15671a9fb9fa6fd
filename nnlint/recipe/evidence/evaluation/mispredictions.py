"""Evidence that mispredictions are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.showing import shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_number
from nnlint.semantics.values import (
    Condition,
    Constant,
    Items,
    Operation,
    Tensor,
    Value,
)

_ORDERS = frozenset({"argsort", "topk", "sort", "nlargest", "sorted"})


def mispredictions(context: Context) -> Iterator[Evidence]:
    """A run picks the examples that the model gets wrong, or whose loss is highest, and shows
    them."""
    for run in context.runs:
        if run.kind == "test" or not run.events("forward", "fit", "predict"):
            continue
        looking = _Looking(context, run)
        for show in shows(context, run):
            if any(map(looking.is_wrong, show.call.event.conditions)):
                yield context.done(show.call.site, "shows an example that the model gets wrong")
            elif looking.holds_wrong(*show.values):
                yield context.done(show.call.site, "shows the examples that the model gets wrong")
            elif looking.holds_worst(*show.values):
                yield context.done(show.call.site, "shows the examples with the highest loss")


class _Looking:
    """What of a run are wrong predictions, and what is picked by them."""

    def __init__(self, context: Context, run: Run) -> None:
        self._tracing = context.tracing
        self._predictions = Predictions(context, run)
        self._orders = {id(c.result): c for c in context.calls(run) if c.last_name in _ORDERS}
        self._picked: dict[int, Value] = {}
        """What is put into lists where a prediction is wrong, by its identity."""
        for call in context.calls(run):
            keeps = call.last_name in ("append", "extend", "add")
            if keeps and isinstance(call.receiver, Items):
                if any(map(self.is_wrong, call.event.conditions)):
                    parts = [v for value in call.arguments for v in _with_items(value)]
                    self._picked |= {id(v): v for v in parts if not isinstance(v, Constant)}

    def is_wrong(self, condition: Condition) -> bool:
        """Whether a branch is taken where a prediction is wrong."""
        if condition.test is None:
            return False
        return self._predictions.tells(condition.test, wrong=condition.taken)

    def holds_wrong(self, *values: Value) -> bool:
        """Whether values are picked by which predictions are wrong, and are not their number."""
        return any(
            id(part) in self._picked
            or (not is_number(part) and self._predictions.tells(part, wrong=True))
            for part in self._tracing.behind(*values, stop=is_number)
        )

    def holds_worst(self, *values: Value) -> bool:
        """Whether values are picked by an order of losses."""
        for part in self._tracing.behind(*values, stop=is_number):
            given: Iterable[Value] = ()
            if isinstance(part, Tensor) and isinstance(part.producer, Operation):
                if part.producer.entry.name.rpartition(".")[2] in _ORDERS:
                    given = part.producer.inputs
            elif id(part) in self._orders:
                given = self._orders[id(part)].involved
            if any(map(self._predictions.depends, self._tracing.losses(*given))):
                return True
        return False


def _with_items(value: Value) -> tuple[Value, ...]:
    return (value, *value.items) if isinstance(value, Items) else (value,)
