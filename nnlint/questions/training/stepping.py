"""Questions about the steps of an optimizer: which gradients do they apply, if any?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from nnlint.questions.participants import (
    gives_more,
    held_models,
    is_library_call,
    is_optimizer,
    needs_no_gradients,
    spoken_name,
    steps_optimizer,
    touches,
)
from nnlint.questions.training.backpropagation import CRITERION
from nnlint.questions.training.gradients import GRADIENT_EVENTS, may_clear
from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.holding import covers, distinct
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, entered, innermost_loop, loops_around
from nnlint.semantics.values import CALLEE, Operation, Unknown, Value
from nnlint.syntax.statements import enclosing_statements
from nnlint.syntax.walking import walk

_MAY_FILL = re.compile(r"grad|backward|backprop|train|fit|learn|closure|optim", re.IGNORECASE)
_MAY_FILL_OF = re.compile(r"step|update|run|process|engine", re.IGNORECASE)
_NEVER_FILLS = re.compile(
    r"zero_grad|save|load|log|print|plot|checkpoint|lr|learning_rate|sched|eval|valid|test|clip"
    r"|^set_|^get_|requires|_dict$|trainable",
    re.IGNORECASE,
)
_MAY_TRAIN = re.compile(
    r"agent|engine|train|learn|model|net$|runner|solver|worker|algo|policy|actor|critic|fabric",
    re.IGNORECASE,
)
_KEEPS = re.compile(
    r"^(?:add|append|extend|insert|push|put|update|record|accumulate|observe|track|store|write|report|"
    r"is_?nan|is_?finite|(?:all_)?reduce|gather|average|mean|sum|max|min|abs|float|int|str|format|"
    r"detach|to_?numpy|item|synchroni[sz]e)(?:_|$)|meter|metric|history|bar$",
    re.IGNORECASE,
)
"""What keeps or shows the number of a loss that it is given."""
_GOES_BACKWARD = re.compile(r"(?<!no_)back(?:ward|prop)", re.IGNORECASE)
"""Arguments that ask for a backward pass."""
_LOSS = re.compile(r"loss|crit|objective|bce|mse|metric|acc", re.IGNORECASE)


class Gradients(NamedTuple):
    """What is known of an optimizer's gradients at a point of a path."""

    kind: str = ""
    """Empty before anything happened to them; fresh, cleared, applied (by its step), unknown."""
    backward: Event | None = None
    """The backward pass that filled them and that no other optimizer has stepped after."""
    clear: Event | None = None
    """What cleared them."""
    pending: bool = False
    """Whether a forward pass has run since the last backward pass."""
    settled: bool = False
    """Whether the backward pass can't be another optimizer's, whose gradients it left cleared."""


class Following:
    """The gradients of one optimizer after an event: a transfer function for `Paths`."""

    def __init__(
        self,
        optimizer: Value | None,
        sole_model: Value | None,
        last_of_parts: frozenset[int] = frozenset(),
        foreign: frozenset[int] = frozenset(),
    ) -> None:
        self.optimizer = optimizer
        self.last_of_parts = last_of_parts
        """Identities of events that clear the last part of what the optimizer holds."""
        self.foreign = foreign
        """Identities of backward passes whose gradients are of what no optimizer holds."""
        self.sole_model = sole_model
        """The model, where there is only one and only one optimizer."""

    def __call__(self, event: Event, state: Gradients) -> Gradients:
        match event.kind:
            case "backward" if id(event) in self.foreign:
                # whoever computes them may hand them on
                return Gradients("unknown", pending=state.pending)
            case "backward":
                return state if state.settled else Gradients("fresh", event)
            case "step":
                return self._after_step(event, state)
            case "zero_grad":
                return self._after_clear(event, state)
            case "build" if event.subject is self.optimizer:
                return Gradients(pending=state.pending)
            case "forward" | "opaque" | "fit" | "set_grad" if self._may_fill(event):
                return Gradients("unknown", pending=state.pending)
            case "opaque" if state.kind != "fresh" and _may_go_backward(event):
                return Gradients("unknown", pending=state.pending)
            case "forward" | "loss":
                return state._replace(pending=True) if event.grad else state
            case "opaque" if event.grad and _LOSS.search(event.name):
                return state._replace(pending=True)
            case _:
                return state

    def _after_step(self, event: Event, state: Gradients) -> Gradients:
        if event.subject is self.optimizer:
            return Gradients("applied", state.backward)
        if self.may_step(event) or (is_optimizer(event.subject) and gives_more(event)):
            # one that is given losses may go back from them, and fill the others' gradients, too
            return Gradients("unknown")
        if not steps_optimizer(event):
            return state
        return state if state.settled else state._replace(backward=None)

    def _after_clear(self, event: Event, state: Gradients) -> Gradients:
        if self.clears(event):
            lost = state.backward if state.kind == "fresh" else None
            return Gradients("cleared", lost, event, state.pending)
        if may_clear(event, self.optimizer):
            return state
        return state._replace(settled=state.kind == "fresh" and state.backward is not None)

    def clears(self, event: Event) -> bool:
        """Whether an event certainly clears every gradient of the optimizer."""
        if event.kind != "zero_grad" or event.subject is None or event.name == "grad":
            return False
        if event.subject is self.optimizer or event.subject is self.sole_model:
            return True
        if id(event) in self.last_of_parts:
            return True
        models = held_models(self.optimizer)
        return bool(models) and all(covers(event.subject, model) for model in models or ())

    def may_step(self, event: Event) -> bool:
        """Whether a step may be the optimizer's, or that of something which steps it."""
        if steps_optimizer(event):
            return not distinct(event.subject, self.optimizer)
        return self._may_train(event)

    def _may_train(self, event: Event) -> bool:
        """Whether what steps may be something that trains, not an environment or a profiler."""
        named = event.subject.name if isinstance(event.subject, Unknown) else ""
        called = f"{named} {spoken_name(event)}"
        return bool(_MAY_TRAIN.search(called)) or touches(event.subject, self.optimizer)

    def _may_fill(self, event: Event) -> bool:
        """Whether an event may give the optimizer gradients that no backward pass is seen for."""
        if event.kind == "set_grad":
            return may_clear(event, self.optimizer)
        if event.kind == "fit" or _asked_to_go_backward(event):
            return True
        if event.kind == "forward" and not isinstance(event.subject, Unknown):
            return False
        called = event.name.rpartition(".")[2]
        if _NEVER_FILLS.search(called):
            return False
        if _MAY_FILL.search(called):
            return not is_library_call(event) or "backward" in called
        given = (event.subject, *event.operands)
        touched = any(touches(v, self.optimizer) for v in given)
        if _MAY_FILL_OF.search(called) and touched:
            return True
        if event.subject is self.optimizer or is_library_call(event):
            return False
        if any(touches(v, self.optimizer) for v in event.operands):
            # whoever is given the model may go back through it
            return True
        operands = event.operands if event.kind == "forward" else given
        return any(covers(v, self.optimizer) for v in operands)


def _may_go_backward(event: Event) -> bool:
    """Whether something that is not known is given a loss, and does not only keep its number."""
    called = event.name.rpartition(".")[2]
    if event.kind != "opaque" or _NEVER_FILLS.search(called) or _KEEPS.search(called):
        return False
    return not is_library_call(event) and any(map(_is_loss, event.operands))


def _is_loss(value: Value | None, depth: int = 6) -> bool:
    """Whether a value is a loss with its graph, or computed from one."""
    if isinstance(value, Unknown):
        called = value.state.get(CALLEE)
        return isinstance(called, Unknown) and bool(CRITERION.search(called.name))
    tensor = tensor_of(value)
    made = tensor.producer if tensor is not None else None
    if not isinstance(made, Operation) or not made.grad or not depth:
        return False
    return made.entry.kind == "loss" or any(_is_loss(part, depth - 1) for part in made.inputs)


def _asked_to_go_backward(event: Event) -> bool:
    """Whether a call has an argument by which it is told to compute gradients by itself."""
    call = event.site.node
    return isinstance(call, ast.Call) and any(
        _GOES_BACKWARD.search(keyword.arg or "")
        and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for keyword in call.keywords
    )


@dataclass(frozen=True, slots=True, eq=False)
class EmptyStep:
    """An optimizer step that finds no gradients, whichever path leads to it."""

    step: Event
    why: str
    """`cleared` after the backward pass; `early`, before it; `missing`: there is none."""
    backward: Event | None
    clear: Event | None


def empty_steps(program: Program) -> Iterator[EmptyStep]:
    """Steps before which the gradients are cleared, or never computed, on every path."""
    found: dict[object, list[EmptyStep | None]] = {}
    for step, blocks in program.walk():
        if step.kind == "step" and steps_optimizer(step) and not gives_more(step):
            if needs_no_gradients(step.subject):
                continue
            outermost = next(iter(loops_around(blocks)), entered(blocks))
            scope = innermost_loop(blocks, "backward") or outermost
            verdicts = _judge(program, step, scope, blocks) if scope.known else [None]
            found.setdefault(step.site.key, []).extend(verdicts)
    for verdicts in found.values():
        if verdicts and all(verdicts) and verdicts[0] is not None:
            yield verdicts[0]


def _judge(
    program: Program, step: Event, scope: Block, blocks: tuple[Block, ...]
) -> list[EmptyStep | None]:
    """What is wrong with a step, None if nothing; no element where it can't be told."""
    states = program.once(_Followed).through(scope, step.subject).before(step)
    if not states:
        return []
    kinds = {state.kind for state in states}
    pending = all(state.pending for state in states if state.kind) or _speaks_of_loss(blocks, step)
    if kinds == {""}:
        # entered on its own: what is there before is not known
        return []
    if not kinds <= {"", "cleared", "applied"}:
        return [None]
    if kinds <= {"", "applied"}:
        in_loop = any(b.kind == "loop" for b in blocks)
        nothing = pending and in_loop and not _any_gradients(program)
        return [EmptyStep(step, "missing", None, None) if nothing else None]
    if "applied" in kinds:
        return [None]
    clear = next(s.clear for s in states if s.clear)
    lost = [s.backward for s in states if s.backward]
    behind = _own_backward_behind(scope, step)
    if lost and (behind is None or all(s.backward for s in states)):
        return [EmptyStep(step, "cleared", lost[0], clear)]
    # gradients that the next round clears are never applied, whatever comes between
    if behind is not None and behind in lost:
        return [EmptyStep(step, "early", behind, clear)]
    if not pending:
        return []
    if behind and _applied(scope, behind, step.subject):
        return [None]
    return [EmptyStep(step, "early" if behind else "missing", behind, clear)]


def _speaks_of_loss(blocks: tuple[Block, ...], step: Event) -> bool:
    """Whether the innermost loop or function around a step has a name for a loss."""
    module = step.site.module
    around = next((b for b in reversed(blocks) if b.site and b.kind in ("loop", "entry")), None)
    nodes = [around.site.node] if around and around.site and around.site.module is module else []
    chain = enclosing_statements(module, step.site.node)
    nodes += [p.node for p in chain if isinstance(p.node, ast.FunctionDef)][-1:]
    return any("loss" in name.lower() for n in nodes for name in module.words(n).names)


def _applied(scope: Block, backward: Event, optimizer: Value | None) -> bool:
    """Whether the gradients of a backward pass are applied by the optimizer's next step."""
    events = [e for e in scope.events("step", "zero_grad", "backward")]
    number = next(i for i, e in enumerate(events) if e is backward)
    own = [e for e in events[number + 1 :] + events[:number] if e.subject is optimizer]
    return bool(own) and own[0].kind == "step"


def _any_gradients(program: Program) -> bool:
    """Whether gradients may be computed anywhere in a program."""
    follower = Following(None, None)
    return any(
        event.kind in ("backward", "set_grad", "fit", "given_up")
        or (event.kind in ("opaque", "forward") and follower._may_fill(event))
        or _may_go_backward(event)
        for event, _ in program.walk()
    )


def _own_backward_behind(scope: Block, step: Event) -> Event | None:
    """The backward pass that follows a step, before another optimizer has its turn."""
    events = scope.events("backward", "step", "zero_grad")
    for event in events[next(i for i, e in enumerate(events) if e is step) + 1 :]:
        if event.kind == "backward":
            return event
        if is_optimizer(event.subject) and distinct(event.subject, step.subject):
            return None
    return None


class _Followed:
    """What is followed through a program, once for all steps of an optimizer in a block."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[tuple[int, int], Paths[Gradients]] = {}

    def through(self, scope: Block, optimizer: Value | None) -> Paths[Gradients]:
        """The gradients of an optimizer on every path through a block."""
        key = id(scope), id(optimizer)
        if key not in self._known:
            self._known[key] = follow(self._program, scope, optimizer)
        return self._known[key]


def follow(program: Program, scope: Block, optimizer: Value | None) -> Paths[Gradients]:
    """The gradients of an optimizer on every path through a part of a program."""
    body = scope.only(lambda event: event.kind in FOLLOWED)
    transfer = Following(
        optimizer,
        _sole_model(program),
        frozenset(_last_of_parts(body, optimizer)),
        program.once(Ownership).unowned(body, optimizer),
    )
    once = partial(_yields, optimizer=optimizer)
    return Paths(transfer, {Gradients()}, once, chosen=optimizer).follow(body)


def _last_of_parts(block: Block, optimizer: Value | None) -> Iterator[int]:
    """Where models that an optimizer holds together have been cleared one after the other."""
    models = held_models(optimizer) or ()
    run: list[Event] = []
    for child in block.children if len(models) > 1 else ():
        if isinstance(child, Block):
            yield from _last_of_parts(child, optimizer)
            run = []
        elif child.kind != "zero_grad" or child.name == "grad":
            run = []
        else:
            run.append(child)
            if all(any(covers(e.subject, model) for e in run) for model in models):
                yield id(child)


def _yields(loop: Block, optimizer: Value | None) -> bool:
    """Whether a loop goes over optimizers, so that one of its rounds is that of this one."""
    node = loop.site.node if loop.site else None
    if not isinstance(node, ast.For) or not isinstance(optimizer, Unknown):
        return False
    targets = [n.id for n in walk(node.target) if isinstance(n, ast.Name)]
    return optimizer.origin == "loop" and optimizer.name in targets


def _sole_model(program: Program) -> Value | None:
    """The model of a program that has but one, and but one optimizer."""
    if not program.complete:
        return None
    optimizers = _identities(
        e.subject for e in program.events("step", "zero_grad") if is_optimizer(e.subject)
    )
    models = _identities(
        e.subject
        for e in program.events("forward")
        if e.grad and not _LOSS.search(e.name) and not _is_of_a_loop(e.subject)
    )
    return models[0] if len(models) == 1 == len(optimizers) else None


def _is_of_a_loop(value: Value | None) -> bool:
    """Whether a value is one of many that a loop goes over, such as callbacks."""
    return isinstance(value, Unknown) and value.origin == "loop"


def _identities(values: Iterable[Value | None]) -> list[Value]:
    return list({id(v): v for v in values if v is not None}.values())


FOLLOWED = GRADIENT_EVENTS | {"loss", "scale"}
