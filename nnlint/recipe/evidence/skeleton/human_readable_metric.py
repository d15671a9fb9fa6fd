"""Evidence that something is measured that people can read."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.scores import Score, scores
from nnlint.recipe.asking.showing import PICTURE, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_number
from nnlint.semantics.values import Arithmetic, Constant, Unknown, Value


def human_readable_metric(context: Context) -> Iterator[Evidence]:
    """A run that trains or evaluates computes a score of what the model gives, and shows it."""
    for run in context.runs:
        if run.kind == "test":
            continue
        shown, counted = _shown(context, run)
        told: set[object] = set()
        for score in (*scores(context, run), *_counts(context, run, counted)):
            seen = counted if score.is_mask else shown
            if id(score.value) in seen and score.site.key not in told:
                told.add(score.site.key)
                yield context.done(score.site, score.text)
        for built in run.program.builds:
            given = built.arguments.get("compute_metrics")
            if "compute_metrics" in built.explicit and not isinstance(given, Constant):
                yield context.done(built.site, "measures with `compute_metrics`")


def _shown(context: Context, run: Run) -> tuple[dict[int, Value], dict[int, Value]]:
    """What a run shows, with what that is computed from; and of it what numbers are made of."""
    shown: dict[int, Value] = {}
    counted: dict[int, Value] = {}
    for show in shows(context, run):
        if show.kind != PICTURE:
            known = list(context.tracing.behind(*show.values))
            shown |= {id(value): value for value in known}
            numbers = [v for v in known if is_number(v) or isinstance(v, Arithmetic)]
            counted |= {id(value): value for value in context.tracing.behind(*numbers)}
    return shown, counted


def _counts(context: Context, run: Run, counted: dict[int, Value]) -> Iterator[Score]:
    """What is counted where a prediction is right, or wrong, and is no operation of torch."""
    predictions = Predictions(context, run)
    takers = {id(v): c for c in context.calls(run) for v in (*c.given, c.receiver)}
    for value in counted.values():
        if isinstance(value, Unknown) and id(value) in takers:
            if predictions.tells(value, wrong=False) or predictions.tells(value, wrong=True):
                yield Score(value, takers[id(value)].site, "counts right predictions")
    for event in run.events("gather"):
        tests = [c.test for c in event.conditions if c.test is not None]
        total = event.operands[0] if event.operands else None
        if total is not None and any(
            predictions.tells(test, wrong) for test in tests for wrong in (False, True)
        ):
            yield Score(total, event.site, "counts right predictions")
