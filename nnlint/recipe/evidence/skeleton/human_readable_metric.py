"""Evidence that something is measured that people can read."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.scores import scores
from nnlint.recipe.asking.showing import PICTURE, shows
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_number
from nnlint.semantics.values import Arithmetic, Constant, Value


def human_readable_metric(context: Context) -> Iterator[Evidence]:
    """A run that trains or evaluates computes a score of what the model gives, and shows it."""
    for run in context.runs:
        if run.kind == "test":
            continue
        found = dict(scores(context, run))
        shown: dict[int, Value] = {}
        for show in shows(context, run):
            if show.kind != PICTURE:
                known = context.tracing.behind(*show.values)
                numbers = [v for v in known if is_number(v) or isinstance(v, Arithmetic)]
                shown |= {id(v): v for v in context.tracing.behind(*numbers)}
                shown |= {id(v): v for v in show.values}
        told: set[object] = set()
        for value, (site, text) in found.items():
            if id(value) in shown and site.key not in told:
                told.add(site.key)
                yield context.done(site, text)
        for built in run.program.builds:
            given = built.arguments.get("compute_metrics")
            if "compute_metrics" in built.explicit and not isinstance(given, Constant):
                yield context.done(built.site, "measures with `compute_metrics`")
