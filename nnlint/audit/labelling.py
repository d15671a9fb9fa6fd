"""What a simple model makes of inputs and labels, and cleanlab of both."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlint.audit.samples import Array

if TYPE_CHECKING:
    from nnlint.audit.table import Collected

_FEWEST = 40
_FEWEST_OF_CLASS = 5
_TREES = 120
_MOST_TAUGHT = 20_000
"""Samples that the simple model learns from; it judges all."""
GOOD_ENOUGH = 0.7
"""Share of labels that the simple model must get right for its doubts to be told."""


@dataclass(slots=True)
class Judgement:
    """Chances of each class out of sample, and the issues that cleanlab finds with them."""

    rows: Array
    """Samples with a label, of all splits."""
    labels: Array
    chances: Array
    accuracy: float
    issues: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    """By kind, whether each of the rows is one, and its score: 0 bad, 1 good."""
    guessed: Array | None = None
    why_not: str = ""
    """Why labels are not judged."""

    @classmethod
    def of(cls, data: Collected) -> Judgement:
        """Teach a simple model, and let cleanlab compare."""
        none = np.zeros(0, int)
        labels = data.joined("labels")
        if labels is None or not all(p.label_is_class for p in data.splits):
            return cls(none, none, np.zeros((0, 0)), 0.0, why_not="there are no classes")
        usable = np.isfinite(labels) & data.neighbours.comparable
        values, sizes = np.unique(labels[usable], return_counts=True)
        usable &= np.isin(labels, values[sizes >= _FEWEST_OF_CLASS])
        rows = np.flatnonzero(usable)
        if len(rows) < _FEWEST or len(np.unique(labels[rows])) < 2:
            return cls(rows, none, np.zeros((0, 0)), 0.0, why_not="there are too few samples")
        codes = np.unique(labels[rows], return_inverse=True)[1]
        chances = _out_of_sample(data, rows, codes)
        accuracy = float((chances.argmax(1) == codes).mean())
        found = cls(rows, codes, chances, accuracy)
        found.guessed = np.unique(labels[rows])[chances.argmax(1)]
        base = float(np.bincount(codes).max() / len(codes))
        if accuracy < max(GOOD_ENOUGH, base + 0.25 * (1 - base)):
            found.why_not = (
                f"a simple model gets {accuracy:.0%} of the labels right, "
                f"where always the commonest gets {base:.0%}"
            )
            return found
        found.issues = _cleanlab(codes, chances, data, rows)
        return found


def _out_of_sample(data: Collected, rows: Array, codes: Array) -> Array:
    """Chances of each class, from trees that have not seen the sample and from its neighbours."""
    from sklearn.ensemble import ExtraTreesClassifier

    vectors = np.concatenate([p.vectors for p in data.splits])[rows]
    shown = np.nan_to_num(vectors).astype(np.float32)
    classes = int(codes.max()) + 1
    taught = np.arange(len(rows))
    if len(rows) > _MOST_TAUGHT:
        taught = np.random.default_rng(data.seed).permutation(len(rows))[:_MOST_TAUGHT]
    trees = ExtraTreesClassifier(
        _TREES,
        bootstrap=True,
        oob_score=True,
        max_features="sqrt",
        min_samples_leaf=2,
        random_state=data.seed,
        n_jobs=min(2, os.cpu_count() or 1),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trees.fit(shown[taught], codes[taught])
        chances = np.zeros((len(rows), classes))
        seen = trees.classes_
        if len(taught) < len(rows):
            rest = np.setdiff1d(np.arange(len(rows)), taught)
            chances[np.ix_(rest, seen)] = trees.predict_proba(shown[rest])
        chances[np.ix_(taught, seen)] = np.nan_to_num(trees.oob_decision_function_)
    chances = (chances + votes(data, rows, codes, classes)) / 2
    total = chances.sum(1, keepdims=True)
    return np.where(total > 0, chances / np.maximum(total, 1e-12), 1 / classes)


def votes(data: Collected, rows: Array, codes: Array, classes: int) -> Array:
    """Shares of each class among the neighbours of samples."""
    graph = data.neighbours
    by_row = np.full(len(graph.rows), -1)
    by_row[rows] = codes
    found = np.zeros((len(rows), classes))
    for place in range(min(7, graph.rows.shape[1])):
        neighbour = by_row[graph.rows[rows, place]]
        told = neighbour >= 0
        found[np.flatnonzero(told), neighbour[told]] += 1
    total = found.sum(1, keepdims=True)
    return np.where(total > 0, found / np.maximum(total, 1), 1 / classes)


def _cleanlab(
    codes: Array, chances: Array, data: Collected, rows: Array
) -> dict[str, tuple[Array, Array]]:
    """What Datalab finds by confident learning."""
    with quiet():
        from cleanlab import Datalab

        lab = Datalab(data={"label": codes.tolist()}, label_name="label", verbosity=0)
        lab.find_issues(pred_probs=chances, issue_types={"label": {}})
        table: Any = lab.get_issues("label")
    flags, scores = table["is_label_issue"].to_numpy(bool), table["label_score"].to_numpy(float)
    return {"label": (flags, scores)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let a library that likes to print keep it to itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
