"""Evidence that the training loss is seen to decrease."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.assertions import relations
from nnlint.recipe.asking.losses import depends_on_training
from nnlint.recipe.asking.showing import PICTURE, Show, shows
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built

_SILENT = ("no", "none")


def decreasing_loss(context: Context) -> Iterator[Evidence]:
    """A run that trains shows the loss that it trains on, or a test asserts that it falls."""
    for run in context.runs:
        if run.kind == "test":
            for relation in relations(context, run):
                sides = (relation.left, relation.right)
                if relation.kind == "<" and all(
                    depends_on_training(context, run, (side,)) for side in sides
                ):
                    yield context.done(relation.call.site, "asserts that the loss falls")
            continue
        shown = [show for show in shows(context, run) if _shows_loss(context, run, show)]
        for show in shown[:1]:
            yield context.done(show.call.site, "shows the training loss")
        if not shown:
            yield from _of_trainers(context, run)


def _shows_loss(context: Context, run: Run, show: Show) -> bool:
    return show.kind != PICTURE and depends_on_training(context, run, show.values)


def _of_trainers(context: Context, run: Run) -> Iterator[Evidence]:
    for event in run.events("fit"):
        trainer = event.subject
        if isinstance(trainer, Built) and trainer.entry.name.startswith("transformers."):
            yield context.done(event.site, "trains with a trainer that logs the training loss")
