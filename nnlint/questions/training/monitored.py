"""Questions about what a run goes by: which loss tells the plateau, and which model is the best?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from nnlint.questions.training.passes import Pass, passes
from nnlint.questions.training.scheduler_order import is_counted
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.timeline import Block, Event, innermost_loop
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE_OF,
    TEST,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Items,
    Maybe,
    Operation,
    Tensor,
    Unknown,
    Value,
)

_DEPTH = 12
_TEST = re.compile(r"test|held_?out", re.IGNORECASE)
_VALIDATION = re.compile(r"(?:^|_)(?:val|valid|validation|dev)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Monitored:
    """Something that goes by the training loss beside an evaluation."""

    event: Event
    """The step of the scheduler, or where the best model is saved."""
    trained: Event
    """The backward pass of the loss that it goes by."""
    evaluated: Event
    """A forward pass of the evaluation in the same round."""


def plateaus_of_training(program: Program) -> Iterator[Monitored]:
    """Plateau schedulers that are told the training loss, where each round evaluates, too."""
    for event, blocks in _events_in_rounds(program, "scheduler_step"):
        scheduler = event.subject
        if isinstance(scheduler, Built) and scheduler.entry.schedule == "plateau":
            metric = event.operands[0] if event.operands else None
            found = _goes_by_training(program, event, blocks, metric, on_test=True)
            if found is not None:
                yield found


def best_models_by_training(program: Program) -> Iterator[Monitored]:
    """Models that are kept as the best by the training loss, where each round evaluates, too."""
    seen: set[object] = set()
    for event, blocks in _events_in_rounds(program, "save", "keep"):
        for condition in event.conditions:
            better = _compared_with_best(condition.test)
            # a model that is chosen by its score on the test set is no better chosen
            found = _goes_by_training(program, event, blocks, better, on_test=False)
            if found is not None and condition.site.key not in seen:
                seen.add(condition.site.key)
                yield found


def _events_in_rounds(program: Program, *kinds: str) -> Iterator[tuple[Event, tuple[Block, ...]]]:
    if program.events("backward"):
        for event, blocks in program.walk():
            if event.kind in kinds:
                yield event, blocks


def _compared_with_best(test: Value | None) -> Value | None:
    """What is compared with the best value so far."""
    whole = test.state.get(TEST) if isinstance(test, Unknown) else test
    if not isinstance(whole, Arithmetic) or whole.operator not in ("<", "<=", ">", ">="):
        return None
    left, right = whole.operands[:2]
    for value, best in ((left, right), (right, left)):
        if isinstance(best, Constant) and best.carried:
            return value
    return None


def _goes_by_training(
    program: Program,
    event: Event,
    blocks: Sequence[Block],
    metric: Value | None,
    on_test: bool,
) -> Monitored | None:
    """What goes by a metric that is the training loss, where its round evaluates, too.

    Parameters:
        on_test: whether an evaluation on the test set counts as well.
    """
    loop = innermost_loop(blocks, "backward")
    if metric is None or loop is None or not loop.known:
        return None
    losses = {id(e.subject): e for e in loop.events("backward") if isinstance(e.subject, Tensor)}
    made_of = list(_tensors_in(metric, frozenset(losses), program.once(_gathered)))
    trained = [losses[id(tensor)] for tensor in made_of if id(tensor) in losses]
    if not trained or len(trained) < len(made_of):
        return None
    inner = {id(e) for e, _ in loop.walk()}
    for evaluation in passes(program):
        same = id(evaluation.event) in inner and not is_counted(evaluation.event)
        apart = any(block.kind == "loop" for block in evaluation.region)
        evaluates = evaluation.role in ("eval", "") and not evaluation.event.grad
        if same and apart and evaluates and (on_test or not _is_on_test(evaluation)):
            return Monitored(event, trained[0], evaluation.event)
    return None


def _is_on_test(evaluation: Pass) -> bool:
    """Whether an evaluation is on what its names call the test set."""
    loops = [block.site.node for block in evaluation.region if block.kind == "loop" and block.site]
    callers = [site.node for site in evaluation.event.callers]
    over = [getattr(node, "iter", node) for node in (*loops, *callers)]
    said = [word for node in over for word in words(node)]
    return any(_TEST.search(w) for w in said) and not any(_VALIDATION.search(w) for w in said)


def _gathered(program: Program) -> dict[int, list[Value]]:
    """What is appended to each list, by the list's identity."""
    found: dict[int, list[Value]] = {}
    for event in program.events("gather"):
        if event.subject is not None and isinstance(event.operands[0], Items):
            found.setdefault(id(event.operands[0]), []).append(event.subject)
    return found


def _tensors_in(
    value: Value, wanted: Set[int], gathered: Mapping[int, Sequence[Value]], depth: int = _DEPTH
) -> Iterator[Tensor]:
    """The tensors whose numbers a number is computed from.

    Parameters:
        wanted: the identities of tensors that are not taken apart.
        gathered: what is appended to lists, by their identities.
    """
    inner: Sequence[Value] = ()
    match value:
        case Tensor(producer=Operation() as operation):
            given = tuple(operation.arguments.values())
            if id(value) in wanted or operation.entry.family not in _GATHERS:
                yield value
            else:
                inner = given
        case Tensor():
            yield value
        case Arithmetic():
            inner = value.operands
        case Choice():
            inner = value.options
        case Items():
            inner = (*value.items, *gathered.get(id(value), ()))
        case Maybe():
            inner = (value.value,)
        case Unknown() if value.origin != "length":
            made = value.state.get(MADE_OF)
            inner = (made,) if isinstance(made, Value) else tuple(value.state.get(ARGUMENTS) or ())
    for part in inner if depth else ():
        yield from _tensors_in(part, wanted, gathered, depth - 1)


_GATHERS = frozenset({"reduce", "stack", "cat", "tensor", "numpy_reduce", "numpy_array"})
"""Families of operations that only put numbers together."""
