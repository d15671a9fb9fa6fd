"""Is the model deterministic in eval mode?

Criterion: with equal inputs, CONFIRMED when the output differs between two seeds, differs
under one seed, or when a run in eval mode changes a buffer; REFUTED when three seeds and a
repeated run give the same bits and buffers stay.
Source: dropout that is always on and layers built in `forward` show in no loss curve.
"""

from __future__ import annotations

import torch

from ..locate import locate_random
from ..running import Runner, equal
from ..subject import Answer, Subject, confirmed, refuted
from ..trees import differing

NAME = "eval-determinism"


def run(subject: Subject) -> Answer:
    """Run again under the same and under other seeds."""
    runner, inputs = subject.runner, subject.inputs
    changed = _changed_buffers(runner, subject)
    if changed:
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
            return confirmed(
                f"the output in eval mode differs between seeds{where}",
                inputs=inputs.describe(),
                **evidence,
            )
    if not equal(first, runner.run(inputs, False, 0)):
        return confirmed("the same seed and inputs give different outputs from run to run")
    return refuted("three seeds give the same output in eval mode", inputs=inputs.describe())


def _changed_buffers(runner: Runner, subject: Subject) -> list[str]:
    model = runner.model
    with runner.state(model, False), torch.no_grad():
        before = {name: b.clone() for name, b in model.named_buffers()}
        args, kwargs = subject.inputs.copied()
        model(*args, **kwargs)
        after = dict(model.named_buffers())
        return [
            name
            for name, value in before.items()
            if name in after
            and value.shape == after[name].shape
            and bool(differing(value, after[name]).any())
        ]
