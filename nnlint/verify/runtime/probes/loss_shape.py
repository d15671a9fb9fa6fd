"""Does an elementwise loss inside the model get tensors of different shapes?

Criterion: every elementwise loss that `forward` calls is watched; CONFIRMED when input and
target have different shapes, which broadcast `(B, 1)` against `(B,)` to a B×B table; when
none is called, a `(B, 1)` output under an elementwise loss is compared with `(B,)` targets
if that was reported. REFUTED when all shapes agree.
Source: torch warns of it once, in a log that nobody reads.
"""

from __future__ import annotations

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import first_float

NAME = "loss-shape"
_WATCHED = {
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
}


class _Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Optional[dict[str, Any]] = None
    ) -> Any:
        if func in _WATCHED:
            given = [*args, *(kwargs or {}).values()]
            tensors = [t for t in given if isinstance(t, torch.Tensor)][:2]
            if len(tensors) == 2:
                name = getattr(func, "__name__", "loss")
                self.calls.append((name, tuple(tensors[0].shape), tuple(tensors[1].shape)))
        return func(*args, **(kwargs or {}))


def run(subject: Subject) -> Answer:
    """Watch the losses of one run, else judge the output as it was reported."""
    watch = _Watch()
    with watch:
        results = subject.runner.run(subject.inputs, False)
    wrong = [call for call in watch.calls if call[1] != call[2]]
    if wrong:
        name, left, right = wrong[0]
        return confirmed(f"{name} gets {left} against {right}: it averages a broadcast table")
    if watch.calls:
        return refuted(f"{len(watch.calls)} losses get equal shapes")
    output = first_float(results)
    reported = subject.options.finding.get("name") == "loss-broadcast"
    if output is None or not reported:
        return inconclusive("the model calls no elementwise loss itself")
    if output.dim() != 2 or output.shape[1] != 1:
        return refuted(f"the output has shape {tuple(output.shape)}: no column to broadcast")
    prediction, target = output, torch.randn(output.shape[0])
    table = F.mse_loss(*torch.broadcast_tensors(prediction, target))
    matched = F.mse_loss(prediction.squeeze(1), target)
    size = output.shape[0]
    return confirmed(
        f"({size}, 1) against ({size},) is a {size}×{size} table: the loss is {float(table):.3f} "
        f"instead of {float(matched):.3f}, and its best answer is the mean of all targets",
    )
