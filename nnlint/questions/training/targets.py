"""Questions about targets: does a loss train the network that makes its target?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.differences import squares
from nnlint.questions.participants import held_models, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import CRITERION, Backpropagation, Reached
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import distinct, same_model
from nnlint.semantics.sums import arithmetic, components
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    MODEL_OF,
    Arithmetic,
    Constant,
    External,
    Join,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import argument_of

_DISCOUNT = re.compile(r"gamma|discount", re.IGNORECASE)
_TEACHER = re.compile(
    r"teacher|target_?(?:net|model|q|critic|actor|encoder|network|policy)|_?ema(?:_|$)|momentum_enc|"
    r"_target$|_tgt$|encoder_k|key_encoder|moving_average",
    re.IGNORECASE,
)
_RESIDUAL = re.compile(r"residual", re.IGNORECASE)
_FREEZES = re.compile(r"freez|requires_?grad|no_?grad|deactivate|fix_", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTarget:
    """A target through which a loss is backpropagated."""

    forward: Event
    loss: Site
    target: Site | None
    """The expression of the target in the loss, where it is known."""
    is_trained: bool
    """Whether the optimizer steps the network that makes the target."""
    bootstrapped: bool
    """Whether the target is a reward and a discounted value; else a teacher's output."""


def trained_targets(program: Program) -> Iterator[TrainedTarget]:
    """Losses whose target is made by a network with gradients, against its purpose."""
    search = _Search(program)
    for loss, callers, first, second, nodes in search.pairs():
        for prediction, target, node in ((first, second, nodes[1]), (second, first, nodes[0])):
            found = search.judge(loss, callers, prediction, target, node)
            if found is not None:
                yield found
                break


Pair = tuple[Site, tuple[Site, ...], Value, Value, tuple[ast.expr | None, ast.expr | None]]


class _Search:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.flow = program.once(Backpropagation)
        self.events = program.events()
        self.freezing = [
            event
            for event in self.events
            if event.kind in ("requires_grad", "freeze")
            or (event.kind in ("opaque", "forward") and _FREEZES.search(event.name))
        ]
        self.held = [
            held_models(e.subject) for e in self.events if e.kind == "step" and steps_optimizer(e)
        ]

    def pairs(self) -> Iterator[Pair]:
        """Every two values that a loss compares, with the calls around it and their expressions."""
        for operation in self.program.operations:
            if not operation.grad:
                continue
            if operation.entry.kind == "loss":
                left, right = operation.arguments.get("input"), operation.arguments.get("target")
                if left is not None and right is not None:
                    written = _arguments(operation.site.node)
                    yield operation.site, operation.callers, left, right, written
            elif squares(operation):
                yield from _differences(operation)
        for event in self.events:
            if event.kind == "forward" and event.grad and len(event.operands) == 2:
                if isinstance(event.subject, Unknown) and CRITERION.search(spoken_name(event)):
                    left, right = event.operands
                    written = _arguments(event.site.node)
                    yield event.site, event.callers, left, right, written

    def judge(
        self,
        loss: Site,
        callers: tuple[Site, ...],
        prediction: Value,
        target: Value,
        node: ast.expr | None,
    ) -> TrainedTarget | None:
        """The finding for a loss, if its target is trained."""
        learned = self.flow.reaches(prediction)
        made = [r for r in self.flow.reaches(target) if not self._is_frozen(r.model)]
        around = {site.key for site in callers}
        # a call in which the loss is computed made neither side: which of the networks it holds
        # did is not told
        if not learned or not made or any(r.forward.site.key in around for r in made):
            return None
        site = Site(loss.module, node) if node is not None else None
        if self._is_bootstrapped(target):
            same = [m for m in made if any(_related(m.model, r.model) for r in learned)]
            found = (same or made)[0]
            if self._is_residual(found):
                return None
            trained = bool(same) or self._is_stepped(found.model)
            return TrainedTarget(found.forward, loss, site, trained, True)
        if self._is_taught(made, learned):
            return TrainedTarget(made[0].forward, loss, site, False, False)
        return None

    def _is_taught(self, made: list[Reached], learned: tuple[Reached, ...]) -> bool:
        """Whether a target is the output of a network that is a teacher and is not trained."""
        return all(
            all(distinct(r.model, other.model) for other in learned)
            and self._is_teacher(r)
            and not self._is_stepped(r.model)
            for r in made
        ) and not any(self._is_teacher(r) for r in learned)

    def _is_teacher(self, reached: Reached) -> bool:
        return bool(_TEACHER.search(spoken_name(reached.forward)))

    def _is_residual(self, reached: Reached) -> bool:
        names = (site.module.text(site.node) for site in reached.forward.callers)
        return any(_RESIDUAL.search(name) for name in names)

    def _is_stepped(self, model: Value) -> bool:
        return any(same_model(m, model) for held in self.held for m in held or ())

    def _is_frozen(self, model: Value) -> bool:
        """Whether gradients of a model are turned off somewhere, or may be."""
        for event in self.freezing:
            if event.kind in ("requires_grad", "freeze"):
                if _related(event.subject, model) and not _is_true(event.operands):
                    return True
            elif any(_related(v, model) for v in (event.subject, *event.operands)):
                return True
        return False

    def _is_bootstrapped(self, target: Value) -> bool:
        """Whether a target is data plus a discounted output of a network."""
        terms = list(_terms(target))
        data = [t for t in terms if not isinstance(t, Constant) and not self.flow.reaches(t)]
        values = [t for t in terms if self.flow.reaches(t) and _is_discounted(t)]
        return bool(data and values)


def _is_true(operands: tuple[Value, ...]) -> bool:
    return bool(operands) and isinstance(operands[0], Constant) and bool(operands[0].value)


def _related(left: Value | None, right: Value | None) -> bool:
    owner = left.state.get(MODEL_OF) if isinstance(left, Unknown) else None
    if isinstance(owner, Value) and _related(owner, right):
        return True
    return same_model(left, right)


def _arguments(call: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """The expressions of the prediction and the target that a loss is given."""
    return argument_of(call, "input", 0), argument_of(call, "target", 1)


def _differences(operation: Operation) -> Iterator[Pair]:
    """What a difference that is squared is made of."""
    squared = operation.arguments.get("input")
    if squared is None:
        return
    symbol, operands = _parts(squared)
    site = squared.site if isinstance(squared, Arithmetic) else None
    if isinstance(squared, Tensor) and isinstance(squared.producer, Operation):
        site = squared.producer.site
    if symbol == "-" and len(operands) == 2 and site is not None:
        if isinstance(site.node, ast.BinOp):
            written = (site.node.left, site.node.right)
            yield site, operation.callers, operands[0], operands[1], written


def _parts(value: Value) -> tuple[str, tuple[Value, ...]]:
    """The arithmetic that a value is the result of, and its operands."""
    symbol, operands = arithmetic(value)
    if symbol or not isinstance(value, Tensor) or not isinstance(value.producer, Operation):
        return symbol, operands
    made = value.producer
    return ("=", made.inputs[:1]) if made.inputs and _passes_on(made) else ("", ())


def _passes_on(operation: Operation) -> bool:
    moves = operation.entry.transparent and operation.entry.family != "detach"
    return moves or operation.entry.axes == "same"


def _terms(value: Value, depth: int = 12) -> Iterator[Value]:
    """The terms of a sum."""
    symbol, operands = _parts(value)
    if isinstance(value, Tensor) and isinstance(value.producer, Join) and depth:
        for option in components(value) or ():
            yield from _terms(option, depth - 1)
    elif symbol in ("+", "-", "=") and depth:
        for operand in operands:
            yield from _terms(operand, depth - 1)
    else:
        yield value


def _is_discounted(value: Value, depth: int = 12) -> bool:
    """Whether a discount is a factor of a product."""
    symbol, operands = _parts(value)
    if symbol in ("*", "=") and depth:
        return any(_is_discounted(operand, depth - 1) for operand in operands)
    match value:
        case Constant(value=float() as number):
            return 0.8 <= number < 1
        case Unknown() | External():
            return bool(_DISCOUNT.search(value.name))
        case Tensor(producer=Source() as source):
            return bool(_DISCOUNT.search(source.name))
        case Arithmetic():
            return any(_is_discounted(operand, depth - 1) for operand in operands if depth)
        case _:
            return False
