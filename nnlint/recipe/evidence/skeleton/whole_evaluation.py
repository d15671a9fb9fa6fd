"""Evidence that the model is evaluated over a whole evaluation set."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.passes import goes_over_data, passes
from nnlint.recipe.asking.batches import batches
from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.scores import scores
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import options_of
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Constant, Value, options

_STRATEGIES = ("eval_strategy", "evaluation_strategy", "evaluate_during_training")
"""Options of trainers of transformers, by their versions, for when to evaluate."""
_STEPS = frozenset({"validation_step", "test_step"})
"""Methods of Lightning's modules that a trainer calls for every batch of an evaluation."""


def whole_evaluation(context: Context) -> Iterator[Evidence]:
    """A run goes over all of an evaluation set and computes a score from what the model gives."""
    for run in context.runs:
        if run.kind == "test":
            continue
        live = {id(event) for event in run.events("forward")}
        known = {id(value) for value in batches(context, run)}
        told: set[int] = set()
        measured = _measured(context, run)
        for one in passes(run.program):
            if one.role != "eval" or id(one.event) not in live:
                continue
            if run.kind == "hooks" and one.entry is not None and one.entry.name in _STEPS:
                if id(one.entry) not in told:
                    told.add(id(one.entry))
                    site = one.entry.site or one.event.site
                    yield context.done(site, "is run by the trainer over a whole set")
                continue
            if not one.scored and id(one.event) not in measured:
                continue
            if not any(b.kind == "loop" and goes_over_data(b) for b in one.region):
                if not one.on_made_up_data and not _is_batch(known, context, one.event):
                    yield context.done(one.event.site, "measures the model on all examples at once")
                continue
            loop = next((b for b in one.region if b.kind == "loop" and _is_over_data(b)), None)
            if loop is None or id(loop) in told or loop.site is None:
                continue
            told.add(id(loop))
            yield context.done(loop.site, "measures the model over a whole set")
        for event in run.events("fit"):
            for chosen in _evaluates(event.subject):
                yield context.done(
                    chosen.site, "has the trainer measure the model over a whole set"
                )
        for event in run.events("validate", "test"):
            yield context.done(event.site, "has the trainer measure the model over a whole set")


def _measured(context: Context, run: Run) -> set[int]:
    """The identities of the forward passes that a score is computed from, also where what they
    give is put into a list first."""
    predictions = Predictions(context, run)
    return {
        id(reached.forward)
        for score in scores(context, run)
        for reached in predictions.reached(score.value)
    }


def _evaluates(trainer: Value | None) -> Iterator[Built]:
    """The options that have a trainer of transformers evaluate as it trains, on data it is given."""
    for one in options(trainer) if trainer is not None else ():
        told = options_of(one) if isinstance(one, Built) else None
        if (
            told is None
            or not isinstance(one, Built)
            or _is_none(one.arguments.get("eval_dataset"))
        ):
            continue
        for name in _STRATEGIES:
            when = told.arguments.get(name)
            if isinstance(when, Constant) and when.value not in (None, False, "no"):
                yield told
                break


def _is_none(value: Value | None) -> bool:
    return value is None or (isinstance(value, Constant) and value.value is None)


def _is_batch(known: set[int], context: Context, forward: Event) -> bool:
    """Whether a model is given one batch out of a loader."""
    return any(id(value) in known for value in context.tracing.behind(*forward.operands))


def _is_over_data(loop: Block) -> bool:
    return goes_over_data(loop) and not _leaves(loop)


def _leaves(block: Block) -> bool:
    """Whether a round may end the loop before all of the data is seen."""
    for child in block.children:
        if isinstance(child, Block):
            if child.end == "break" and child.kind in ("arm", "iteration"):
                return True
            if child.kind != "loop" and _leaves(child):
                return True
    return False
