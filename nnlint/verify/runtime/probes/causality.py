"""Does the output at one time step depend on a later step of the input?

Criterion: one time step is changed (the draws of the batch probe), the outputs at all
earlier steps are compared bit for bit with the same length, seed and shapes, in eval
mode. CONFIRMED when an entry above the diagonal of the T×T matrix is non-zero at both
lengths, REFUTED when all are zero, or vanish in double precision, and every step shows in
its own or a later output. The time axis is the one whose length the model lets change and its output follows. A length that
the user gives is kept; a guessed one reaches over kernels, masks and numbers in the code.
Never by prefixes of differing length: a correct GPT fails that at 1e-6.
Source: "Use backprop to chart dependencies", A Recipe for Training Neural Networks ("you
look at the autoregressive case and make sure only past inputs are used").
"""

from __future__ import annotations

import dataclasses
import math
import re
import time
from typing import Any, Optional

from ..construction.batch_axis import time_hint
from ..dependency import (
    TINY,
    Dependency,
    Layout,
    Leak,
    find_layout,
    measure,
    rounding,
    vanishes,
)
from ..extent import Extent, extent_of, spread
from ..inputs import Inputs
from ..locate import MOST_FOLLOWED, Culprit, locate
from ..progress import so_far
from ..subject import Answer, Subject, confirmed, inconclusive, parameter_of, refuted

NAME = "causality"
SHORTEST, LONGEST = 8, 1024
"""Steps of a guessed length."""
PATIENCE = 25.0
"""Seconds for the runs of one input."""
SHOWN = 24
"""Rows of a matrix that is shown whole."""
_ENCODER = re.compile(r"src|source|memory|context|cond|enc|prompt|image|feature", re.IGNORECASE)


def run(subject: Subject) -> Answer:
    """Compare the outputs before the step that is changed, along the axis that is time."""
    asked = subject.options.time_axis
    stepped = subject.inputs.with_steps()
    if stepped is not None and _takes(subject, stepped):
        subject = dataclasses.replace(subject, inputs=stepped)
    axes = [asked] if asked is not None else _time_axes(subject)
    if not axes:
        return inconclusive(
            "no axis of the input has a length that the model lets change and its output follows: "
            "`--time-axis` names it"
        )
    answers = {axis: _along(subject, axis, len(axes) == 1) for axis in axes}
    first = next(iter(answers.values()))
    if len({a.status for a in answers.values()}) == 1:
        return first
    told = "; ".join(f"along axis {n}: {a.status}, {a.summary}" for n, a in answers.items())
    return inconclusive(
        f"which axis is time is not known, and it matters: {told}. `--time-axis` settles it",
        **first.evidence,
    )


def _takes(subject: Subject, inputs: Inputs) -> bool:
    try:
        subject.runner.run(inputs, False)
    except Exception:
        # it has features alone
        return False
    return True


def _time_axes(subject: Subject) -> list[int]:
    """Axes that may be time: the named one, else all that can change but the batch."""
    tensors = [t for _, t in subject.inputs.tensors if t.dim()]
    if not tensors:
        return []
    batch = subject.options.axis
    if batch is None:
        batch = subject.batch_hint or 0
    named = time_hint(subject.model)
    axes = [a for a in range(tensors[0].dim()) if a != batch or tensors[0].dim() == 1]
    found = [a for a in axes if _follows(subject, a)]
    return [named] if named in found else found


def _follows(subject: Subject, axis: int) -> bool:
    """Whether the model takes other lengths along an axis, and an output has them too."""
    try:
        inputs = subject.inputs.along(axis)
        return bool(_layout(subject, inputs, inputs.count)[1].followers)
    except Exception:
        # what the model does not run on is no length of time
        return False


def _layout(subject: Subject, inputs: Inputs, steps: int) -> tuple[int, Layout]:
    """Another length at which the model runs, and the outputs that follow the length.

    Raises:
        Exception: whatever the model raises at every other length.
    """
    failed: Optional[Exception] = None
    for other in (steps - 1, steps + 1, steps - 2, 2 * steps, steps // 2):
        if other < 2:
            continue
        try:
            layout = find_layout(subject.runner, inputs, False, (steps, other))
        except Exception as error:
            failed = failed or error
            continue
        layout.followers = [f for f in layout.followers if f.fold == 1]
        layout.listed = {}
        if layout.followers:
            return other, layout
    if failed is not None:
        raise failed
    return steps, Layout([], [], [])


def _along(subject: Subject, axis: int, alone: bool) -> Answer:
    try:
        inputs = subject.inputs.along(axis)
    except ValueError as error:
        return inconclusive(f"no time axis: {error}")
    masks = [p for p, t in inputs.tensors if _is_mask(subject, p, t, inputs.count)]
    inputs = dataclasses.replace(
        inputs, slots={p: s for p, s in inputs.slots.items() if p not in masks}
    )
    moved = {p for p, slot in inputs.slots.items() if slot.axis is not None}
    if not moved:
        return inconclusive("no input has a time axis")
    extent = extent_of(subject.model)
    covered = True
    if inputs.guessed and not masks:
        inputs, covered = _long_enough(subject, inputs, extent)
    if inputs.count < 2:
        return inconclusive(
            f"the input has one step along axis {axis}: `--time-axis` names another"
        )
    names = list(dict.fromkeys(parameter_of(subject.model, p) for p in sorted(moved, key=str)))
    answers = {}
    certain = alone and len(names) == 1 and not (masks and inputs.guessed)
    for name in names:
        slots = {p: s for p, s in inputs.slots.items() if parameter_of(subject.model, p) == name}
        only = dataclasses.replace(inputs, slots=slots)
        answers[name] = _ask(subject, inputs, only, extent, axis, certain)
    answer = _joined(answers)
    if masks and inputs.guessed and answer.status == "CONFIRMED":
        return inconclusive(
            f"it depends on the mask that it is given, which is made up here: {answer.summary}",
            **answer.evidence,
        )
    if answer.status == "REFUTED" and not covered:
        return inconclusive(
            f"clean up to {inputs.count} steps, and what the model does by size needs more: give "
            f"`--input` as long as in training",
            **answer.evidence,
        )
    return answer


def _is_mask(subject: Subject, path: Any, tensor: Any, count: int) -> bool:
    """Whether an input says what may be seen, and is no input of time."""
    named = "mask" in parameter_of(subject.model, path).lower()
    square = tensor.dim() >= 2 and tensor.shape[-1] == tensor.shape[-2] == count
    return named or (square and path != subject.inputs.tensors[0][0])


def _joined(answers: dict[str, Answer]) -> Answer:
    """One verdict for several inputs: a decoder sees all of what an encoder gave."""
    leaking = [name for name, a in answers.items() if a.status == "CONFIRMED"]
    first = next(iter(answers.values()))
    if not leaking:
        return next((a for a in answers.values() if a.status != "REFUTED"), first)
    if len(leaking) == len(answers):
        return first
    rest = next(a for a in answers.values() if a.status != "CONFIRMED")
    if all(_ENCODER.search(name) for name in leaking):
        note = f"; it sees all of `{', '.join(leaking)}`, which is given as a whole"
        return dataclasses.replace(rest, summary=rest.summary + note)
    if next(iter(answers)) in leaking:
        return answers[leaking[0]]
    return inconclusive(
        f"of the inputs, `{', '.join(leaking)}` alone shows in earlier outputs, which is right for "
        f"what is given as a whole: {answers[leaking[0]].summary}",
        **answers[leaking[0]].evidence,
    )


def _long_enough(subject: Subject, inputs: Inputs, extent: Extent) -> tuple[Inputs, bool]:
    """Inputs over which a model shows all that it does, or as long as it takes them."""
    numbers = [n for n in (*extent.numbers, *extent.tables) if n <= LONGEST // 4]
    needed = max([SHORTEST, extent.reach + 1, *(n + 2 for n in numbers)])
    wanted = min(needed, LONGEST)
    low, high = inputs.count, wanted
    if low >= wanted:
        return inputs, True
    if _runs(subject, inputs, wanted):
        return inputs.resized(wanted, subject.options.seed), wanted == needed
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _runs(subject, inputs, middle) else (low, middle)
    # longer ones it does not take at all
    return inputs.resized(low, subject.options.seed), True


def _runs(subject: Subject, inputs: Inputs, steps: int) -> bool:
    try:
        subject.runner.run(inputs.resized(steps, subject.options.seed), False)
    except Exception:
        # too long, whatever it says
        return False
    return True


def _ask(
    subject: Subject, inputs: Inputs, only: Inputs, extent: Extent, axis: int, alone: bool
) -> Answer:
    """Change the steps of one input; the others stay as they are."""
    runner, seed = subject.runner, subject.options.seed
    steps = inputs.count
    started = time.monotonic()
    if not runner.deterministic(inputs, False):
        return inconclusive("the same seed and inputs give different outputs from run to run")
    seconds = max(1e-4, (time.monotonic() - started) / 2)
    other, layout = _layout(subject, inputs, steps)
    if not layout.followers:
        return inconclusive(
            f"no output has an axis that follows the length along axis {axis}: `--time-axis` names "
            "another"
        )
    draws = tuple(range(5)) if steps <= 16 else (0, 3, 4)
    chosen = _chosen(steps, extent, int(PATIENCE / seconds / len(draws)))
    # with several inputs, or axes, a verdict on one is none on the whole
    tell = _tell if alone else None
    found = measure(runner, only, layout, False, seed, draws, examples=chosen, tell=tell)
    evidence: dict[str, Any] = {
        "matrices": [_table(found, steps, seed)],
        "conditions": {
            "inputs": inputs.describe(),
            "time axis": axis,
            "steps changed": len(chosen),
        },
    }
    ahead = _ahead(found)
    if ahead and _is_faint(found):
        shrinks = rounding(runner, only, False, seed, found, layout, draws, _ahead)
        largest = f"differences of {ahead[0][2]:.1e} at earlier steps"
        if shrinks is None:
            return inconclusive(
                f"{largest} may be rounding, and the model does not run in double precision",
                **evidence,
            )
        if shrinks:
            evidence["conditions"]["rounding"] = f"{largest} vanish in double precision"
            ahead = []
    elif ahead and vanishes(runner, only, False, seed, found, layout, draws, _ahead):
        evidence["conditions"]["rounding"] = "all differences vanish in double precision"
        ahead = []
    if ahead:
        second = _at_another(subject, inputs, only, layout, other, ahead[0], draws)
        if not _ahead(second) and second.complete:
            return inconclusive("a later step shows at one length and not at another", **evidence)
        return _future(subject, only, found, ahead, evidence)
    if found.has_nan:
        return inconclusive("the outputs hold NaN with these inputs", **evidence)
    if not found.draws:
        return inconclusive("the time was up before each step was changed once", **evidence)
    dead = [t for t in chosen if t < steps - 1 and not any(row[t] for row in found.matrix[t:])]
    if dead:
        return inconclusive(f"step {dead[0]} shows in no output: too little signal", **evidence)
    some = "" if len(chosen) == steps else f", of which {len(chosen)} were changed"
    return refuted(
        f"not reproduced with these inputs: no output depends on a later one of {steps} steps "
        f"along axis {axis}{some}"
        + ("" if found.complete else f", with {found.draws} of {found.wanted} draws"),
        **evidence,
    )


def _chosen(steps: int, extent: Extent, most: int) -> tuple[int, ...]:
    """The steps to change: all of them, else some, and those at which the code may turn."""
    most = min(max(most, 8), 96)
    if steps <= most:
        return tuple(range(steps))
    turns = {n + d for n in (*extent.numbers, *extent.tables) for d in (-1, 0, 1)}
    kept = sorted(t for t in turns if 0 <= t < steps)[: most // 2]
    return tuple(sorted({*kept, *spread(steps, most - len(kept))}))


def _at_another(
    subject: Subject,
    inputs: Inputs,
    only: Inputs,
    layout: Layout,
    other: int,
    leak: Leak,
    draws: tuple[int, ...],
) -> Dependency:
    """The step that showed, and others, at another length and under another seed."""
    seed = subject.options.seed + 1
    resized = inputs.resized(other, seed)
    again = dataclasses.replace(resized, slots=only.slots)
    near = {min(leak[1], other - 1), other - 1}
    # neighbours too: where steps are pooled by two, every other one shows nothing
    near |= {n for first in spread(other, 24) for n in (first, min(first + 1, other - 1))}
    return measure(subject.runner, again, layout, False, seed, draws, examples=sorted(near))


def _table(found: Dependency, steps: int, seed: int) -> dict[str, Any]:
    kept = list(range(steps))
    if steps > SHOWN:
        leaks = [n for leak in _ahead(found)[:2] for n in leak[:2]]
        kept = sorted({*leaks, *(found.changed[i] for i in spread(len(found.changed), 12))})
    matrix = [[found.matrix[i][j] for j in kept] for i in kept]
    shown = {} if len(kept) == steps else {"steps shown": kept}
    return {"mode": "eval", "steps": steps, "seed": seed, "matrix": matrix, **shown}


def _tell(found: Dependency) -> None:
    """What can be said before all is measured."""
    drawn = f"{found.draws} of {found.wanted} draws"
    ahead = _ahead(found)
    if not ahead:
        so_far(inconclusive(f"so far no output depends on a later step ({drawn})"))
    elif not _is_faint(found):
        row, column, value = ahead[0]
        what = f"changing time step {column} changes the output at step {row} by {value:.2g}"
        so_far(confirmed(f"{what} ({drawn})"))


def _ahead(found: Dependency) -> list[Leak]:
    return [leak for leak in found.leaks if leak[1] > leak[0]]


def _is_faint(found: Dependency) -> bool:
    """Whether what shows at earlier steps is so little beside the rest that rounding may explain it.

    What sums over all of time, such as a Fourier transform, rounds each output by the largest
    of all.
    """
    largest = max((v for row in found.matrix for v in row if math.isfinite(v)), default=0.0)
    return _ahead(found)[0][2] < TINY * max(found.scale, largest)


def _future(
    subject: Subject,
    inputs: Inputs,
    found: Dependency,
    ahead: list[Leak],
    evidence: dict[str, Any],
) -> Answer:
    row, column, value = ahead[0]
    culprit: Culprit | None = None
    draws = tuple(dict.fromkeys((0, found.draw.get((row, column), 0))))
    followed = list(dict.fromkeys((column, *spread(inputs.count, MOST_FOLLOWED))))
    examples = sorted(followed[:MOST_FOLLOWED])
    seed = subject.options.seed
    try:
        culprit = locate(subject.runner, inputs, False, seed, draws, True, examples)
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
