"""Evidence that variation without meaning is preprocessed out."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.watching import Call
from nnlint.semantics.values import SAMPLED, Built, Instance, Value

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
        for call in context.calls(run):
            if call.last_name in _REMOVES and not call.is_own and call.name != call.last_name:
                if _is_for_measuring(call, predictions):
                    continue
                yield context.done(call.site, "takes out variation without meaning")
        yield from _by_hand(context, run)


def _is_for_measuring(call: Call, predictions: Predictions) -> bool:
    """Whether a picture that no model is given is changed where one predicts: to be compared."""
    if not call.last_name[0].islower() or predictions.is_input(call.result):
        return False
    return any(b.kind in ("call", "entry", "loop") and b.events("forward") for b in call.blocks)


def _by_hand(context: Context, run: Run) -> Iterator[Evidence]:
    """Samples are divided by their own spread on their way out of a data set."""
    spreads = {id(c.result): c for c in context.noted.values() if c.last_name in ("std", "norm")}
    for event in run.events("build"):
        held = event.subject.arguments.get("dataset") if isinstance(event.subject, Built) else None
        sample = held.state.get(SAMPLED) if isinstance(held, Built | Instance) else None
        for value in context.tracing.behind(sample if isinstance(sample, Value) else None):
            if id(value) in spreads:
                yield context.done(spreads[id(value)].site, "takes out variation without meaning")
