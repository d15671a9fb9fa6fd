"""Evidence that variation without meaning is preprocessed out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.watching import Call
from nnlint.semantics.values import SAMPLED, Built, Instance, Unknown, Value

_SCORES = re.compile(r"ssim|psnr|similarity|signal_noise|lpips|mse|mae|score|metric", re.IGNORECASE)
"""Names of functions that compare two pictures."""
_REMOVES = frozenset(
    "Normalize Grayscale StandardScaler MinMaxScaler RobustScaler equalize_hist equalizeHist CLAHE "
    "Equalize rgb_to_grayscale PowerTransformer QuantileTransformer".split()
)


def spurious_variation(context: Context) -> Iterator[Evidence]:
    """What runs load is normalised, or loses its colour or scale."""
    for run in context.runs:
        if run.kind == "test":
            continue
        predictions = Predictions(context, run)
        measured: set[int] | None = None
        for call in context.calls(run):
            if call.last_name in _REMOVES and not call.is_own and call.name != call.last_name:
                if _is_for_measuring(call, predictions):
                    continue
                measured = _measured(context, run) if measured is None else measured
                if _is_only_measured(context, run, call, measured):
                    continue
                yield context.done(call.site, "takes out variation without meaning")
        yield from _by_hand(context, run)


def _is_for_measuring(call: Call, predictions: Predictions) -> bool:
    """Whether a picture that no model is given is changed where one predicts: to be compared."""
    if not call.last_name[0].islower() or predictions.is_input(call.result):
        return False
    return any(b.kind in ("call", "entry", "loop") and b.events("forward") for b in call.blocks)


def _measured(context: Context, run: Run) -> set[int]:
    """What is given to scores, with what it is computed from, but for what models of which nothing
    is known are given."""
    calls = list(context.calls(run))
    opaque = {
        id(call.result)
        for call in calls
        if isinstance(call.event.subject, Unknown) and _is_called_by_name(call)
    }
    given = [v for call in calls if _scores(call) for v in call.given]
    return {id(v) for v in context.tracing.behind(*given, stop=lambda v: id(v) in opaque)}


def _is_called_by_name(call: Call) -> bool:
    """Whether a call is no method: what these give of something unknown is part of it."""
    return isinstance(call.site.node, ast.Call) and isinstance(call.site.node.func, ast.Name)


def _scores(call: Call) -> bool:
    return len(call.arguments) > 1 and bool(_SCORES.search(call.last_name))


def _is_only_measured(context: Context, run: Run, call: Call, measured: set[int]) -> bool:
    """Whether all that a picture is changed for is a score."""
    made = [call.result]
    if isinstance(call.result, Built):
        # a transform that is built first: what it is called on
        made = [c.result for c in context.calls(run) if c.event.subject is call.result]
        if any(v is call.result for c in context.calls(run) for v in c.given):
            return False
    return bool(made) and all(id(value) in measured for value in made)


def _by_hand(context: Context, run: Run) -> Iterator[Evidence]:
    """Samples are divided by their own spread on their way out of a data set."""
    spreads = {id(c.result): c for c in context.noted.values() if c.last_name in ("std", "norm")}
    for event in run.events("build"):
        held = event.subject.arguments.get("dataset") if isinstance(event.subject, Built) else None
        sample = held.state.get(SAMPLED) if isinstance(held, Built | Instance) else None
        for value in context.tracing.behind(sample if isinstance(sample, Value) else None):
            if id(value) in spreads:
                yield context.done(spreads[id(value)].site, "takes out variation without meaning")
