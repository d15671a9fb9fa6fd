"""Questions about checkpoints: can what a program saves be loaded, and gone on from?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model, is_optimizer, receiver_text, steps_optimizer
from nnlint.questions.training.scaling import steps_through_scaler
from nnlint.questions.training.snapshots import trains
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE,
    STATE_OF,
    Built,
    Condition,
    Site,
    Table,
    Unknown,
    Value,
    states,
)
from nnlint.syntax.calls import first_argument

_RESUMES = re.compile(r"resum|continu|checkpoint|ckpt|last|latest|start_epoch", re.IGNORECASE)
_SAVES = re.compile(r"^_?save|write_checkpoint", re.IGNORECASE)
_OWN_STATE = re.compile(r"sched|scaler", re.IGNORECASE)
_BEST = re.compile(r"best|final|export|weights_only|deploy", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class WrappedState:
    """A saved state whose keys start with the name of a wrapper."""

    state: Site
    model: str
    wrapped: Site


def wrapped_states(program: Program) -> Iterator[WrappedState]:
    """States of parallel wrappers that are saved as they are.

    What loads weights, or runs a model, and trains nothing converts weights, and may mean to
    give them such keys.
    """
    if not program.trains and any(map(_loads, program.events("load", "opaque", "forward"))):
        return
    wraps = {name: event.site for event in program.events("wrap") for name in _names(event.site)}
    for event in program.events("save"):
        for state in states(event.operands[0] if event.operands else None):
            made: Site = state.state[MADE][-1]
            owner = receiver_text(made)
            wrapped = wraps.get(owner)
            if wrapped is not None and wrapped.module is made.module:
                yield WrappedState(made, owner, wrapped)


def _loads(event: Event) -> bool:
    return event.kind != "opaque" or "load" in event.name.rpartition(".")[2].lower()


@dataclass(frozen=True, slots=True, eq=False)
class IncompleteCheckpoint:
    """A checkpoint without the optimizer's state, in a program that goes on from one."""

    save: Site
    optimizer: str
    resumed: Site


def incomplete_checkpoints(program: Program) -> Iterator[IncompleteCheckpoint]:
    """Checkpoints that hold a model only, where the program resumes and trains."""
    events = program.events()
    steps = [event for event in events if event.kind == "step" and steps_optimizer(event)]
    saves = [event for event in events if event.operands and _saves(event)]
    resumed = next(
        (
            event
            for number, event in enumerate(events)
            if event.kind == "load" and _resumes(event, events[number:])
        ),
        None,
    )
    if not steps or not saves or resumed is None:
        return
    if any(_holds_more(save) for save in saves) or _writes_state(steps[0]):
        return
    for save in saves:
        owners = [s.state[STATE_OF] for s in states(save.operands[0])]
        models = [o for o in owners if is_model(o, events)]
        rest = [o for o in owners if o not in models]
        if models and all(map(_is_of_training, rest)) and not _BEST.search(save.site.text):
            optimizer = _optimizer_text(steps[0])
            yield IncompleteCheckpoint(save.site, optimizer, resumed.site)
            return


def _saves(event: Event) -> bool:
    """Whether a state is written to a file, by torch or by something that is called so."""
    if event.kind == "save":
        return True
    called = event.name.rpartition(".")[2]
    named = event.kind in ("opaque", "forward") and _SAVES.search(called)
    return bool(named) and isinstance(event.operands[0], Table) and any(states(event.operands[0]))


def _resumes(load: Event, following: list[Event]) -> bool:
    """Whether a model is loaded to go on training it."""
    model = load.subject
    if model is None or not is_model(model, following):
        return False
    if not any(
        trains(event, model, following) and not _excludes(load, event) for event in following
    ):
        return False
    texts = [load.site.text, *(c.site.module.text(c.site.node) for c in load.conditions)]
    return any(_RESUMES.search(text) for text in texts)


def _excludes(load: Event, training: Event) -> bool:
    """Whether a program that loads does not train: `if load: ...`, `if not load: learn()`."""
    loads = {_plain(condition) for condition in load.conditions}
    return any((text, not taken) in loads for text, taken in map(_plain, training.conditions))


def _plain(condition: Condition) -> tuple[str, bool]:
    """The test of a branch as it is written, and whether it holds, `not` taken off."""
    node, taken = condition.site.node, condition.taken
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node, taken = node.operand, not taken
    return ast.unparse(node), taken


def _holds_more(save: Event) -> bool:
    """Whether a checkpoint holds the state of an optimizer, or something that may."""
    given = save.operands[0]
    found = list(states(given))
    if not found and isinstance(given, Unknown):
        return True
    return any(_may_hold_optimizer(state.state[STATE_OF]) for state in found)


def _may_hold_optimizer(owner: Value) -> bool:
    """Whether something is an optimizer, or was given one."""
    if _is_of_training(owner):
        return False
    given = owner.state.get(ARGUMENTS, ()) if isinstance(owner, Unknown) else ()
    return is_optimizer(owner) or any(map(is_optimizer, given))


def _is_of_training(value: Value) -> bool:
    """Whether something is a scheduler or gradient scaler, whose state is its own."""
    if isinstance(value, Unknown):
        return bool(_OWN_STATE.search(value.name.rpartition(".")[2]))
    if not isinstance(value, Built):
        return False
    return value.entry.kind == "scheduler" or value.entry.family == "scaler"


def _writes_state(step: Event) -> bool:
    """Whether the file asks for the optimizer's state anywhere."""
    name = _optimizer_text(step)
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "state_dict"
        and Site(step.site.module, node.value).text == name
        for node in step.site.module.nodes
    )


def _optimizer_text(step: Event) -> str:
    """What a step calls its optimizer: `scaler.step(optimizer)` names it as an argument."""
    node = step.site.node
    given = first_argument(node) if isinstance(node, ast.Call) else None
    if given is not None and steps_through_scaler(step):
        return Site(step.site.module, given).text
    return receiver_text(step.site)


def _names(value: Site) -> Iterator[str]:
    """What an expression is assigned to."""
    for node in value.module.nodes:
        if isinstance(node, ast.Assign) and _is_or_ends_in(node.value, value.node):
            yield from (Site(value.module, target).text for target in node.targets)


def _is_or_ends_in(node: ast.expr, call: ast.AST) -> bool:
    """Whether an expression is a call, or methods such as `.to(device)` of its result."""
    while node is not call and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return node is call
