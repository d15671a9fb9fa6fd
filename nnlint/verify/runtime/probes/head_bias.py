"""Does the head begin at what the targets are on average?

Criterion: the loss at initialisation against the loss of the best constant: the frequencies of the
classes, or the mean of the numbers, over the first batches of the program's own data. CONFIRMED
(a bias set by hand saves the first steps) where the constant is better by over a quarter, REFUTED
where it is better by less than a tenth, INCONCLUSIVE between, where there is no real data, and
where there are fewer than ten targets for each class.
Source: "Init well", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import math
from typing import Optional

import torch
from torch import Tensor

from ..data.batching import more_targets
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..watching import CATEGORICAL, Seen

NAME = "head-bias"
OF_STEP = True
LARGE, SMALL, EACH = 0.25, 0.1, 10


def run(subject: Subject) -> Answer:
    """Compare the first loss with that of the best constant."""
    step, batch = subject.step, subject.batch
    if step is None or batch is None:
        return inconclusive("how often each class occurs is known from data: `--loader` names it")
    if len(step.seen) != 1:
        return inconclusive("the loss is not one of torch's own, or several of them")
    seen = step.seen[0]
    path = step.call.path
    further = more_targets(batch, path) if path else []
    targets = torch.cat([t.reshape(-1) for t in further]) if further else seen.target.reshape(-1)
    if seen.loss in (*CATEGORICAL, "bce_with_logits", "bce"):
        return _of_classes(seen, targets, step.value)
    return _of_numbers(seen, targets, step.value)


def _of_classes(seen: Seen, targets: Tensor, start: float) -> Answer:
    binary = seen.loss not in CATEGORICAL
    if (targets.is_floating_point() and not binary) or seen.options.get("weight") is not None:
        return inconclusive("classes are weighted, or targets are no single classes")
    if seen.options.get("pos_weight") is not None:
        return inconclusive("positives are weighted: their share is made up for")
    ignored = seen.options.get("ignore_index", -100)
    kept = targets.double() if binary else targets[targets != ignored]
    counts = _counts(kept, 2 if binary else seen.classes)
    total = sum(counts)
    evidence = {"counts": counts, "loss": start, "targets": total}
    if total < EACH * len(counts):
        return inconclusive(f"{total} targets are too few for {len(counts)} classes", **evidence)
    prior = -sum(c / total * math.log(c / total) for c in counts if c)
    least, most = min(counts), max(counts)
    told = f"its {len(counts)} classes hold from {least / total:.2%} to {most / total:.2%} of {total} targets"
    return _judged(told, start, prior, evidence)


def _counts(targets: Tensor, classes: int) -> list[int]:
    whole = targets.round().long().clamp(min=0, max=classes - 1)
    return [int(n) for n in torch.bincount(whole, minlength=classes)]


def _of_numbers(seen: Seen, targets: Tensor, start: float) -> Answer:
    numbers = targets.double()
    if numbers.numel() < EACH or not bool(numbers.isfinite().all()):
        return inconclusive(f"{numbers.numel()} targets are too few")
    mean, deviation = float(numbers.mean()), float(numbers.std(unbiased=False))
    best: Optional[float] = seen.expected
    told = f"the targets are {mean:.3g} ± {deviation:.3g}"
    return _judged(told, start, best or 0.0, {"mean": mean, "deviation": deviation, "loss": start})


def _judged(told: str, start: float, constant: float, evidence: dict[str, object]) -> Answer:
    evidence["constant"] = constant
    saved = 1 - constant / start if start > 0 else 0.0
    text = f"{told}: a constant reaches {constant:.3f}, the untrained model {start:.3f}"
    if saved > LARGE:
        return confirmed(f"{text}, so the first steps learn the bias of the head", **evidence)
    if saved < SMALL:
        return refuted(f"{text}, so the head needs no bias of its own", **evidence)
    return inconclusive(text, **evidence)
