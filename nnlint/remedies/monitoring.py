"""Changes that let a run go by what it measures on held-out data."""

from __future__ import annotations

import ast
import re

from nnlint.questions.data.splits import words_of
from nnlint.questions.training.monitored import Monitored
from nnlint.remedies.places import block_of
from nnlint.rewriting.changes import Changes, replace
from nnlint.semantics.values import Built, Site, constant
from nnlint.syntax.statements import targets_of

_VALIDATION = re.compile(r"val|valid|validation|dev")


def go_by_validation(found: Monitored) -> Changes:
    """Tell a plateau the validation loss of the same round, where it has a name there.

    None where no statement before the step in its block gives one such name a number.
    """
    call, scheduler = found.event.site.node, found.event.subject
    place = block_of(found.event.site)
    if place is None or not isinstance(call, ast.Call) or call.keywords or len(call.args) != 1:
        return None
    if isinstance(scheduler, Built) and constant(scheduler.arguments.get("mode"), "min") != "min":
        return None
    names = {n for statement in place[0][: place[1]] for n in _losses(statement)}
    if len(names) != 1:
        return None
    return replace(Site(found.event.site.module, call.args[0]), names.pop())


def _losses(statement: ast.stmt) -> list[str]:
    """The names of validation losses that a statement sets to what is no list."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    if isinstance(statement.value, ast.List | ast.Dict | ast.ListComp):
        return []
    targets = [
        part
        for target in targets_of(statement)
        for part in (target.elts if isinstance(target, ast.Tuple) else [target])
    ]
    return [t.id for t in targets if isinstance(t, ast.Name) and _is_validation_loss(t.id)]


def _is_validation_loss(name: str) -> bool:
    words = words_of(name)
    return "loss" in words and any(_VALIDATION.fullmatch(word) for word in words)
