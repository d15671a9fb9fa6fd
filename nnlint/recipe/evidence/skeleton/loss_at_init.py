"""Evidence that the loss at init is verified."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.training.backpropagation import Computation
from nnlint.recipe.asking.assertions import Relation, relations
from nnlint.recipe.asking.helpers import helper_calls
from nnlint.recipe.asking.showing import PICTURE, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_loss
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Constant, Value

_LOGARITHMS = frozenset({"log", "log2", "log1p", "log10", "entropy"})


def loss_at_init(context: Context) -> Iterator[Evidence]:
    """Before the first step, a run compares a model's loss with what it should be, or shows it
    beside that."""
    for call in helper_calls(context, "assert_loss_at_init"):
        yield context.done(call.site, "verifies the loss at init")
    for run in context.runs:
        logarithms = {id(c.result) for c in context.calls(run) if c.last_name in _LOGARITHMS}
        bounds: dict[int, set[int]] = {}
        for relation in relations(context, run):
            for side, (one, other) in enumerate(
                ((relation.left, relation.right), (relation.right, relation.left))
            ):
                models = _models_of(context, run, one)
                if models and not _losses(context, other):
                    if not run.is_before_training(relation.call, models):
                        continue
                    sides = bounds.setdefault(id(relation.call.event), set())
                    sides.add(side)
                    if _fixes(context, relation, other, logarithms) or len(sides) == 2:
                        yield context.done(
                            relation.call.site, "compares the first loss with what it should be"
                        )
        for show in shows(context, run):
            if show.kind != PICTURE and _shows_both(context, run, show.call, logarithms):
                yield context.done(show.call.site, "shows the first loss beside what it should be")


def _models_of(context: Context, run: Run, value: Value) -> list[Value]:
    """The models whose loss a value is."""
    flow = run.program.once(Computation)
    return [one.model for loss in _losses(context, value) for one in flow.reaches(loss)]


def _losses(context: Context, value: Value) -> list[Value]:
    return context.tracing.losses(value)


def _fixes(context: Context, relation: Relation, expected: Value, logarithms: set[int]) -> bool:
    """Whether a relation says what the loss is: that it is near a number, or below one that is
    computed as the loss of a guess."""
    if relation.kind == "<":
        return any(id(v) in logarithms for v in context.tracing.behind(expected))
    return not (isinstance(expected, Constant) and not expected.value)


def _shows_both(context: Context, run: Run, call: Call, logarithms: set[int]) -> bool:
    """Whether a call shows a model's loss, and what a guess should have."""
    known = list(context.tracing.behind(*call.given, stop=is_loss))
    expected = any(id(v) in logarithms and not _losses(context, v) for v in known)
    models = [m for v in known if is_loss(v) for m in _models_of(context, run, v)]
    return expected and bool(models) and run.is_before_training(call, models)
