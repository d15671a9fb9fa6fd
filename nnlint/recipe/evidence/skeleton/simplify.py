"""Evidence that nothing changes the training data at random."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.data.loaders import training_loaders
from nnlint.questions.data.randomness import random_events
from nnlint.recipe.context import Context
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import way_of_sample


def simplify(context: Context) -> Iterator[Evidence]:
    """All that happens to a sample on its way to the model is known, and none of it is random."""
    for run in learning_runs(context):
        for loader in training_loaders(run.program):
            dataset = loader.loader.arguments.get("dataset")
            way = way_of_sample(dataset)
            if way is not None and way.known and not list(random_events(list(way.walk()))):
                yield context.done(loader.loader.site, "loads the training data as it is")
