"""Does an unseeded construction start from the same weights each time?

Criterion: two constructions with the same arguments, each under a random state drawn from the
system, CONFIRMED when a parameter or buffer differs. The static finding says that nothing in
the program seeds; this shows that it matters. Never REFUTED: weights that do not differ leave
the order of the data and dropout to chance.
Source: torch's notes on reproducibility; modules draw their weights when they are built.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..subject import Answer, Subject, confirmed, inconclusive
from ..trees import differing

NAME = "determinism"


def run(subject: Subject) -> Answer:
    """Construct twice, and compare what the optimizer would start from."""
    if subject.again is None:
        return inconclusive("how the model is constructed is not known, only what it became")
    first, second = _unseeded(subject), _unseeded(subject)
    differ = [n for n, t in first.items() if n in second and _differs(t, second[n])]
    if not differ:
        return inconclusive(
            f"two constructions without a seed agree in all of {len(first)} tensors; the order of "
            "the data and dropout were not looked at"
        )
    largest = max(differ, key=lambda n: _distance(first[n], second[n]))
    return confirmed(
        f"two constructions without a seed differ in {len(differ)} of {len(first)} tensors, "
        f"`{largest}` by up to {_distance(first[largest], second[largest]):.2g}",
        differing=differ,
    )


def _unseeded(subject: Subject) -> dict[str, Tensor]:
    assert subject.again is not None
    torch.seed()
    model: nn.Module = subject.again()
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: t.detach().clone() for name, t in named if not is_lazy(t)}


def _differs(left: Tensor, right: Tensor) -> bool:
    return left.shape != right.shape or bool(differing(left, right).any())


def _distance(left: Tensor, right: Tensor) -> float:
    if left.shape != right.shape or not left.numel():
        return 0.0
    return float((left.double() - right.double()).abs().max())
