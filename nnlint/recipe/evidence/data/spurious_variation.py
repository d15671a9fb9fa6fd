"""Evidence that variation without meaning is preprocessed out."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_REMOVES = frozenset(
    "Normalize Grayscale StandardScaler MinMaxScaler RobustScaler equalize_hist equalizeHist CLAHE "
    "Equalize rgb_to_grayscale PowerTransformer QuantileTransformer".split()
)


def spurious_variation(context: Context) -> Iterator[Evidence]:
    """What runs load is normalised, or loses its colour or scale."""
    for run in context.runs:
        if run.kind == "test":
            continue
        for call in context.calls(run):
            if call.last_name in _REMOVES and not call.is_own and call.name != call.last_name:
                yield context.done(call.site, "takes out variation without meaning")
