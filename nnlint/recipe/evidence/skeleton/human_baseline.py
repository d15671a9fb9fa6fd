"""Evidence that people's own accuracy is known."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_AGREEMENT = frozenset(
    "cohen_kappa_score cohens_kappa fleiss_kappa aggregate_raters krippendorff.alpha "
    "AnnotationTask".split()
)


def human_baseline(context: Context) -> Iterator[Evidence]:
    """A run measures how well annotators agree: none of them is a model."""
    for run in context.runs:
        predictions = Predictions(context, run)
        for call in context.calls(run):
            known = call.last_name in _AGREEMENT or call.name in _AGREEMENT
            if known and not call.is_own and not any(map(predictions.depends, call.given)):
                yield context.done(call.site, "measures how well annotators agree")
