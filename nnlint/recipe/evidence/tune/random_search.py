"""Evidence of random search."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.searching import searches
from nnlint.recipe.asking.sweep_files import sweeps
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence


def random_search(context: Context) -> Iterator[Evidence]:
    """A run, or a sweep beside it, draws the hyper-parameters of each trial."""
    for run in context.runs:
        if run.kind != "test":
            for search in searches(context, run):
                yield context.done(search.site, search.how)
    for search in sweeps(context):
        yield context.done(search.site, search.how)
