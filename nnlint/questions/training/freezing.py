"""Questions about freezing: is a gradient flag set where it takes effect?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import told_types
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    WRITTEN,
    Class,
    Constant,
    Instance,
    Operation,
    Tensor,
    Unknown,
    Value,
    constant,
)

FLAG = "requires_grad"
FARTHEST = 4
"""Letters by which a misspelt flag differs at most: `requires_gradient`."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainFlag:
    """A gradient flag that is an attribute like any other, so that it does nothing."""

    event: Event
    freezes: bool | None
    """Whether it was meant to freeze (True) or to unfreeze; None when not known."""
    is_module: bool
    """Whether it is set on a module, and not on a parameter."""
    is_idle: bool = False
    """Whether it was meant to freeze a tensor that wants no gradient anyway."""


def module_flags(program: Program) -> Iterator[PlainFlag]:
    """`requires_grad` set on modules."""
    events = program.events()
    for event in events:
        if event.kind != "requires_grad" or event.name != FLAG:
            continue
        if is_model(event.subject, events) and not _is_read(event) and not _is_told(event):
            yield PlainFlag(event, _freezes(event), True)


def misspelt_flags(program: Program) -> Iterator[PlainFlag]:
    """Attributes set under a name that is nearly `requires_grad`, and read nowhere."""
    events = program.events()
    for event in events:
        if event.kind != "requires_grad" or not 0 < _distance(event.name, FLAG) <= FARTHEST:
            continue
        if not _is_read(event):
            freezes, is_module = _freezes(event), is_model(event.subject, events)
            idle = bool(freezes) and _has_no_gradient(event.subject)
            yield PlainFlag(event, freezes, is_module, idle)


def _freezes(event: Event) -> bool | None:
    value = event.operands[0] if event.operands else None
    return not value.value if isinstance(value, Constant) else None


def _has_no_gradient(value: Value | None, depth: int = 12) -> bool:
    """Whether a tensor is made of numbers alone, or where no gradients are recorded."""
    made = value.producer if isinstance(value, Tensor) else None
    if not isinstance(value, Tensor) or not isinstance(made, Operation) or not depth:
        return False
    if any(not _has_no_gradient(part, depth - 1) for part in value.state.get(WRITTEN, ())):
        return False
    if made.layer is not None or made.entry.family == "parameter":
        return False
    if not made.grad or made.entry.family == "detach":
        return True
    if made.entry.family == "create":
        wanted = made.arguments.get("requires_grad")
        return wanted is None or constant(wanted, True) is False
    if any(isinstance(v, Unknown) for v in made.arguments.values()):
        return False
    return bool(made.inputs) and all(_has_no_gradient(v, depth - 1) for v in made.inputs)


def _is_told(event: Event) -> bool:
    """Whether a test around says that the flag is set on a parameter."""
    node = event.site.node
    return isinstance(node, ast.Attribute) and bool(
        told_types(event.conditions, node.value) & {"Parameter", "Tensor"}
    )


def _is_read(event: Event) -> bool:
    """Whether the program's own code reads the attribute, or defines it for its classes."""
    owner = event.subject
    if event.name not in (FLAG, f"{FLAG}_") and _reads(event.site.module.tree, event.name, ""):
        return True
    if not isinstance(owner, Instance):
        return False
    if owner.cls.find(event.name) is not None:
        return True
    for ancestor in owner.cls.ancestry():
        if isinstance(ancestor, Class) and _reads(ancestor.node, event.name, "self"):
            return True
    return _is_passed_on(event)


def _reads(tree: ast.AST, name: str, owner: str) -> bool:
    """Whether code reads an attribute, of the variable `owner` if one is given."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Load)
        and (not owner or getattr(node.value, "id", "") == owner)
        for node in ast.walk(tree)
    )


def _is_passed_on(event: Event) -> bool:
    """Whether a class keeps, under that name, an option that it is given."""
    node = event.site.node
    own = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
    value: Value | None = event.operands[0] if event.operands else None
    return own and not (isinstance(value, Constant) and not value.soft)


def _distance(left: str, right: str) -> int:
    """The number of letters to insert, delete or replace to get from one word to another."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(before + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]
