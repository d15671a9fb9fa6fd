"""Evidence of an ensemble, or of a model that learns from another."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.loss.losses import operands
from nnlint.recipe.asking.outputs import mixed_outputs, model_of
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Site, Unknown

_DIVERGENCES = frozenset({"kl_div", "kldiv", "cross_entropy"})


def ensembles(context: Context) -> Iterator[Evidence]:
    """Outputs of several models for one input are averaged, or one model learns from another."""
    for run in context.runs:
        if run.kind != "test":
            for site in _averaged(context, run):
                yield context.done(site, "averages the outputs of several models")
    for learner in learners(context):
        trained = {id(layer) for layer in learner.layers}
        for operation in learner.run.program.operations:
            if operation.entry.kind != "loss" or operation.entry.family not in _DIVERGENCES:
                continue
            own, told = operands(operation)
            student = model_of(own, context.tracing)
            teacher = model_of(told, context.tracing)
            if student is None or teacher is None or id(teacher) in trained:
                continue
            if id(student) in trained and operation.grad:
                yield context.done(operation.site, "trains one model on what another one says")


def _averaged(context: Context, run: Run) -> Iterator[Site]:
    """Where the outputs of several models for the same input are put together, not trained on."""
    passes = [event for event in run.events("forward") if not event.grad]
    for operation in run.program.operations:
        if operation.grad:
            continue
        models = mixed_outputs(operation, context.tracing)
        if len(models) > 1 and _see_the_same([_pass_of(model, passes) for model in models]):
            yield operation.site
    for _, blocks in run.walk():
        loop = blocks[-1]
        if loop.kind == "loop" and loop.site is not None and not loop.events("backward", "step"):
            if any(_is_of_member(event) for event in loop.events("forward")):
                if loop.events("gather"):
                    yield loop.site


def _pass_of(model: object, passes: list[Event]) -> list[Event]:
    return [event for event in passes if event.subject is model]


def _see_the_same(passes: list[list[Event]]) -> bool:
    """Whether models are run on one input."""
    inputs = [{id(e.operands[0]) for e in events if e.operands} for events in passes]
    return bool(set.intersection(*inputs)) if inputs else False


def _is_of_member(event: Event) -> bool:
    """Whether one of several models that a loop goes over is run on what is no part of the loop."""
    member = event.subject
    given = event.operands[0] if event.operands else None
    if event.grad or not isinstance(member, Unknown) or member.origin != "loop":
        return False
    return isinstance(given, Unknown) and given is not member
