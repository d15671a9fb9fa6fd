"""Evidence of supervised learning."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nnlint.questions.participants import is_model
from nnlint.questions.participants import is_output as gives_output
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import CALLEE, Operation, Site, Tensor, Unknown, Value


def supervised(context: Context) -> Iterator[Evidence]:
    """A loss that a run trains on compares the model's output with what the batch holds besides
    the model's input."""
    by_run: dict[Run, set[int]] = {}
    for learner in learners(context):
        by_run.setdefault(learner.run, set()).update(id(layer) for layer in learner.layers)
    for run, trained in by_run.items():
        is_output = _of(trained)
        for event in run.events("backward", "returned_loss"):
            labels = _labels(event.subject, context, is_output)
            if event.subject is not None and labels:
                site = _place_of_loss(event.subject, labels, context, is_output) or event.site
                yield context.done(site, "learns from targets that come with the data")


def _of(trained: set[int]) -> Callable[[Value], bool]:
    """Tells whether what is trained has given a value."""

    def is_output(value: Value) -> bool:
        if isinstance(value, Unknown) and value.origin == "call":
            return is_model(value.state.get(CALLEE)) or gives_output(value)
        made = value.producer if isinstance(value, Tensor) else None
        if not isinstance(made, Operation):
            return False
        return id(made.layer) in trained or any(id(module) in trained for module in made.modules)

    return is_output


def _labels(loss: Value | None, context: Context, is_output: Callable[[Value], bool]) -> set[int]:
    """The parts of a batch that a loss sees and that the model's output is not made of."""
    beside: list[Value] = []
    outputs: list[Value] = []
    for value in context.tracing.behind(loss, stop=is_output):
        if is_output(value):
            outputs.append(value)
        elif _is_part_of_batch(value):
            beside.append(value)
    inputs = {id(v) for v in context.tracing.behind(*outputs) if _is_part_of_batch(v)}
    # a whole batch is behind its parts
    return {id(value) for value in beside} - inputs if outputs and inputs else set()


def _place_of_loss(
    loss: Value, labels: set[int], context: Context, is_output: Callable[[Value], bool]
) -> Site | None:
    """Where a loss of a library is given the targets, if it is one."""
    for value in context.tracing.behind(loss, stop=is_output):
        made = value.producer if isinstance(value, Tensor) else None
        if isinstance(made, Operation) and made.entry.kind == "loss":
            given = context.tracing.behind(*made.arguments.values(), stop=is_output)
            if any(id(part) in labels for part in given):
                return made.site
    return None


def _is_part_of_batch(value: Value) -> bool:
    """Whether a value is what a loop takes from a loader, or a part of it."""
    return isinstance(value, Unknown) and value.origin == "loop"
