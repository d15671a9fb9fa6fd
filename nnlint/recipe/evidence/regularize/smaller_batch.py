"""Evidence of small batches.

Batches of 32 or less are small: "Revisiting Small Batch Training for Deep Neural Networks"
(https://arxiv.org/abs/1804.07612).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.questions.data.loaders import TrainingLoader, training_loaders
from nnlint.questions.data.splits import TRAIN, given_to_fit
from nnlint.questions.participants import steps_optimizer
from nnlint.recipe.asking.batches import own_loader
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners, learning_runs, number, place_of
from nnlint.recipe.model import Evidence
from nnlint.syntax.walking import walk

SMALL = 32


def smaller_batch(context: Context) -> Iterator[Evidence]:
    """A run trains in batches of 32 or less, and gathers no gradients over several."""
    for run in learning_runs(context):
        for found in (*training_loaders(run.program), *_own_loaders(run)):
            loader = found.loader
            size = number(loader.arguments.get("batch_size"))
            if size is None or not 1 <= size <= SMALL or "batch_size" not in loader.explicit:
                continue
            if not run.is_off(loader.conditions) and not _gathers(context, found):
                yield context.done(place_of(loader), f"trains in batches of {size:g}")
    for learner in learners(context):
        told = learner.options
        name = "per_device_train_batch_size"
        if told is not None and name in told.explicit:
            size = number(told.arguments.get(name))
            several = number(told.arguments.get("gradient_accumulation_steps")) or 1
            if size is not None and 1 <= size * several <= SMALL:
                yield context.done(told.site, f"trains in batches of {size * several:g}")


def _own_loaders(run: Run) -> Iterator[TrainingLoader]:
    """The loaders of project classes that a run trains on."""
    met: set[int] = set()
    for event, blocks in run.walk():
        if event.kind == "fit":
            for role, given in given_to_fit(event):
                if role == TRAIN and (loader := own_loader(given)) is not None:
                    yield TrainingLoader(loader, None, blocks)
        if event.kind != "step" or not steps_optimizer(event):
            continue
        for place in range(len(blocks) - 1, -1, -1):
            loader = own_loader(blocks[place].subject) if blocks[place].kind == "loop" else None
            if loader is not None:
                if id(blocks[place]) not in met:
                    met.add(id(blocks[place]))
                    yield TrainingLoader(loader, blocks[place], blocks[:place])
                break


def _gathers(context: Context, found: TrainingLoader) -> bool:
    """Whether a step is taken every few batches only."""

    def divides(node: ast.AST) -> bool:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mod):
            return False
        return number(context.values.get(node.right)) != 1

    steps = found.batches.events("step") if found.batches is not None else ()
    return bool(steps) and all(
        any(divides(node) for c in step.conditions for node in walk(c.site.node)) for step in steps
    )
