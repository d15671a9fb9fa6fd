"""Evidence that batches are looked at just before they go into the net."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.backpropagation import Computation
from nnlint.recipe.asking.batches import batches
from nnlint.recipe.asking.showing import CURVE, PICTURE, TEXT, Show, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_number
from nnlint.semantics.dataflow import made_up, tensor_of
from nnlint.semantics.values import Tensor, Unknown, Value

_DECODES = frozenset({"decode", "batch_decode", "convert_ids_to_tokens"})


def visualise_inputs(context: Context) -> Iterator[Evidence]:
    """A run shows a batch as it comes out of a loader or goes into the model."""
    for run in context.runs:
        known = {id(value) for value in batches(context, run)}
        given = _inputs(context, run)
        if not known and not given:
            continue
        for show in shows(context, run):
            if show.kind in (PICTURE, CURVE, TEXT) and _shows_batch(
                context, run, show, known, given
            ):
                yield context.done(show.call.site, "shows a batch as the model gets it")


def _inputs(context: Context, run: Run) -> set[int]:
    """What goes into models, as it is when it goes in."""
    given = [value for event in run.events("forward") for value in event.operands]
    return {id(v) for v in given if (t := tensor_of(v)) is not None and not made_up(t)}


def _shows_batch(context: Context, run: Run, show: Show, known: set[int], given: set[int]) -> bool:
    flow = run.program.once(Computation)
    values = list(context.tracing.behind(*show.values, stop=is_number))
    if show.kind == TEXT and not _is_decoded(context, run, values):
        return False
    if any(flow.reaches(value) for value in values if isinstance(value, Tensor | Unknown)):
        return False
    return any(id(value) in known or id(value) in given for value in values)


def _is_decoded(context: Context, run: Run, values: list[Value]) -> bool:
    decoded = {id(c.result) for c in context.calls(run) if c.last_name in _DECODES}
    return any(id(value) in decoded for value in values)
