"""What a file says of its project: whether it trains, and on what."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.recipe.bullets import AUGMENTS, DATASET, REINFORCED, TRAINS
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learning_runs
from nnlint.semantics.library import load_library
from nnlint.semantics.transforms import is_random_transform
from nnlint.syntax.imports import outer_name

_ENVIRONMENTS = frozenset({"gym", "gymnasium", "pettingzoo", "dm_control", "stable_baselines3"})
_AUGMENTATIONS = frozenset({"imgaug", "augly", "audiomentations", "nlpaug"})
"""Libraries that are there to change examples at random."""
_ALSO_PREPARES = "albumentations"
"""One that prepares pictures as well; what it builds says which of both."""


def facts_of(context: Context) -> Iterator[str]:
    """The facts that hold for a file."""
    if context.is_test:
        return
    if any(p.trains for p in context.analysis.programs) or learning_runs(context):
        yield TRAINS
    imported = {name.partition(".")[0] for name in _imports(context)}
    if not imported.isdisjoint(_ENVIRONMENTS):
        yield REINFORCED
    if (
        not imported.isdisjoint(_AUGMENTATIONS)
        or any(map(is_random_transform, context.analysis.builds))
        or (_ALSO_PREPARES in imported and not _is_all_known(context))
    ):
        yield AUGMENTS
    if any(b.entry.kind in ("loader", "dataset") for b in context.analysis.builds):
        yield DATASET


def _is_all_known(context: Context) -> bool:
    """Whether all that a file uses of albumentations is known, so that what it builds is seen."""
    library = load_library()
    used: set[str] = set()
    for node in context.module.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_ALSO_PREPARES):
            used |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if outer_name(context.module, node.value) == _ALSO_PREPARES:
                used.add(f"{_ALSO_PREPARES}.{node.attr}")
    return all(library.get(name) is not None for name in used)


def _imports(context: Context) -> Iterator[str]:
    for node in context.module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
