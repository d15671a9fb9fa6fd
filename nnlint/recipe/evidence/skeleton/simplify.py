"""Evidence that nothing changes the training data at random."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nnlint.questions.data.loaders import training_loaders
from nnlint.questions.data.pipelines import random_transforms
from nnlint.questions.data.randomness import random_events
from nnlint.recipe.context import Context, Run
from nnlint.recipe.evidence.regularize.augmentation import acts_in_training
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence
from nnlint.semantics.conditions import words
from nnlint.semantics.timeline import way_of_sample
from nnlint.semantics.values import (
    SAMPLED,
    BoundMethod,
    Built,
    Choice,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Operation,
    Partial,
    Tensor,
    Unknown,
    Value,
    options,
)

_CHANGES = re.compile(r"rand|augm|jitter|noise|perturb|mix_?up|shuffl", re.IGNORECASE)
"""Words of functions that change an example at random."""
_DRAWS = re.compile(r"rand|choice|augm|transform|jitter|noise|perturb|mix_?up", re.IGNORECASE)
"""Words of functions that may draw, or change pictures as libraries for that do."""
_OF_ROWS = frozenset(
    "load_dataset load_from_disk Dataset DatasetDict from_dict from_list from_pandas from_csv "
    "from_json map filter select sort flatten shuffle train_test_split remove_columns "
    "rename_column rename_columns select_columns cast cast_column class_encode_column "
    "concatenate_datasets".split()
)
"""Functions and methods of the datasets library that make rows, once and for all."""
_COLLATES = frozenset(
    "DataCollatorWithPadding DataCollatorForTokenClassification DataCollatorForSeq2Seq "
    "DefaultDataCollator default_data_collator".split()
)
"""What of transformers puts examples into a batch, and changes none."""
_WRAPPERS = frozenset({"subset", "concatenation", "stack"})
"""Families of data sets that hold others, and give their samples as they are."""


def simplify(context: Context) -> Iterator[Evidence]:
    """All that happens to a sample on its way to the model is known, and none of it is random."""
    for run in learning_runs(context):
        for event in run.events("fit"):
            for trainer in options(event.subject) if event.subject is not None else ():
                if isinstance(trainer, Built) and _trains_on_rows(trainer, run, context):
                    yield context.done(trainer.site, "loads the training data as it is")
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


def _trains_on_rows(trainer: Built, run: Run, context: Context) -> bool:
    """Whether a trainer of transformers is given rows that were made once, by functions that are
    known to draw nothing."""
    if trainer.entry.family != "transformers" or not _only_collates(
        trainer.arguments.get("data_collator")
    ):
        return False
    calls = list(context.calls(run))
    if any(call.last_name in ("set_transform", "with_transform") for call in calls):
        return False
    behind = list(context.tracing.behind(trainer.arguments.get("train_dataset")))
    known = {id(value) for value in behind}
    made = [c for c in calls if id(c.result) in known and c.name.startswith("datasets.")]
    if not made or any(call.last_name not in _OF_ROWS for call in made):
        return False
    if any(isinstance(value, Partial | BoundMethod | Instance) for value in behind):
        return False
    functions = [value for value in behind if isinstance(value, Function)]
    return not any(_DRAWS.search(word) for one in functions for word in words(one.node))


def _only_collates(given: Value | None) -> bool:
    """Whether what puts examples into a batch is the trainer's own, or known to change none."""
    match given:
        case None | Constant(value=None):
            return True
        case Tensor(producer=Operation(entry=entry)) | Built(entry=entry):
            name = entry.name
        case Unknown() | External():
            name = given.name
        case _:
            return False
    return name.rpartition(".")[2] in _COLLATES


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
