"""Evidence of supervised learning."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cached_property

from nnlint.questions.participants import is_model
from nnlint.questions.participants import is_output as gives_output
from nnlint.recipe.asking.batches import parts_of_batches
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import is_loss
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLEE,
    MADE,
    MADE_BY,
    TAKEN_AT,
    Built,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.walking import walk

_TASK = re.compile(
    r"For\w{0,40}(?:Classification|QuestionAnswering|MultipleChoice|Detection|Regression)"
)
"""Models of libraries whose own loss is one of labels that people have given."""
_LABELS = ("labels", "start_positions", "end_positions")
"""What such models call the labels that they compute their loss from."""
_PREDICTS_ITS_INPUT = re.compile(r"CausalLM|MaskedLM|LMHead|PreTraining")

Tells = Callable[[Value], bool]


def supervised(context: Context) -> Iterator[Evidence]:
    """A loss that a run trains on compares the model's output with what the batch holds besides
    the model's input; or the loss is that of a library's model for a task with labels."""
    by_run: dict[Run, set[int]] = {}
    for learner in learners(context):
        by_run.setdefault(learner.run, set()).update(id(layer) for layer in learner.layers)
        if learner.trainer is not None and any(map(_has_task, learner.models)):
            yield context.done(learner.trainer.site, "learns from targets that come with the data")
    for run, trained in by_run.items():
        targets = _Targets(context, run, trained)
        for event in run.events("backward", "returned_loss"):
            site = targets.place(event.subject, event.site)
            if site is not None:
                yield context.done(site, "learns from targets that come with the data")


class _Targets:
    """What the losses of a run see besides what the model makes of its input.

    Parameters:
        trained: the identities of all layers and models that are trained.
    """

    def __init__(self, context: Context, run: Run, trained: set[int]) -> None:
        self._tracing = context.tracing
        self._trained = trained
        self._is_part = parts_of_batches(context, run)
        self._computes_loss = False
        """Whether a model that is trained computes its loss itself, from labels it is given."""
        self._calls = {id(call.result): call for call in context.calls(run)}
        self._forwards = [event for event in run.events("forward") if event.grad]

    def place(self, loss: Value | None, otherwise: Site) -> Site | None:
        """Where a loss is given targets; None where none are seen."""
        inside = (v.producer for v in self._tracing.losses(loss) if isinstance(v, Tensor))
        self._computes_loss = any(isinstance(o, Operation) and self._runs_in(o) for o in inside)
        labels = self._labels(loss)
        if not labels:
            return self._of_library(loss)
        called: Site | None = None
        for value in self._tracing.behind(loss, stop=self._is_output):
            made = value.producer if isinstance(value, Tensor) else None
            if isinstance(made, Operation) and made.entry.kind == "loss":
                if self._holds(labels, *made.arguments.values()):
                    return made.site
            elif isinstance(value, Unknown) and value.state.get(MADE):
                if self._holds(labels, *value.state.get(ARGUMENTS, ())):
                    # the farthest: what is done with the loss is nearer
                    called = value.state[MADE][-1]
        return called or otherwise

    def _holds(self, labels: set[int], *given: Value) -> bool:
        return any(id(v) in labels for v in self._tracing.behind(*given, stop=self._is_output))

    def _labels(self, loss: Value | None) -> set[int]:
        """The parts of a batch that a loss sees and that the model's output is not made of."""
        beside: list[Value] = []
        outputs: list[Value] = []
        for value in self._tracing.behind(loss, stop=self._is_output):
            if self._is_output(value):
                outputs.append(value)
            elif self._is_part(value):
                beside.append(value)
        given = (v for o in outputs if id(o) in self._calls for v in self._calls[id(o)].given)
        inputs = self._parts(*outputs, *given)
        # a whole batch is behind its parts
        told = {id(value) for value in beside}
        wholes = {id(w) for v in beside for w in self._tracing.behind(v) if w is not v}
        if inputs and told <= inputs and self._is_told_from_another(loss, told, wholes):
            return told - wholes
        return told - inputs if outputs and inputs else set()

    def _is_told_from_another(self, loss: Value | None, told: set[int], wholes: set[int]) -> bool:
        """Whether parts of a batch that a model is given as well are what it is to say next of
        another part, as captions of pictures and translations are: one that is given these parts
        alone models them, and one whose loss sees the whole of them tells its input."""
        if not told or not any(map(_is_excerpt, self._tracing.behind(loss, stop=self._is_output))):
            return False
        return any(
            first - wholes and (first - wholes).isdisjoint(told - wholes) for first in self._firsts
        )

    @cached_property
    def _firsts(self) -> list[set[int]]:
        """The parts of batches that are behind what models are given first."""
        return [self._parts(event.operands[0]) for event in self._forwards if event.operands]

    def _of_library(self, loss: Value | None) -> Site | None:
        """Where a library's model is given the labels that it computes its own loss from."""
        for value in self._tracing.behind(loss, stop=self._is_output):
            model = value.state.get(MADE_BY) if isinstance(value, Unknown) else None
            call = self._calls.get(id(value))
            if not isinstance(model, Built) or call is None or id(model) not in self._trained:
                continue
            if _has_task(model):
                return call.site
            labels = [call.keywords[name] for name in _LABELS if name in call.keywords]
            if labels and not _PREDICTS_ITS_INPUT.search(model.entry.name):
                others = [v for v in call.given if not any(v is one for one in labels)]
                if self._parts(*labels) - self._parts(*others):
                    return call.site
        return None

    def _parts(self, *values: Value) -> set[int]:
        """The parts of batches that values are made of."""
        return {id(v) for v in self._tracing.behind(*values) if self._is_part(v)}

    def _is_output(self, value: Value) -> bool:
        """Whether what is trained has given a value."""
        if isinstance(value, Unknown) and value.origin == "call":
            if is_loss(value):
                # a criterion that the program is given is called as a model is
                return False
            return is_model(value.state.get(CALLEE)) or gives_output(value)
        made = value.producer if isinstance(value, Tensor) else None
        if not isinstance(made, Operation) or made.entry.kind == "loss":
            # a module may hold its loss as one of its layers
            return False
        return id(made.layer) in self._trained or (not self._computes_loss and self._runs_in(made))

    def _runs_in(self, operation: Operation) -> bool:
        """Whether an operation runs in a call of what is trained."""
        return any(id(module) in self._trained for module in operation.modules)


def _is_excerpt(value: Value) -> bool:
    """Whether a value is a part of another along an axis, as what follows the first token is."""
    if isinstance(value, Unknown):
        _, taken = value.state.get(TAKEN_AT, (None, None))
        return isinstance(taken, ast.Subscript) and any(
            isinstance(node, ast.Slice) for node in walk(taken.slice)
        )
    made = value.producer if isinstance(value, Tensor) else None
    return isinstance(made, Operation) and made.entry.family in ("index", "slice")


def _has_task(model: Value) -> bool:
    return isinstance(model, Built) and bool(_TASK.search(model.entry.name))
