"""Sweeps that are described in files beside a program: of Weights & Biases, and of Hydra."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.optimisation.searches import is_for
from nnlint.recipe.asking.searching import Search, sweep
from nnlint.recipe.context import Context


def sweeps(context: Context) -> Iterator[Search]:
    """The sweeps in files beside a program that trains, which name it, and draw their values."""
    if not any(run.kind == "script" and run.trains for run in context.runs):
        return
    for settings in context.sweeps():
        found = sweep(settings) if is_for(settings, context.module) else None
        if found is not None:
            yield found
