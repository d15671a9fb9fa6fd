"""Evidence that biases of the data are looked for."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.showing import shown_values
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_COMPARES = frozenset({"crosstab", "MetricFrame", "pivot_table", "chi2_contingency"})


def bias(context: Context) -> Iterator[Evidence]:
    """A run compares labels or scores between groups of examples."""
    for run in context.runs:
        wanted = [c for c in context.calls(run) if c.last_name in _COMPARES and not c.is_own]
        shown = shown_values(context, run) if wanted else set()
        for call in wanted:
            if id(call.result) in shown:
                yield context.done(call.site, "compares groups of examples")
