"""Is the model deterministic in eval mode?

Criterion: with equal inputs, CONFIRMED when the output differs between two seeds, differs
under one seed, or when a run in eval mode changes a buffer and the next run shows it; REFUTED
when three seeds and a repeated run give the same bits and no such buffer moves. INCONCLUSIVE
where an explicit `training=True`, or a name and what happens to the numbers, say that the model
draws on purpose, or a name that it keeps state; what takes some of many at random, such as a first point, is no draw whatever it is called.
Source: dropout that is always on and layers built in `forward` show in no loss curve.
"""

from __future__ import annotations

import linecache
from typing import Optional

import torch
from torch import nn

from ..design import draws_by_design, keeps_state
from ..draws import locate_random
from ..inputs import seed_all
from ..locate import Culprit
from ..running import Leaves, Runner, equal
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..trees import differing, leaves

NAME = "eval-determinism"


def run(subject: Subject) -> Answer:
    """Run again under the same and under other seeds."""
    runner, inputs = subject.runner, subject.inputs
    changed, shows = _changed_buffers(runner, subject)
    if changed and shows and all(keeps_state(name) for name in changed):
        return inconclusive(
            f"the buffer `{changed[0]}` is kept from call to call, as its name says",
            buffers=changed,
        )
    if changed and shows:
        return confirmed(
            f"a run in eval mode changes the buffer `{changed[0]}`: evaluation leaks into the model",
            buffers=changed,
        )
    first = runner.run(inputs, False, 0)
    for seed in (1, 2):
        if not equal(first, runner.run(inputs, False, seed)):
            culprit = locate_random(runner, inputs)
            where = ""
            evidence = {}
            if culprit is not None:
                evidence["culprit"] = culprit.as_dict()
                if culprit.place is not None:
                    where = f", from {culprit.place.filename}:{culprit.place.row}, `{culprit.operation}`"
            if _on_purpose(type(subject.model), culprit):
                return inconclusive(
                    f"the model draws random numbers on purpose{where}",
                    inputs=inputs.describe(),
                    **evidence,
                )
            return confirmed(
                f"the output in eval mode differs between seeds{where}",
                inputs=inputs.describe(),
                **evidence,
            )
    if not equal(first, runner.run(inputs, False, 0)):
        return confirmed("the same seed and inputs give different outputs from run to run")
    return refuted("three seeds give the same output in eval mode", inputs=inputs.describe())


def _on_purpose(cls: type, culprit: Optional[Culprit]) -> bool:
    """Whether names, or the line that draws, say that evaluation is meant to be random."""
    if culprit is None or culprit.place is None:
        return draws_by_design("", "", cls.__name__)
    place = culprit.place
    rows = range(place.row, place.end_row + 1)
    code = " ".join(linecache.getline(place.filename, row) for row in rows)
    names = (cls.__name__, place.function, place.module)
    return draws_by_design(culprit.operation, code, *names, use=culprit.use)


def _changed_buffers(runner: Runner, subject: Subject) -> tuple[list[str], bool]:
    """Buffers that a run changes, and whether the next run gives another output by that."""
    model = runner.model
    with runner.state(model, False), torch.no_grad():
        before = {name: b.clone() for name, b in model.named_buffers()}
        first = _output(model, subject)
        after = dict(model.named_buffers())
        changed = [
            name
            for name, value in before.items()
            if name in after
            and value.shape == after[name].shape
            and bool(differing(value, after[name]).any())
        ]
        return changed, bool(changed) and not equal(first, _output(model, subject))


def _output(model: nn.Module, subject: Subject) -> Leaves:
    args, kwargs = subject.inputs.copied()
    seed_all(0)
    return leaves(model(*args, **kwargs))
