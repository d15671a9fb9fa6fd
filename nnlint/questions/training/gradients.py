"""Questions about gradients: who clears them, and with what is a step taken?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from nnlint.questions.participants import (
    gives_more,
    held_models,
    is_library_call,
    is_optimizer,
    needs_no_gradients,
    steps_optimizer,
    touches,
)
from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers, distinct, same_model
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, innermost_loop
from nnlint.semantics.values import (
    MODEL_OF,
    OWNER,
    Built,
    Instance,
    Unknown,
    Value,
    options,
)

_MAY_CLEAR = re.compile(r"grad|optim|step|update|backward|reset|train|closure", re.IGNORECASE)
_NEVER_CLEARS = re.compile(
    r"save|load|log|print|plot|checkpoint|lr|learning_rate|sched|warm|eval|valid|test|clip|norm",
    re.IGNORECASE,
)
_HOOKS = re.compile(r"^register_step_\w*hook$")
_IS_RUN = re.compile(
    r"^(?:model|net|network|module|encoder|decoder|backbone|criterion|loss(?:_?f(?:n|unc(?:tion)?))?)$",
    re.IGNORECASE,
)
"""Names of the attributes that are models and losses, where an object has them."""
_STEPS_OF_A_LOOP = 20
"""Steps of one loop that are asked about: each follows every path through all of it."""
GRADIENT_EVENTS = frozenset(
    "build backward step zero_grad clear_off set_grad forward opaque fit clip unscale update".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class UnclearedStep:
    """An optimizer step that is taken again and again, and nothing clears the gradients."""

    step: Event
    backward: Event
    loop: Block
    """The loop around it, or the method that does it once for each call."""
    unasked: int = 0
    """Further steps of the loop that were not asked about; told with the last that was."""


def uncleared_steps(program: Program) -> Iterator[UnclearedStep]:
    """Steps that follow gradients from before an earlier step, on every way round their loop."""
    passed: dict[int, set[object]] = {}
    found = list(_uncleared(program, passed))
    last = {id(step.loop): step for step in found}
    for step in found:
        more = len(passed.get(id(step.loop), ()))
        yield replace(step, unasked=more) if more and last[id(step.loop)] is step else step


def _uncleared(program: Program, passed: dict[int, set[object]]) -> Iterator[UnclearedStep]:
    """The same; which steps of which loop were passed over is noted."""
    seen: set[object] = set()
    asked: Counter[int] = Counter()
    for step, blocks in program.walk():
        if step.kind != "step" or step.site.key in seen or not steps_optimizer(step):
            continue
        if _is_left_to_others(program, step.subject) or _goes_its_own_way(step):
            continue
        loop = innermost_loop(blocks, "backward")
        if loop is None:
            method = _method_that_trains(program, step, blocks)
            foreign = program.once(Ownership).foreign(method, step.subject) if method else ()
            own = [e for e in method.events("backward") if id(e) not in foreign] if method else []
            if method is not None and own:
                seen.add(step.site.key)
                yield UnclearedStep(step, own[0], method)
            continue
        asked[id(loop)] += 1
        if loop.known and asked[id(loop)] > _STEPS_OF_A_LOOP:
            passed.setdefault(id(loop), set()).add(step.site.key)
        if not loop.known or asked[id(loop)] > _STEPS_OF_A_LOOP:
            continue
        foreign = program.once(Ownership).foreign(loop, step.subject)
        body = loop.only(partial(_is_of, foreign))
        states = Paths(_accumulation(step), {""}).follow(body).before(step) - {""}
        if "stale" in states and "clean" not in states:
            seen.add(step.site.key)
            yield UnclearedStep(step, body.events("backward")[0], loop)


def _goes_its_own_way(step: Event) -> bool:
    """Whether an optimizer of the project is given losses, so that it does by itself what is to be
    done to gradients, or reads none."""
    if needs_no_gradients(step.subject):
        return True
    return isinstance(step.subject, Instance) and gives_more(step)


def _is_left_to_others(program: Program, optimizer: Value | None) -> bool:
    """Whether a hook of an optimizer, or an unknown object that is built with it, may clear its
    gradients whenever it steps."""
    for event in program.events("opaque", "forward"):
        called = event.name.rpartition(".")[2]
        if event.subject is optimizer and _HOOKS.search(called):
            return True
        builds = called[:1].isupper() and not _NEVER_CLEARS.search(called)
        if builds and any(covers(v, optimizer) for v in event.operands):
            return True
    return False


def _is_of(foreign: frozenset[int], event: Event) -> bool:
    """Whether an event is about gradients, and not those of another model."""
    return event.kind in GRADIENT_EVENTS and id(event) not in foreign


def _method_that_trains(program: Program, step: Event, blocks: tuple[Block, ...]) -> Block | None:
    """The method, entered on its own, that runs a model and steps an optimizer of its object.

    Whoever calls it does so for every batch: the optimizer is older than the call.
    """
    optimizer = step.subject
    method = next((b for b in blocks if b.kind == "entry"), None)
    if method is None or not isinstance(optimizer, Built) or not program.complete:
        return None
    if any(event.subject is optimizer for event in method.events("build")):
        return None
    trains = method.events("backward") and any(e.grad for e in method.events("forward"))
    cleared = (e.kind != "build" and may_clear(e, optimizer) for e, _ in program.walk())
    return method if trains and not any(cleared) else None


class _accumulation:
    """The gradients of an optimizer after an event: "" before its first step, then stepped,
    stale (added to those of before the step) or clean."""

    def __init__(self, step: Event) -> None:
        self.step = step
        self.optimizer = step.subject

    def __call__(self, event: Event, state: str) -> str:
        if event is self.step:
            return "stepped"
        if state and may_clear(event, self.optimizer):
            return "clean"
        return "stale" if state == "stepped" and event.kind == "backward" else state


def may_clear(event: Event, optimizer: Value | None) -> bool:
    """Whether an event clears or replaces the gradients of an optimizer, or may do so."""
    match event.kind:
        case "zero_grad" | "set_grad" | "clear_off":
            # what the program is told to leave out is not forgotten
            return not _of_another(event.subject, optimizer)
        case "build":
            # parameters that are made anew have no gradients
            models = held_models(optimizer) or ()
            return event.subject is optimizer or any(covers(event.subject, m) for m in models)
        case "fit":
            return any(touches(v, optimizer) for v in (event.subject, *event.operands))
        case "forward" | "opaque":
            return _unresolved_may_clear(event, optimizer)
        case _:
            return False


def _of_another(subject: Value | None, optimizer: Value | None) -> bool:
    """Whether what is cleared certainly holds no parameter of the optimizer."""
    if isinstance(subject, Unknown) and isinstance(subject.state.get(MODEL_OF), Value):
        subject = subject.state[MODEL_OF]
    if is_optimizer(subject):
        if not distinct(subject, optimizer) or _shares_groups(subject, optimizer):
            return False
        # two optimizers of one model clear the same gradients
        own, others = held_models(optimizer) or (), held_models(subject) or ()
        return not any(same_model(left, right) for left in own for right in others)
    if isinstance(subject, Instance) and covers(subject, optimizer):
        # a wrapper that hands on what it does not define itself
        return False
    models = held_models(optimizer)
    return bool(models) and all(distinct(subject, model) for model in models or ())


def _shares_groups(left: Value | None, right: Value | None) -> bool:
    """Whether one optimizer is built on the groups of the other, as the inner one of a project's
    own optimizer is: what clears the gradients of the one clears those of the other."""
    if left is None or right is None:
        return False
    return any(
        _groups_of(a) is b or _groups_of(b) is a for a in options(left) for b in options(right)
    )


def _groups_of(optimizer: Value | None) -> Value | None:
    """The optimizer whose `param_groups` another one is built on."""
    given = optimizer.arguments.get("params") if isinstance(optimizer, Built) else None
    owner = given.state.get(OWNER) if isinstance(given, Unknown) else None
    return owner if isinstance(owner, Value) else None


def _unresolved_may_clear(event: Event, optimizer: Value | None) -> bool:
    """Whether something unresolved may clear gradients: it is named so, or is given the
    optimizer by code that may be the project's."""
    called = event.name.rpartition(".")[2]
    if _NEVER_CLEARS.search(called):
        return False
    named = bool(_MAY_CLEAR.search(called))
    if event.kind == "forward":
        callee = isinstance(event.subject, Unknown)
        return callee and (named or any(touches(v, optimizer) for v in event.operands))
    given = (event.subject, *event.operands)
    if named and any(touches(v, optimizer) for v in given):
        return True
    if event.subject is optimizer or is_library_call(event):
        return False
    if _IS_RUN.search(called) and not any(touches(v, optimizer) for v in event.operands):
        # a model or loss of an object that holds the optimizer as well
        return False
    return any(covers(v, optimizer) for v in given)
