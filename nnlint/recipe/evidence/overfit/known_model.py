"""Evidence that a known model was picked."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners, place_of
from nnlint.recipe.model import Evidence
from nnlint.recipe.published import published
from nnlint.semantics.values import Built, Instance


def known_model(context: Context) -> Iterator[Evidence]:
    """What a run trains is a library's model or holds one, or is written after a published one."""
    for learner in learners(context):
        for module in learner.layers:
            if isinstance(module, Built) and module.entry.kind == "model":
                if not learner.run.is_off(module.conditions):
                    yield context.done(place_of(module), f"trains `{_name(module)}` of a library")
            elif isinstance(module, Instance) and (name := published(module)):
                if module.site is not None:
                    yield context.done(module.site, f"trains {name}, as published")


def _name(model: Built) -> str:
    parts = model.entry.name.split(".")
    return ".".join(parts[-2:]) if parts[-1].startswith(("from_", "create_")) else parts[-1]
