"""Evidence that the data is searched, filtered and sorted, and its outliers looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.showing import shown_values
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Constant

_TABLES = frozenset({"sort_values", "nlargest", "nsmallest", "query"})
"""Methods of tables, whose rows are examples."""
_SORTS = frozenset({"argsort", "sorted", "topk"})
_OUTLIERS = frozenset(
    "IsolationForest LocalOutlierFactor EllipticEnvelope zscore OutOfDistribution".split()
)
_OF_RUNS = re.compile(
    r"(?<![a-z])(?:loss|acc|accurac(?:y|ies)|epochs?|metrics?|results?|auc|f1|experiments?|logs"
    r"|history|benchmarks?|learning rate|bleu|perplexity)(?![a-z])",
    re.IGNORECASE,
)
"""Words of tables that tell how runs went."""


def search_and_sort(context: Context) -> Iterator[Evidence]:
    """A run sorts or filters examples by something about them, and shows them."""
    for run in context.runs:
        if run.kind == "test":
            continue
        wanted = [c for c in context.calls(run) if c.last_name in _TABLES | _SORTS | _OUTLIERS]
        if not wanted:
            continue
        shown, predictions = shown_values(context, run), Predictions(context, run)
        for call in wanted:
            if call.is_own or id(call.result) not in shown:
                continue
            # what else is sorted may be anything: the classes of a prediction, a listing
            by_loss = bool(context.tracing.losses(*call.involved))
            if by_loss or (
                call.last_name not in _SORTS
                and not any(map(predictions.depends, call.involved))
                and not _is_of_runs(context, call)
            ):
                yield context.done(call.site, "sorts or filters examples and shows them")


def _is_of_runs(context: Context, call: Call) -> bool:
    """Whether what is sorted is a table of how runs went: by its file, its columns, or its name."""
    words = [
        value.value
        for value in context.tracing.behind(*call.involved)
        if isinstance(value, Constant) and isinstance(value.value, str)
    ]
    return any(_OF_RUNS.search(word.replace("_", " ")) for word in (*words, call.site.text))
