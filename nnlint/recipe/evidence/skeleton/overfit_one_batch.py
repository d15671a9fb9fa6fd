"""Evidence that the model is made to overfit one batch."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.assertions import Relation, relations
from nnlint.recipe.asking.batches import taken_batches
from nnlint.recipe.asking.helpers import helper_calls
from nnlint.recipe.asking.losses import depends_on_training
from nnlint.recipe.asking.rounds import Rounds, TrainingLoop, training_loops
from nnlint.recipe.asking.showing import PICTURE, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import entered
from nnlint.semantics.values import Arithmetic, Built, Constant, Site, Value

_NEAR_ZERO = 0.5
"""What a loss that has been overfitted is below, at most."""
_NEAR_ONE = 0.9


def overfit_one_batch(context: Context) -> Iterator[Evidence]:
    """A loop trains on one batch again and again, and the loss is asserted to be near zero, or
    shown; or a trainer is told to."""
    for call in helper_calls(context, "assert_can_overfit"):
        yield context.done(call.site, "asserts that the model can overfit one batch")
    for run in context.runs:
        for built in run.program.builds:
            if _overfits(built):
                yield context.done(built.site, "trains on the same few batches in every epoch")
        rounds = Rounds(context, run)
        for loop in training_loops(run):
            if loop.is_innermost and _is_one_batch(rounds, loop):
                yield from _seen_to(context, run, rounds, loop)


def _overfits(built: Built) -> bool:
    """Whether a trainer is built to train on a few batches: a fraction of the data may be many."""
    if built.entry.kind != "trainer" or "overfit_batches" not in built.explicit:
        return False
    given = built.arguments["overfit_batches"]
    return isinstance(given, Constant) and type(given.value) is int and 0 < given.value <= 10


def _is_one_batch(rounds: Rounds, loop: TrainingLoop) -> bool:
    trained = [event for event in loop.forwards if event.grad and event.operands]
    return bool(trained) and all(
        rounds.is_fixed(operand, loop.block) for event in trained for operand in event.operands
    )


def _seen_to(context: Context, run: Run, rounds: Rounds, loop: TrainingLoop) -> Iterator[Evidence]:
    """The assertions, or else what shows the loss, that tell whether the batch is learnt."""
    home = entered((*loop.around, loop.block))
    found = False
    for relation in relations(context, run):
        if entered(relation.call.blocks) is home and _is_learnt(context, run, relation):
            found = True
            yield context.done(relation.call.site, "asserts that one batch is overfitted")
    if found or run.kind == "test" or not _is_taken(context, run, loop):
        return
    for show in shows(context, run):
        inside = loop.block in show.call.blocks or _follows(home, loop, show.call.event)
        if show.kind != PICTURE and inside and depends_on_training(context, run, show.values):
            yield context.done(_head(loop), "trains on one batch again and again")
            return


def _is_learnt(context: Context, run: Run, relation: Relation) -> bool:
    """Whether it is asserted that a loss is near zero, or a score near one."""
    match relation.kind, relation.left, relation.right:
        case "<", left, Constant(value=int() | float() as bound) if bound <= _NEAR_ZERO:
            return depends_on_training(context, run, (left,))
        case "<", left, Arithmetic(operator="*" | "/") as part:
            less = any(isinstance(v, Constant) for v in part.operands)
            return less and all(depends_on_training(context, run, (v,)) for v in (left, part))
        case "<", Constant(value=int() | float() as bound), right if bound >= _NEAR_ONE:
            return _is_score(context, run, right)
        case "close" | "==", left, Constant(value=0 | 0.0):
            return depends_on_training(context, run, (left,))
        case "close" | "==", left, Constant(value=1 | 1.0):
            return _is_score(context, run, left)
        case _:
            return False


def _is_score(context: Context, run: Run, value: Value) -> bool:
    return any(o.entry.name == "torch.eq" for o in context.tracing.operations(value))


def _is_taken(context: Context, run: Run, loop: TrainingLoop) -> bool:
    """Whether what is trained on is a batch that was taken out of a data set."""
    batches = {id(value) for value in taken_batches(context, run)}
    return any(
        id(value) in batches
        for event in loop.forwards
        for value in context.tracing.behind(*event.operands)
    )


def _follows(home: object, loop: TrainingLoop, event: object) -> bool:
    """Whether an event comes behind a loop, with no other loop that trains between them."""
    behind = False
    for other, blocks in entered((*loop.around, loop.block)).walk():
        if loop.block in blocks:
            behind = True
        elif other is event:
            return behind
        elif behind and other.kind == "backward":
            return False
    return False


def _head(loop: TrainingLoop) -> Site:
    assert loop.block.site is not None
    return loop.block.site
