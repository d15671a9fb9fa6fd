"""Questions about freezing: is a gradient flag set where it takes effect?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nnlint.questions.participants import is_model
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import told_types
from nnlint.semantics.telling import MEANT_AS_FLAG
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    WRITTEN,
    Class,
    Constant,
    Instance,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
    constant,
    options,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.walking import walk

FLAG = "requires_grad"
FARTHEST = 4
"""Letters by which a misspelt flag differs at most: `requires_gradient`."""

_CALLED_MODULE = re.compile(r"(?:^|_)(?:module|layer|block|child|backbone)s?\d*$", re.IGNORECASE)
"""How what is a module, and no parameter, is called last of all."""


class Setting(NamedTuple):
    """An attribute that is set."""

    site: Site
    """The attribute, as `module.requires_grad`."""
    owner: Value
    value: Value


@dataclass(frozen=True, slots=True, eq=False)
class PlainFlag:
    """A gradient flag that is an attribute like any other, so that it does nothing."""

    site: Site
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
        if event.kind != "requires_grad" or event.name != FLAG or event.subject is None:
            continue
        setting = Setting(event.site, event.subject, event.operands[0])
        if is_model(event.subject, events) and not _is_read(setting) and not _is_told(event):
            yield PlainFlag(event.site, _freezes(setting), True)


def misspelt_flag(setting: Setting, programs: Iterable[Program]) -> PlainFlag | None:
    """What an attribute was meant to be, of a name nearly `requires_grad` that nothing reads."""
    name = _name(setting)
    if not MEANT_AS_FLAG.fullmatch(name) or not 0 < _distance(name, FLAG) <= FARTHEST:
        return None
    if _is_read(setting):
        return None
    freezes = _freezes(setting)
    events = [event for program in programs for event in program.events()]
    # of one call in which nothing is known of it, nothing is said
    known = [o for o in options(setting.owner) if not isinstance(o, Unknown) or o.name]
    idle = bool(freezes and known) and all(map(_has_no_gradient, known))
    module = is_model(setting.owner, events) or _is_called_module(setting)
    return PlainFlag(setting.site, freezes, module, idle)


def _is_called_module(setting: Setting) -> bool:
    """Whether what is not known is called a module: `for module in (model.stem, model.body)`."""
    owner = getattr(setting.site.node, "value", None)
    unknown = all(isinstance(option, Unknown) for option in options(setting.owner))
    return unknown and bool(_CALLED_MODULE.search(last_name(owner)))


def _name(setting: Setting) -> str:
    return getattr(setting.site.node, "attr", "")


def _freezes(setting: Setting) -> bool | None:
    return not setting.value.value if isinstance(setting.value, Constant) else None


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


def _is_read(setting: Setting) -> bool:
    """Whether the program's own code reads the attribute, or defines it for its classes."""
    name = _name(setting)
    if name not in (FLAG, f"{FLAG}_") and _reads(setting.site.module.tree, name, ""):
        return True
    for owner in options(setting.owner):
        if not isinstance(owner, Instance):
            continue
        if owner.cls.find(name) is not None or _is_passed_on(setting):
            return True
        for ancestor in owner.cls.ancestry():
            if isinstance(ancestor, Class) and _reads(ancestor.node, name, "self"):
                return True
    return False


def _reads(tree: ast.AST, name: str, owner: str) -> bool:
    """Whether code reads an attribute, of the variable `owner` if one is given."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Load)
        and (not owner or getattr(node.value, "id", "") == owner)
        for node in walk(tree)
    )


def _is_passed_on(setting: Setting) -> bool:
    """Whether a class keeps, under that name, an option that it is given."""
    node, value = setting.site.node, setting.value
    own = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
    return own and not (isinstance(value, Constant) and not value.soft)


def _distance(left: str, right: str) -> int:
    """The number of letters to insert, delete or replace to get from one word to another."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(before + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]
