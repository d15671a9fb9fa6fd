"""Which of torch's losses a training step computes, of what, and what they must begin at.

Whatever a program wraps around them (a trainer, a criterion of its own, a model that returns its
loss), in the end it calls one of these functions, and that is seen.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

CATEGORICAL = ("cross_entropy", "nll")
_FAMILIES: dict[Callable[..., Any], str] = {
    F.cross_entropy: "cross_entropy",
    F.nll_loss: "nll",
    F.binary_cross_entropy_with_logits: "bce_with_logits",
    F.binary_cross_entropy: "bce",
    F.mse_loss: "mse",
    F.l1_loss: "l1",
    F.smooth_l1_loss: "huber",
    F.huber_loss: "huber",
}
_NAMED = ("input", "target")


@dataclasses.dataclass
class Seen:
    """One call of a loss of torch."""

    loss: str
    """The family: cross_entropy, mse …"""
    function: Callable[..., Any]
    prediction: Tensor
    target: Tensor
    rest: tuple[Any, ...]
    options: dict[str, Any]
    value: Tensor

    @property
    def classes(self) -> int:
        """How many classes it tells apart; 2 for binary losses, 1 for numbers."""
        if self.loss in CATEGORICAL:
            shape = self.prediction.shape
            return int(shape[1] if len(shape) > 1 else shape[0])
        return 2 if self.loss.startswith("bce") else 1

    def of(self, prediction: Tensor) -> float:
        """The same loss of another prediction, reduced to its mean."""
        with torch.no_grad():
            value = self.function(prediction, self.target, *self.rest, **self.options)
        return float(value.mean())

    @property
    def expected(self) -> float:
        """The loss of a model that knows nothing: no class is likelier, each number is the mean."""
        prediction = self.prediction.detach()
        if self.loss == "nll":
            return self.of(torch.full_like(prediction, -math.log(max(self.classes, 2))))
        if self.loss == "bce":
            return self.of(torch.full_like(prediction, 0.5))
        if self.loss in ("mse", "l1", "huber"):
            target = self.target.to(prediction)
            return self.of(torch.full_like(prediction, float(target.mean())))
        return self.of(torch.zeros_like(prediction))

    @property
    def constant(self) -> float:
        """The loss of the best constant: it knows how often each class occurs, and no input."""
        if self.loss in ("mse", "l1", "huber"):
            return self.expected
        target = self.target.detach().double()
        if self.loss.startswith("bce"):
            share = float(target.mean())
            return _entropy([share, 1 - share])
        if self.target.is_floating_point():
            shares = target.reshape(target.shape[0], target.shape[1], -1).mean((0, 2))
            return _entropy(shares.tolist())
        kept = self.target[self.target != self.options.get("ignore_index", -100)]
        counts = torch.unique(kept, return_counts=True)[1].double()
        return _entropy((counts / counts.sum()).tolist())

    @property
    def lowest(self) -> float:
        """What it can fall to at best: soft targets leave their own entropy."""
        smoothing = float(self.options.get("label_smoothing") or 0)
        target, n = self.target.detach().double(), max(self.classes, 2)
        if self.loss == "cross_entropy":
            if not self.target.is_floating_point():
                off = smoothing / n
                return _entropy([1 - smoothing + off, *[off] * (n - 1)]) if smoothing else 0.0
            soft = target * (1 - smoothing) + smoothing / n
            return float(torch.special.entr(soft.clamp(0, 1)).sum(1).mean())
        if self.loss.startswith("bce"):
            both = torch.special.entr(target) + torch.special.entr(1 - target)
            return max(0.0, float(both.mean())) if bool(both.isfinite().all()) else 0.0
        return 0.0


def _entropy(probabilities: list[float]) -> float:
    return -sum(p * math.log(p) for p in probabilities if p > 0)


class Watch(TorchFunctionMode):
    """Keeps every call of a loss that is made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Seen] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Optional[dict[str, Any]] = None
    ) -> Any:
        """Let the call through, and note it where it is a loss."""
        given = dict(kwargs or {})
        value = func(*args, **given)
        family = _FAMILIES.get(func) if callable(func) else None
        if family is not None and isinstance(value, Tensor):
            both = [*args[:2], *(given.pop(n) for n in _NAMED[len(args[:2]) :] if n in given)]
            if len(both) == 2 and all(isinstance(t, Tensor) for t in both):
                prediction, target = both
                self.calls.append(
                    Seen(family, func, prediction, target, tuple(args[2:]), given, value)
                )
        return value


def telling(calls: list[Seen], total: float) -> list[Seen]:
    """The calls whose values make up the loss of a step; none where that is not so."""
    for call in calls:
        if _close(float(call.value.detach().double().mean()), total):
            return [call]
    whole = sum(float(c.value.detach().double().mean()) for c in calls)
    return calls if calls and _close(whole, total) else []


def _close(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=1e-3, abs_tol=1e-6)
