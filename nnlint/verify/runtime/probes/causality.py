"""Does the output at one time step depend on a later step of the input?

Criterion: one time step is changed (the four draws of the batch probe), the outputs at
all earlier steps are compared bit for bit with the same length, seed and shapes, in eval
mode. CONFIRMED when an entry above the diagonal of the T×T matrix is non-zero at both
lengths, REFUTED when all are zero and every step shows in its own or a later output.
Never by prefixes of differing length: a correct GPT fails that at 1e-6.
Source: "Use backprop to chart dependencies", A Recipe for Training Neural Networks ("you
look at the autoregressive case and make sure only past inputs are used").
"""

from __future__ import annotations

from typing import Any

from ..dependency import Dependency, find_layout, is_tiny, measure
from ..inputs import DRAWS
from ..locate import Culprit, locate
from ..progress import so_far
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "causality"


def run(subject: Subject) -> Answer:
    """Compare the outputs before the step that is changed."""
    try:
        inputs = subject.inputs.along(subject.options.time_axis)
    except ValueError as error:
        return inconclusive(f"no time axis: {error}")
    if sum(slot.axis is not None for slot in inputs.slots.values()) == 0:
        return inconclusive("no input has a time axis")
    runner, seed = subject.runner, subject.options.seed
    steps = min(inputs.count, 6)
    inputs = inputs.resized(steps, seed)
    if not runner.deterministic(inputs, False):
        return inconclusive("the same seed and inputs give different outputs from run to run")
    layout = find_layout(runner, inputs, False)
    layout.followers = [f for f in layout.followers if f.fold == 1]
    layout.listed = {}
    if not layout.followers:
        return inconclusive("no output has an axis that follows the length of the input")
    found = measure(runner, inputs, layout, False, seed, tell=_tell)
    evidence: dict[str, Any] = {
        "matrices": [{"mode": "eval", "steps": steps, "seed": seed, "matrix": found.matrix}],
        "conditions": {"inputs": inputs.describe(), "time axis": subject.options.time_axis},
    }
    ahead = _ahead(found)
    if ahead:
        second = measure(runner, inputs.resized(steps - 1, seed + 1), layout, False, seed + 1)
        if not _ahead(second) and second.complete:
            return inconclusive("a later step shows at one length and not at another", **evidence)
        return _future(subject, inputs, found, ahead, evidence)
    if found.has_nan:
        return inconclusive("the outputs hold NaN with these inputs", **evidence)
    if not found.draws:
        return inconclusive("the time was up before each step was changed once", **evidence)
    dead = [t for t in range(steps - 1) if not any(row[t] for row in found.matrix[t:])]
    if dead:
        return inconclusive(f"step {dead[0]} shows in no output: too little signal", **evidence)
    return refuted(
        f"not reproduced with these inputs: no output depends on a later one of {steps} steps"
        + ("" if found.complete else f", with {found.draws} of {len(DRAWS)} draws"),
        **evidence,
    )


def _tell(found: Dependency) -> None:
    """What can be said before all is measured."""
    drawn = f"{found.draws} of {len(DRAWS)} draws"
    ahead = _ahead(found)
    if not ahead:
        so_far(inconclusive(f"so far no output depends on a later step ({drawn})"))
    elif not is_tiny(found):
        row, column, value = ahead[0]
        what = f"changing time step {column} changes the output at step {row} by {value:.2g}"
        so_far(confirmed(f"{what} ({drawn})"))


def _ahead(found: Dependency) -> list[tuple[int, int, float]]:
    return [leak for leak in found.leaks if leak[1] > leak[0]]


def _future(
    subject: Subject,
    inputs: Any,
    found: Dependency,
    ahead: list[tuple[int, int, float]],
    evidence: dict[str, Any],
) -> Answer:
    row, column, value = ahead[0]
    culprit: Culprit | None = None
    draws = tuple(dict.fromkeys((0, found.draw.get((row, column), 0))))
    try:
        culprit = locate(subject.runner, inputs, False, subject.options.seed, draws, causal=True)
    except Exception:
        # the leak stands without its line
        culprit = None
    where = ""
    if culprit is not None:
        evidence["culprit"] = culprit.as_dict()
        if culprit.place is not None:
            place = culprit.place
            where = f"; it begins at {place.filename}:{place.row}, `{culprit.operation}`"
    return confirmed(
        f"changing time step {column} changes the output at step {row} by {value:.2g}{where}",
        **evidence,
    )
