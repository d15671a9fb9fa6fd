"""Evidence that the random seed is fixed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Unknown, Value
from nnlint.syntax.calls import last_name


def fixed_seed(context: Context) -> Iterator[Evidence]:
    """A run that trains gives torch's generators a seed that stays the same, itself or in what it
    imports."""
    for run in context.training_runs:
        imported = (event for event, _ in run.program.imports.walk() if event.kind == "seed")
        for event in (*run.events("seed"), *imported):
            if _draws_its_seed(event) or any(
                map(_is_drawn, context.tracing.behind(*event.operands))
            ):
                continue
            if not run.is_off(event.conditions):
                yield context.done(event.site, "seeds torch")


def _is_drawn(value: Value) -> bool:
    """Whether a value is another one in every run."""
    return isinstance(value, Unknown) and value.origin == "draw"


def _draws_its_seed(event: Event) -> bool:
    """Whether Lightning is asked for a seed without being given one: before 2.3 it draws one."""
    call = event.site.node
    if not isinstance(call, ast.Call) or last_name(call.func) != "seed_everything":
        return False
    return not call.args and not any(keyword.arg in ("seed", None) for keyword in call.keywords)
