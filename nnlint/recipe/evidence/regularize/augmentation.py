"""Evidence of data augmentation."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.data.pipelines import RandomTransform, random_transforms, transform_name
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence


def augmentation(context: Context) -> Iterator[Evidence]:
    """A random transform acts by default on what a run trains on."""
    for run in learning_runs(context):
        for found in random_transforms(run.program):
            if acts_in_training(found, run.trains):
                yield context.done(
                    found.transform, f"`{transform_name(found)}` changes each sample"
                )


def acts_in_training(found: RandomTransform, trains: bool) -> bool:
    """Whether a random transform changes training data as long as nobody sets an option.

    Parameters:
        trains: whether the run trains a model itself, so that data with no other use is trained on.
    """
    if found.role == "eval" or found.averaged or found.makes_patches:
        return False
    if found.switchable and not found.active:
        return False
    return found.role == "train" or (trains and not found.role)
