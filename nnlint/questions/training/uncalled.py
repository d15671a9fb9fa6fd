"""Methods that a program names where it means to call them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model, spoken_name
from nnlint.semantics.analysis import Program
from nnlint.semantics.methods import has_method, receiver_of
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    BoundMethod,
    Choice,
    Site,
    Table,
    Unknown,
    Value,
)
from nnlint.syntax.calls import first_argument, last_name

OF_MODELS = frozenset({"eval", "train", "zero_grad"})
STATE = "state_dict"


@dataclass(frozen=True, slots=True, eq=False)
class Uncalled:
    """A method that is named and not called."""

    site: Site
    owner: str
    """What the program calls the object."""
    method: str


def uncalled_methods(program: Program) -> Iterator[Uncalled]:
    """Statements that only name a method, and states that are saved without being asked for."""
    events = program.events()
    for event in events:
        if event.kind == "uncalled" and _belongs(event, events):
            yield _uncalled(event.site, event.site.node)
        elif event.kind == "save" and event.operands:
            yield from _saved(event, events)


def _belongs(event: Event, events: list[Event]) -> bool:
    if has_method(event.subject, event.name, spoken_name(event)):
        return True
    return event.name in OF_MODELS and is_model(event.subject, events)


def _uncalled(site: Site, node: ast.AST) -> Uncalled:
    assert isinstance(node, ast.Attribute)
    return Uncalled(Site(site.module, node), Site(site.module, node.value).text, node.attr)


def _saved(event: Event, events: list[Event]) -> Iterator[Uncalled]:
    """The methods among what is saved, where they are written."""
    saved = event.operands[0]
    if isinstance(event.site.node, ast.Call):
        for argument in filter(None, [first_argument(event.site.node)]):
            if _is_state(saved, argument, events):
                yield _uncalled(event.site, argument)
    if not isinstance(saved, Table) or saved.site is None:
        return
    if isinstance(saved.site.node, ast.Dict):
        for value in saved.site.node.values:
            if any(_is_state(v, value, events) for v in saved.state.values()):
                yield _uncalled(saved.site, value)


def _is_state(value: Value, written: ast.AST, events: list[Event]) -> bool:
    """Whether a value is the method of a model, an optimizer or the like, named as it is written;
    of anything else `state_dict` may be a property."""
    if not isinstance(written, ast.Attribute) or written.attr != STATE:
        return False
    match value:
        case BoundMethod():
            return value.name == STATE
        case Unknown() if value.name.rpartition(".")[2] == STATE:
            owner = receiver_of(value)
            called = last_name(written.value)
            return has_method(owner, STATE, called) or is_model(owner, events)
        case Choice():
            return all(_is_state(option, written, events) for option in value.options)
        case _:
            return False
