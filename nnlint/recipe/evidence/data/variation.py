"""Evidence that the variation in the data is looked at."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.showing import CURVE, shown_values, shows
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_DISTRIBUTIONS = frozenset(
    "hist hist2d histplot boxplot violinplot kdeplot displot pairplot add_histogram".split()
)
_STATISTICS = frozenset({"describe", "quantile", "percentile", "nunique", "corr", "var_mean"})


def variation(context: Context) -> Iterator[Evidence]:
    """A run shows how values of the data are distributed."""
    for run in context.runs:
        if run.kind == "test":
            continue
        calls = [c for c in context.calls(run) if c.last_name in _STATISTICS and not c.is_own]
        curves = [s for s in shows(context, run) if s.kind == CURVE]
        if not calls and not curves:
            continue
        predictions = Predictions(context, run)
        shown = shown_values(context, run) if calls else set()
        for show in curves:
            if show.call.last_name in _DISTRIBUTIONS and not any(
                map(predictions.depends, show.values)
            ):
                yield context.done(show.call.site, "shows how the data is distributed")
        for call in calls:
            if id(call.result) in shown and not any(map(predictions.depends, call.involved)):
                yield context.done(call.site, "shows how the data is distributed")
