"""What a file says of its project: whether it trains, and on what."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.recipe.bullets import AUGMENTS, DATASET, REINFORCED, TRAINS
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learning_runs
from nnlint.semantics.transforms import is_random_transform

_ENVIRONMENTS = frozenset({"gym", "gymnasium", "pettingzoo", "dm_control", "stable_baselines3"})
_AUGMENTATIONS = frozenset({"albumentations", "imgaug", "augly", "audiomentations", "nlpaug"})


def facts_of(context: Context) -> Iterator[str]:
    """The facts that hold for a file."""
    if context.is_test:
        return
    if any(p.trains for p in context.analysis.programs) or learning_runs(context):
        yield TRAINS
    imported = {name.partition(".")[0] for name in _imports(context)}
    if not imported.isdisjoint(_ENVIRONMENTS):
        yield REINFORCED
    if not imported.isdisjoint(_AUGMENTATIONS) or any(
        map(is_random_transform, context.analysis.builds)
    ):
        yield AUGMENTS
    if any(b.entry.kind in ("loader", "dataset") for b in context.analysis.builds):
        yield DATASET


def _imports(context: Context) -> Iterator[str]:
    for node in context.module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
