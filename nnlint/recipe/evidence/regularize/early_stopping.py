"""Evidence of early stopping."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.stopping import early_stops
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import built_by, contains, learning_runs, place_of
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built


def early_stopping(context: Context) -> Iterator[Evidence]:
    """A run ends by default when a score that it measures no longer improves."""
    for run in learning_runs(context):
        for site in early_stops(context, run):
            yield context.done(site, "stops when its score no longer improves")
        for callback in built_by(run, "event"):
            if callback.entry.options.get("stops_early") and _is_given(context, run, callback):
                yield context.done(place_of(callback), "stops when its score no longer improves")


def _is_given(context: Context, run: Run, callback: Built) -> bool:
    """Whether a callback is handed to what trains, or to anything that may call it."""
    trainers = [e.subject for e in run.program.events("fit") if e.subject is not None]
    if any(contains(trainer, callback, depth=6) for trainer in trainers):
        return True
    return any(
        contains(value, callback)
        for call in context.calls(run)
        if call.result is not callback and not isinstance(call.result, Built)
        for value in call.given
    )
