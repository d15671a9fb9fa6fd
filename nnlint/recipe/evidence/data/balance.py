"""Evidence that the balance of classes is known."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nnlint.recipe.asking.predictions import Predictions
from nnlint.recipe.asking.showing import shown_values
from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.recipe.watching import Call
from nnlint.semantics.conditions import words
from nnlint.semantics.values import Unknown

_COUNTS = frozenset({"value_counts", "bincount", "Counter", "histogram", "countplot", "size"})
_WEIGHS = frozenset(
    "WeightedRandomSampler RandomOverSampler RandomUnderSampler SMOTE compute_class_weight "
    "compute_sample_weight".split()
)
_LABELS = re.compile(
    r"(?:^|_)(?:labels?|targets?|class(?:es)?|categor(?:y|ies)|species|sentiments?|diagnos[ie]s|"
    r"outcomes?|ratings?|ys?)$",
    re.IGNORECASE,
)


def balance(context: Context) -> Iterator[Evidence]:
    """A run counts the labels and shows how many there are of each, or weighs by their number."""
    for run in context.runs:
        if run.kind == "test":
            continue
        shown = shown_values(context, run)
        predictions = Predictions(context, run)
        weighing = _weighing(context, run)
        for call in context.calls(run):
            if call.is_own or any(map(predictions.depends, call.involved)):
                continue
            if call.last_name in _WEIGHS:
                yield context.done(call.site, "weighs classes by how often they are")
            elif _counts(call) and id(call.result) in weighing:
                yield context.done(call.site, "counts how often each class is, and goes by it")
            elif _adds_to_counter(call) and any(map(_LABELS.search, words(call.site.node))):
                if id(call.receiver) in shown:
                    yield context.done(call.site, "counts the examples of each class")
            elif _counts(call) and any(map(_LABELS.search, words(call.site.node))):
                if id(call.result) in shown or call.last_name == "countplot":
                    yield context.done(call.site, "counts the examples of each class")


def _weighing(context: Context, run: Run) -> set[int]:
    """What goes into the weights of a loss, or into the bias of a layer."""
    given = [
        built.arguments[name]
        for built in run.program.builds
        for name in built.explicit & {"weight", "pos_weight", "weights"}
    ]
    for call in context.calls(run):
        if call.last_name in ("copy_", "fill_") and isinstance(call.receiver, Unknown):
            given += call.arguments
    given += [call.arguments[0] for call in context.assignments(run)]
    return {id(value) for value in context.tracing.behind(*given)}


def _adds_to_counter(call: Call) -> bool:
    """Whether what is given is counted by a `Counter`, batch by batch."""
    counter = call.receiver.name if isinstance(call.receiver, Unknown) else ""
    return call.last_name == "update" and counter.rpartition(".")[2] == "Counter"


def _counts(call: Call) -> bool:
    given = getattr(call.site.node, "args", None)
    if given and isinstance(given[0], ast.BinOp):
        # a sum of labels and predictions counts which are taken for which
        return False
    if call.last_name == "unique":
        return "return_counts" in call.keywords
    if call.last_name == "size":
        return "groupby" in set(words(call.site.node))
    return call.last_name in _COUNTS
