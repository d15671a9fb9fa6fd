"""Mutation operators: each plants the mistake of one rule into a program.

An operator takes a file's tree and yields mutants as lists of text replacements. It
plants a mistake only where training really changes: all `zero_grad` calls go at once,
`eval()` only where something in the file behaves differently in training.
"""

from __future__ import annotations

from benchmarks.mutation import (
    data,
    graphs,
    layers,
    loaders,
    losses,
    metrics,
    models,
    modes,
    parts,
    rows,
    seeds,
    spelling,
    states,
    steps,
)
from benchmarks.mutation.program import Operator

OPERATORS: dict[str, tuple[Operator, ...]] = {
    **steps.OPERATORS,
    **modes.OPERATORS,
    **states.OPERATORS,
    **graphs.OPERATORS,
    **losses.OPERATORS,
    **metrics.OPERATORS,
    **models.OPERATORS,
    **layers.OPERATORS,
    **loaders.OPERATORS,
    **data.OPERATORS,
    **rows.OPERATORS,
    **parts.OPERATORS,
    **seeds.OPERATORS,
    **spelling.OPERATORS,
}
"""The operators that plant the mistake of each rule."""
