"""Evidence that the predictions on one fixed batch are watched while the model trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlint.questions.training.backpropagation import Computation
from nnlint.recipe.asking.rounds import Rounds, training_loops
from nnlint.recipe.asking.showing import RECORD, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_loss
from nnlint.semantics.holding import covers
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Instance, Tensor, Unknown, Value

_WHOLE = frozenset(
    "add_text add_histogram Table Histogram save savez savetxt savefig dump to_csv".split()
)
"""What keeps a whole prediction, and no number of it."""


def prediction_dynamics(context: Context) -> Iterator[Evidence]:
    """Between the steps of training, the model predicts the same batch again and again, and what
    it gives is shown."""
    for run in context.runs:
        if run.kind == "test":
            continue
        rounds = Rounds(context, run)
        trained = [model for learner in learners(context) for model in learner.models]
        fixed: dict[int, Event] = {}
        training: list[Block] = []
        for loop in training_loops(run):
            for event in loop.forwards:
                if not _may_be_one_of(event.subject, trained):
                    # what a frozen network gives does not develop
                    continue
                if event.operands and all(
                    rounds.is_fixed(operand, loop.block) for operand in event.operands
                ):
                    fixed[id(event)] = event
                    training.append(loop.block)
        if not fixed:
            continue
        for show in shows(context, run):
            if show.kind == RECORD and show.call.last_name not in _WHOLE:
                continue
            if not any(block in show.call.blocks for block in training):
                # what is shown once training is over develops no more
                continue
            if any(_shows_output(context, run, value, fixed) for value in show.values):
                yield context.done(
                    show.call.site, "shows how the predictions on one fixed batch develop"
                )


def _may_be_one_of(model: Value | None, trained: Sequence[Value]) -> bool:
    """Whether a model may be trained, or hold or be part of what is: others are built apart."""
    if not isinstance(model, Built | Instance) or not trained:
        return True
    return any(
        not isinstance(one, Built | Instance) or covers(one, model) or covers(model, one)
        for one in trained
    )


def _shows_output(context: Context, run: Run, value: Value, fixed: dict[int, Event]) -> bool:
    """Whether what is shown is what the model gives for a fixed batch, and no loss or score of it."""
    flow = run.program.once(Computation)
    tracing = context.tracing
    for part in tracing.behind(value, stop=_is_number):
        if isinstance(part, Tensor | Unknown) and not _is_number(part):
            if not any(id(reached.forward) in fixed for reached in flow.reaches(part)):
                continue
            # a number about the batch is no picture of its predictions
            if not tracing.losses(part) and not any(
                o.entry.name in ("torch.eq", "torch.mean") for o in tracing.operations(part)
            ):
                return True
    return False


def _is_number(value: Value) -> bool:
    return is_loss(value) or (isinstance(value, Unknown) and value.name == "item()")
