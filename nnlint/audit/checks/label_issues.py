"""Labels that are probably wrong, by confident learning.

A simple model (trees and neighbours over the inputs' vectors) gives chances out of sample, and
cleanlab's Datalab compares them with the labels. A sample is told where Datalab finds an issue,
the model is sure of another class, and the nearest neighbours have that class, too. Where the
simple model does not get most labels right it has nothing to say, which the report notes: its
doubts would be about itself. A warning, the most certain first; advice where it is at most one
in a hundred, since so many samples that are only hard look wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.labelling import votes
from nnlint.audit.samples import Array
from nnlint.audit.table import Collected
from nnlint.audit.telling import about, class_name, named
from nnlint.finding import Level

KIND = "label-issues"
_SURE = 0.6
_RARELY = 0.15
_NATURAL = 0.01


def check(data: Collected) -> Iterator[AuditFinding]:
    """Ask Datalab, and the neighbours besides."""
    rows, guesses = doubted(data)
    count = len(data.judgement.rows)
    level = Level.WARNING if len(rows) > _NATURAL * count else Level.ADVICE
    for number, part in enumerate(data.splits):
        start = data.offsets[number]
        inside = (rows >= start) & (rows < start + part.count)
        own, guessed = rows[inside] - start, guesses[inside]
        if not len(own):
            continue
        assert part.labels is not None
        first = int(own[0])
        given, other = class_name(data, part.labels[first]), class_name(data, guessed[0])
        verb = "is" if len(own) == 1 else "are"
        noun = "label" if len(own) == 1 else "labels"
        message = (
            f"{plural(len(own), noun, noun)} {verb} probably wrong: {named(part, own)} "
            f"(the first says `{given}` and looks like `{other}`)"
        )
        yield about(part, own, KIND, level, message)


def doubted(data: Collected) -> tuple[Array, Array]:
    """Rows over all splits whose labels are doubted, and what they look like."""
    judged = data.judgement
    nothing = np.zeros(0, int)
    if judged.why_not or "label" not in judged.issues or judged.guessed is None:
        return nothing, nothing
    flags, scores = judged.issues["label"]
    classes = judged.chances.shape[1]
    count = np.arange(len(judged.rows))
    near = votes(data, judged.rows, judged.labels, classes)
    guess = judged.chances.argmax(1)
    sure = judged.chances[count, guess] >= _SURE
    alone = judged.chances[count, judged.labels] <= _RARELY
    agreed = near[count, guess] > 0.5
    chosen = np.flatnonzero(flags & sure & alone & agreed & (guess != judged.labels))
    chosen = chosen[np.argsort(scores[chosen], kind="stable")]
    return judged.rows[chosen], judged.guessed[chosen]
