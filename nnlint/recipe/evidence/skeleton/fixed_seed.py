"""Evidence that the random seed is fixed."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence


def fixed_seed(context: Context) -> Iterator[Evidence]:
    """A run that trains gives torch's generators a seed that stays the same."""
    for run in context.training_runs:
        for event in run.events("seed"):
            yield context.done(event.site, "seeds torch")
