"""Does a batch of one work, and give what the example gets in a larger batch?

Criterion, in eval mode: CONFIRMED when a batch of one raises, changes the rank of an
output, or differs from the same example in a batch by more than 1e-3 of the output's
scale; REFUTED otherwise; INCONCLUSIVE where equal runs differ, where the model itself refuses
one example, and where it mixes examples by design. A crash in train mode is told, and counted when it was reported.
Threshold: clean modules measured 3e-7.
Source: `squeeze()` without an axis drops the batch axis of a last, incomplete batch.
"""

from __future__ import annotations

import dataclasses

import torch

from ..dependency import SIZES, find_layout
from ..design import is_refusal, mixes_by_design
from ..inputs import seed_all
from ..running import equal
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..trees import describe

NAME = "batch-of-one"
LIMIT = 1e-3


def run(subject: Subject) -> Answer:
    """Compare the first example alone with itself in a batch."""
    runner, seed = subject.runner, subject.options.seed
    if subject.options.axis is None and subject.batch_hint == 1:
        subject = dataclasses.replace(subject, inputs=subject.inputs.along(1))
    count, other = SIZES
    try:
        layout = find_layout(runner, subject.inputs, False)
    except Exception:
        # such as groups of examples: then the batch that was given
        count, other = subject.inputs.count, 2 * subject.inputs.count
        layout = find_layout(runner, subject.inputs, False, (count, other))
    many = subject.inputs.resized(count, seed)
    one = many.resized(1, seed)
    if not runner.deterministic(many, False):
        return inconclusive("the same seed and inputs give different outputs from run to run")
    if not equal(runner.run(many, False, seed), runner.run(many, False, seed + 1)):
        return inconclusive("the output in eval mode is random, and differs in any batch")
    together = dict(runner.run(many, False, seed))
    try:
        alone = dict(runner.run(one, False, seed))
    except Exception as error:
        if is_refusal(error):
            return inconclusive(f"the model refuses a batch of one: {error}")
        return confirmed(f"a batch of one raises {type(error).__name__}: {error}")
    worst = 0.0
    for follower in layout.followers:
        name = describe(follower.path)
        whole, single = together[follower.path], alone.get(follower.path)
        if single is None or single.dim() != whole.dim():
            shape = None if single is None else tuple(single.shape)
            return confirmed(
                f"{name} has shape {tuple(whole.shape)} for {_word(count)} examples and {shape} for one"
            )
        if follower.fold == 1 and whole.is_floating_point():
            first = whole.narrow(follower.axis, 0, 1)
            scale = float(whole.abs().max()) + 1e-12
            worst = max(worst, float((first - single).abs().max()) / scale)
    if not layout.followers:
        return inconclusive("no output has an axis that follows the batch size")
    cls = type(subject.model)
    if worst > LIMIT and mixes_by_design(cls, inputs=subject.inputs, training=False):
        return inconclusive(f"{cls.__name__} is called after what mixes examples by design")
    if worst > LIMIT:
        return confirmed(
            f"an example alone gives another output than in a batch: relative difference {worst:.1e}",
            difference=worst,
        )
    crash = _train_crash(subject)
    if crash and subject.options.finding.get("name") == "norm-batch-of-one":
        return confirmed(f"a batch of one raises in train mode: {crash}")
    note = f"; in train mode it raises {crash}" if crash else ""
    return refuted(f"a batch of one agrees to {worst:.1e}{note}", difference=worst)


def _word(count: int) -> str:
    return "five" if count == 5 else str(count)


def _train_crash(subject: Subject) -> str:
    runner = subject.runner
    one = subject.inputs.resized(1, subject.options.seed)
    with runner.state(runner.model, False), torch.no_grad():
        runner.model.train(True)
        args, kwargs = one.copied()
        seed_all(0)
        try:
            runner.model(*args, **kwargs)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""
