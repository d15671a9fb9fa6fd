"""Evidence that nothing changes the training data at random."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nnlint.questions.data.loaders import training_loaders
from nnlint.questions.data.pipelines import random_transforms
from nnlint.questions.data.randomness import random_events
from nnlint.recipe.context import Context
from nnlint.recipe.evidence.regularize.augmentation import acts_in_training
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence
from nnlint.semantics.timeline import way_of_sample
from nnlint.semantics.values import SAMPLED, Built, Choice, Instance, Items, Maybe, Unknown, Value

_CHANGES = re.compile(r"rand|augm|jitter|noise|perturb|mix_?up|shuffl", re.IGNORECASE)
"""Words of functions that change an example at random."""
_WRAPPERS = frozenset({"subset", "concatenation", "stack"})
"""Families of data sets that hold others, and give their samples as they are."""


def simplify(context: Context) -> Iterator[Evidence]:
    """All that happens to a sample on its way to the model is known, and none of it is random."""
    for run in learning_runs(context):
        loaders = [found.loader for found in training_loaders(run.program)]
        if loaders and any(
            acts_in_training(found, run.trains) for found in random_transforms(run.program)
        ):
            # batches may be changed behind their loader
            continue
        for loader in loaders:
            dataset = loader.arguments.get("dataset")
            if _is_as_it_is(dataset, context) and _is_plain(loader, context) is not False:
                yield context.done(loader.site, "loads the training data as it is")


def _is_as_it_is(dataset: Value | None, context: Context) -> bool:
    """Whether the samples of a data set are known to be given without any random change."""
    match dataset:
        case Maybe():
            return _is_as_it_is(dataset.value, context)
        case Choice():
            return all(_is_as_it_is(one, context) for one in dataset.options)
        case Items():
            known = bool(dataset.items) and not dataset.open
            return known and all(_is_as_it_is(one, context) for one in dataset.items)
        case Built() if dataset.entry.family in _WRAPPERS:
            return _is_as_it_is(next(iter(dataset.arguments.values()), None), context)
        case Built() if dataset.entry.family == "tensors":
            return True
        case _:
            return _is_plain(dataset, context) is True


def _is_plain(holder: Value | None, context: Context) -> bool | None:
    """Whether what happens to a sample in a data set or loader is known and not random; None where
    nothing happens to it."""
    way = way_of_sample(holder)
    if way is None or not isinstance(holder, Built | Instance | Unknown):
        return None
    sample = holder.state.get(SAMPLED)
    made = context.tracing.operations(sample if isinstance(sample, Value) else None)
    if way.events("draw") or any(operation.entry.random for operation in made):
        # which part of an example is taken may be drawn as well
        return False
    calls = [context.noted[id(event)] for event, _ in way.walk() if id(event) in context.noted]
    if any(not call.is_own and _CHANGES.search(call.name) for call in calls):
        # a function that is not to be seen may change it
        return False
    return way.known and not list(random_events(list(way.walk())))
