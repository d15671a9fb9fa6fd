"""Losses with made-up targets, and short training runs on one batch."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .inputs import Inputs, seed_all
from .progress import late
from .running import Runner
from .subject import Subject
from .trees import Path, leaves
from .watching import Watch, telling

OF_NUMBERS = 0.05
"""Of what a constant leaves of real numbers: from there on they count as learned by heart."""
ALIKE = 0.1
"""Of what is to be learned: where a constant leaves less, targets hardly differ."""
LOSSES = ("cross_entropy", "nll", "bce_with_logits", "bce", "mse", "l1", "huber")


class NoTask(Exception):
    """Loss and output do not go together; the message says why."""


@dataclasses.dataclass
class Task:
    """A loss on a model's output with targets drawn once."""

    loss: str
    classes: int
    pick: Callable[[Any], Tensor]
    """The prediction among what the model returns, with classes on the last axis."""
    target: Tensor
    expected: float
    """The loss of a model that knows the targets' distribution and nothing else."""
    path: Path = ()
    """Where the prediction is among what the model returns."""
    channel: Optional[int] = None
    """The axis of classes that is moved to the end."""
    lowest: Optional[float] = 0.0
    """What the loss falls to at best; None where that is not known."""
    constant: Optional[float] = None
    """What it falls to at best without looking at inputs, on real data, where that is known."""

    @property
    def hardly_differs(self) -> bool:
        """Whether the targets are so alike that a constant is nearly as good as any model."""
        if self.constant is None or self.lowest is None:
            return False
        return self.constant - self.lowest < ALIKE * (self.expected - self.lowest)

    def goal(self, start: float, absolute: float, share: float) -> float:
        """The loss from which a batch counts as learned by heart.

        Numbers of real data have a scale of their own, and are often far from zero: what counts is
        how they differ. A loss that may be anything is only known to be low beside where it began.
        """
        if self.lowest is None:
            return share * start
        if self.constant is not None and self.loss in ("mse", "l1", "huber"):
            return OF_NUMBERS * min(start, self.constant)
        return self.lowest + max(absolute, share * start)

    def alike(self, output: Any) -> list[tuple[Path, Tensor]]:
        """The prediction and outputs of its shape, with classes on the last axis."""
        found = dict(leaves(output))
        same = [p for p, t in found.items() if t.shape == found[self.path].shape]
        picked = [(p, found[p]) for p in same if found[p].is_floating_point()]
        if self.channel is None:
            return picked
        return [(p, t.movedim(self.channel, -1)) for p, t in picked]

    def __call__(self, output: Any) -> Tensor:
        """The loss of an output."""
        prediction = self.pick(output)
        if self.loss in ("cross_entropy", "nll"):
            flat, target = prediction.reshape(-1, self.classes), self.target.reshape(-1)
            named = F.cross_entropy if self.loss == "cross_entropy" else F.nll_loss
            return named(flat, target)
        functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "bce_with_logits": F.binary_cross_entropy_with_logits,
            "bce": F.binary_cross_entropy,
            "mse": F.mse_loss,
            "l1": F.l1_loss,
            "huber": F.smooth_l1_loss,
        }
        return functions[self.loss](prediction, self.target)


def make_task(runner: Runner, inputs: Inputs, loss: str, seed: int = 0) -> Task:
    """Targets for the first floating-point output of the model.

    Classes are taken to lie on the last axis of a (batch, time, classes) output and on
    axis 1 of images, as torch's losses have it.

    Raises:
        NoTask: the loss is unknown, or there is no output that it fits.
    """
    if loss not in LOSSES:
        raise NoTask("the loss is not known: `--loss cross_entropy` (or bce_with_logits, mse, …)")
    results = leaves(runner.call(inputs, False, seed))
    floats = [(p, t.shape) for p, t in results if t.is_floating_point() and t.dim() > 0]
    if not floats:
        raise NoTask("the model returns no floating-point tensor")
    tokens = any(not t.is_floating_point() for _, t in inputs.tensors)

    def channel_of(shape: torch.Size) -> int:
        return 1 if len(shape) > 3 or (len(shape) == 3 and not tokens) else len(shape) - 1

    categorical = loss in ("cross_entropy", "nll")
    # a discriminator returns a score and classes; the loss over classes is for the latter
    fitting = [f for f in floats if len(f[1]) > 1 and f[1][channel_of(f[1])] > 1]
    path, shape = (fitting if categorical and fitting else floats)[0]
    channel = channel_of(shape)

    def pick(output: Any) -> Tensor:
        found = dict(leaves(output))[path]
        return found.movedim(channel, -1) if categorical else found

    generator = torch.Generator().manual_seed(seed)
    if categorical:
        if len(shape) < 2 or shape[channel] < 2:
            raise NoTask(f"an output of shape {tuple(shape)} has no axis of two or more classes")
        classes = shape[channel]
        rows = [s for a, s in enumerate(shape) if a != channel]
        target = torch.randint(classes, rows, generator=generator)
        return Task(
            loss,
            classes,
            pick,
            target.to(runner.device.torch_device),
            math.log(classes),
            path,
            channel,
        )
    if loss.startswith("bce"):
        target = torch.randint(2, tuple(shape), generator=generator).float()
        return Task(loss, 2, pick, target.to(runner.device.torch_device), math.log(2), path)
    target = torch.randn(tuple(shape), generator=generator)
    mean = target.mean()
    functions = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss}
    expected = float(functions[loss](mean.expand_as(target), target))
    return Task(loss, 1, pick, target.to(runner.device.torch_device), expected, path)


@dataclasses.dataclass
class OwnTask(Task):
    """The program's own loss, on what its own data is: the model with it gives the loss."""

    def __call__(self, output: Any) -> Tensor:
        """The loss that the step computes."""
        return output  # type: ignore[no-any-return]


def trial_of(subject: Subject, size: int) -> tuple[Runner, Inputs, Task]:
    """What is to be trained on how many examples, and with which loss.

    The program's own step on its own data where there is one, else the model on made-up inputs.

    Raises:
        NoTask: the loss is unknown, or does not go with the output.
    """
    options, step = subject.options, subject.step
    if step is None:
        inputs = subject.inputs.resized(size, options.seed)
        return subject.runner, inputs, make_task(subject.runner, inputs, options.loss, options.seed)
    runner = Runner(step.stepped, subject.runner.device)
    for count in (min(size, step.inputs.count), step.inputs.count):
        inputs = step.inputs.resized(count, options.seed)
        try:
            with Watch() as watch:
                value = float(runner.call(inputs, False, options.seed))
        except Exception:
            if count == step.inputs.count:
                raise
            continue
        seen = telling(watch.calls, value)
        names = {s.loss for s in seen}
        return (
            runner,
            inputs,
            OwnTask(
                names.pop() if len(names) == 1 else "",
                seen[0].classes if len(seen) == 1 else 1,
                lambda output: output,
                torch.zeros(()),
                sum(s.expected for s in seen) if seen else math.nan,
                lowest=sum(s.lowest for s in seen) if seen else None,
                constant=seen[0].constant if len(seen) == 1 else None,
            ),
        )
    raise NoTask("the batch holds no examples")


def quiet_dropout(model: nn.Module) -> None:
    """Switch dropout off, whatever the mode of the rest."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()


def fit(
    runner: Runner,
    inputs: Inputs,
    task: Task,
    steps: int,
    rate: float,
    goal: float = 0.0,
    seed: int = 0,
) -> list[float]:
    """Losses of a copy of the model trained on one batch by Adam, up to `goal`.

    It ends early when the time is up. Train mode without dropout: regularisation is off while one batch is overfitted.
    """
    model = copy.deepcopy(runner.model)
    model.train()
    quiet_dropout(model)
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise NoTask("the model has no parameter to train")
    optimizer = torch.optim.Adam(trained, lr=rate)
    losses: list[float] = []
    seed_all(seed)
    with torch.enable_grad():
        for _ in range(steps):
            args, kwargs = inputs.copied()
            optimizer.zero_grad(set_to_none=True)
            loss = task(model(*args, **kwargs))
            losses.append(float(loss.detach()))
            if losses[-1] <= goal or not math.isfinite(losses[-1]) or late():
                break
            loss.backward()
            optimizer.step()
    return losses


def curve(losses: list[float], points: int = 60) -> list[list[float]]:
    """(step, loss) pairs, thinned out."""
    every = max(1, len(losses) // points)
    kept = [[float(i), value] for i, value in enumerate(losses) if i % every == 0]
    if losses and kept[-1][0] != len(losses) - 1:
        kept.append([float(len(losses) - 1), losses[-1]])
    return kept


def zeroed(inputs: Inputs) -> Inputs:
    """The inputs with every value that may change set to zero."""
    from .trees import replace

    def change(path: Any, tensor: Tensor) -> Tensor:
        slot = inputs.slots.get(path)
        free = slot is not None and slot.axis is not None and tensor.dtype != torch.bool
        return torch.zeros_like(tensor) if free else tensor

    args, kwargs = replace((inputs.args, inputs.kwargs), change)
    return dataclasses.replace(inputs, args=args, kwargs=kwargs)


def first_float(results: list[tuple[Any, Tensor]]) -> Optional[Tensor]:
    """The first floating-point tensor of a result."""
    return next((t for _, t in results if t.is_floating_point() and t.dim() > 0), None)
