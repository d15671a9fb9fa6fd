"""Sweeps that are described in files beside a program: of Weights & Biases, and of Hydra."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.optimisation.searches import is_for
from nnlint.recipe.asking.searching import Search, searched
from nnlint.recipe.context import Context
from nnlint.semantics.values import Constant, Table, Value

_GUIDED = frozenset({"random", "bayes"})


def sweeps(context: Context) -> Iterator[Search]:
    """The sweeps in files beside a program that trains, which name it, and draw their values."""
    if not any(run.kind == "script" and run.trains for run in context.runs):
        return
    for settings in context.sweeps():
        if is_for(settings, context.module):
            yield from _of_wandb(settings)


def _of_wandb(settings: Table) -> Iterator[Search]:
    method: Value | None = settings.state.get("method")
    if isinstance(method, Constant) and method.value in _GUIDED and method.site is not None:
        yield Search(method.site, f"a sweep draws each run ({method.value})", searched(settings))
