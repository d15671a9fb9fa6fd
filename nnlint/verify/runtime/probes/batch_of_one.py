"""Does a batch of one work, and give what the example gets in a larger batch?

Criterion, in eval mode: CONFIRMED when a batch of one raises, changes the rank of an
output, or differs from the same example in a batch by more than 1e-3 of the output's
scale; REFUTED otherwise. A crash in train mode is told, and counted when it was reported.
Threshold: clean modules measured 3e-7.
Source: `squeeze()` without an axis drops the batch axis of a last, incomplete batch.
"""

from __future__ import annotations

import torch

from ..dependency import find_layout
from ..inputs import seed_all
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..trees import describe

NAME = "batch-of-one"
LIMIT = 1e-3


def run(subject: Subject) -> Answer:
    """Compare the first example alone with itself in a batch."""
    runner, seed = subject.runner, subject.options.seed
    many = subject.inputs.resized(5, seed)
    one = many.resized(1, seed)
    layout = find_layout(runner, subject.inputs, False)
    together = dict(runner.run(many, False, seed))
    try:
        alone = dict(runner.run(one, False, seed))
    except Exception as error:
        return confirmed(f"a batch of one raises {type(error).__name__}: {error}")
    worst = 0.0
    for follower in layout.followers:
        name = describe(follower.path)
        whole, single = together[follower.path], alone.get(follower.path)
        if single is None or single.dim() != whole.dim():
            shape = None if single is None else tuple(single.shape)
            return confirmed(
                f"{name} has shape {tuple(whole.shape)} for five examples and {shape} for one"
            )
        if follower.fold == 1 and whole.is_floating_point():
            first = whole.narrow(follower.axis, 0, 1)
            scale = float(whole.abs().max()) + 1e-12
            worst = max(worst, float((first - single).abs().max()) / scale)
    if not layout.followers:
        return inconclusive("no output has an axis that follows the batch size")
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
