"""Evidence that something is measured that people can read."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.scores import scores
from nnlint.recipe.asking.showing import PICTURE, shows
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_number
from nnlint.semantics.values import Arithmetic, Constant


def human_readable_metric(context: Context) -> Iterator[Evidence]:
    """A run that trains or evaluates computes a score of what the model gives, and shows it."""
    for run in context.runs:
        if run.kind == "test":
            continue
        shown: set[int] = set()
        counted: set[int] = set()
        for show in shows(context, run):
            if show.kind != PICTURE:
                known = list(context.tracing.behind(*show.values))
                shown |= {id(value) for value in known}
                numbers = [v for v in known if is_number(v) or isinstance(v, Arithmetic)]
                counted |= {id(value) for value in context.tracing.behind(*numbers)}
        told: set[object] = set()
        for score in scores(context, run):
            seen = counted if score.is_mask else shown
            if id(score.value) in seen and score.site.key not in told:
                told.add(score.site.key)
                yield context.done(score.site, score.text)
        for built in run.program.builds:
            given = built.arguments.get("compute_metrics")
            if "compute_metrics" in built.explicit and not isinstance(given, Constant):
                yield context.done(built.site, "measures with `compute_metrics`")
