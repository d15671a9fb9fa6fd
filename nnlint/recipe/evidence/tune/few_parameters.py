"""Evidence that few parameters are tuned, the learning rate among them."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.searching import Search, searches
from nnlint.recipe.asking.sweep_files import sweeps
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

MOST = 4
_RATE = ("lr", "learning_rate", "learningrate", "rate", "eta", "base_lr", "max_lr")


def few_parameters(context: Context) -> Iterator[Evidence]:
    """A search that draws goes over a handful of parameters, and the learning rate is one."""
    found: list[Search] = [*sweeps(context)]
    for run in context.runs:
        if run.kind != "test":
            found += searches(context, run)
    for search in found:
        names = [name.rpartition(".")[2].lower() for name in search.parameters]
        if 0 < len(names) <= MOST and any(name in _RATE for name in names):
            yield context.done(search.site, f"searches over {', '.join(search.parameters)}")
