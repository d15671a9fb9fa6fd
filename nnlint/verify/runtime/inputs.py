"""The inputs of a model, and what can be done to one example of them."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .trees import Path, leaves, replace

DRAWS = ("randn", "×10", "sign flip", "100·|randn|")
"""How one example is changed. One draw misses 1 of 20 leaks, the four together none
(35 modules, torch 2.13)."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """One tensor among the inputs, and what may be done to it."""

    axis: int | None
    """The axis along which examples lie; None for a tensor that all examples share."""
    high: int | None = None
    """Exclusive bound of the values of an integer tensor; None: do not change it."""
    unit: int = 1
    """Rows per example along `axis`, for inputs that fold another axis into the batch."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Arguments of a call with the axis that tells examples apart."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    slots: dict[Path, Slot]
    count: int
    """Number of examples along the axis."""

    @classmethod
    def of(
        cls,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
        axis: int = 0,
        highs: dict[Path, int] | None = None,
        count: int | None = None,
    ) -> Inputs:
        """Inputs whose first tensor tells the number of examples along `axis`.

        A tensor takes part if it has that size along `axis`, or along exactly one other
        axis (a recurrent state `(layers, batch, hidden)`); others are shared.

        Raises:
            ValueError: no input has the axis.
        """
        tree = (args, kwargs or {})
        tensors = leaves(tree)
        if count is None:
            sizes = [t.shape[axis] for _, t in tensors if -t.dim() <= axis < t.dim()]
            if not sizes:
                raise ValueError(f"no input is a tensor with an axis {axis}")
            count = sizes[0]
        slots = {}
        for path, tensor in tensors:
            place = _axis(tensor, axis, count)
            slots[path] = Slot(place, _bound(tensor, (highs or {}).get(path)))
        return cls(args, kwargs or {}, slots, count)

    def folded(self, count: int) -> Inputs:
        """The same inputs read as `count` examples, several rows each where sizes say so.

        Raises:
            ValueError: the number of rows of the first tensor is no multiple.
        """
        if self.count == count:
            return self
        slots = {}
        for path, tensor in self.tensors:
            rows = tensor.shape[0] if tensor.dim() else 0
            unit, rest = divmod(rows, count)
            slots[path] = Slot(0, _bound(tensor, None), unit) if unit and not rest else Slot(None)
        first = next(iter(slots.values()))
        if first.axis is None:
            raise ValueError(f"{self.count} rows are no multiple of {count} examples")
        return dataclasses.replace(self, slots=slots, count=count)

    def along(self, axis: int) -> Inputs:
        """The same inputs with another axis to tell apart."""
        highs = {path: slot.high for path, slot in self.slots.items() if slot.high is not None}
        return Inputs.of(self.args, self.kwargs, axis, highs)

    def resized(self, count: int, seed: int = 0) -> Inputs:
        """As many examples as asked for: the given ones, repeated with noise."""
        generator = torch.Generator().manual_seed(seed)

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = self.slots.get(path)
            if slot is None or slot.axis is None:
                return tensor
            index = torch.arange(count * slot.unit, device=tensor.device) % tensor.shape[slot.axis]
            taken = tensor.index_select(slot.axis, index)
            repeated = torch.arange(count * slot.unit) >= tensor.shape[slot.axis]
            if repeated.any() and tensor.is_floating_point():
                noise = torch.randn(taken.shape, generator=generator).to(taken)
                shape = [1] * taken.dim()
                shape[slot.axis] = -1
                scale = 0.1 * (tensor.float().std(unbiased=False) + 1e-3).to(taken)
                taken = taken + noise * scale * repeated.to(taken).view(shape)
            return taken

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs, count=count)

    def perturbed(self, example: int, draw: int, seed: int = 0) -> Inputs:
        """The same inputs with one example changed."""
        generator = torch.Generator().manual_seed(1009 * seed + 31 * example + draw)

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = self.slots.get(path)
            if slot is None or slot.axis is None:
                return tensor
            axis = slot.axis
            part = tensor.narrow(axis, example * slot.unit, slot.unit)
            new = _drawn(part, draw, slot.high, generator)
            changed = tensor.clone()
            changed.narrow(axis, example * slot.unit, slot.unit).copy_(new)
            return changed

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def to(self, device: torch.device) -> Inputs:
        """The same inputs on another device."""
        args, kwargs = replace((self.args, self.kwargs), lambda _, t: t.to(device))
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def doubled(self) -> Inputs:
        """The same inputs in double precision."""
        args, kwargs = replace(
            (self.args, self.kwargs), lambda _, t: t.double() if t.is_floating_point() else t
        )
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def copied(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments for one call: in-place changes by the model stay its own."""
        copied: tuple[tuple[Any, ...], dict[str, Any]] = replace(
            (self.args, self.kwargs), lambda _, t: t.detach().clone()
        )
        return copied

    @property
    def tensors(self) -> list[tuple[Path, Tensor]]:
        """Every tensor among the inputs."""
        return leaves((self.args, self.kwargs))

    def describe(self) -> list[str]:
        """Shapes and types of the inputs, for the record."""
        texts = []
        for path, tensor in self.tensors:
            name = str(path[1]) if path[0] == 1 else f"argument {path[1]}"
            name += "".join(f"[{key!r}]" for key in path[2:])
            kind = str(tensor.dtype).replace("torch.", "")
            slot = self.slots.get(path)
            high = f" below {slot.high}" if slot is not None and slot.high is not None else ""
            texts.append(f"{name}: {tuple(tensor.shape)} {kind}{high}")
        return texts


def _axis(tensor: Tensor, axis: int, count: int) -> int | None:
    if -tensor.dim() <= axis < tensor.dim() and tensor.shape[axis] == count:
        return axis % tensor.dim()
    places = [a for a, size in enumerate(tensor.shape) if size == count]
    return places[0] if len(places) == 1 and count > 1 else None


def _bound(tensor: Tensor, known: int | None) -> int | None:
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        return None
    return known if known is not None else int(tensor.max()) + 1 if tensor.numel() else 1


def _drawn(part: Tensor, draw: int, high: int | None, generator: torch.Generator) -> Tensor:
    if part.dtype == torch.bool:
        return _drawn_bool(part, draw, generator)
    if not part.is_floating_point():
        return _drawn_integer(part, draw, high or 1, generator)
    noise = torch.randn(part.shape, generator=generator).to(part)
    return (noise, part * 10 + 0.01 * noise, -part, 100 * noise.abs())[draw % 4]


def _drawn_integer(part: Tensor, draw: int, high: int, generator: torch.Generator) -> Tensor:
    low = 1 if int(part.min()) > 0 and high > 1 else 0
    random = torch.randint(low, max(high, low + 1), part.shape, generator=generator).to(part)
    shifted = (part - low + 1) % max(high - low, 1) + low
    highest = torch.full_like(part, max(high - 1, low))
    return (random, shifted, highest, torch.full_like(part, low))[draw % 4]


def _drawn_bool(part: Tensor, draw: int, generator: torch.Generator) -> Tensor:
    # a mask with no True, or nothing but True, blanks an example: only flip some of it
    flips = torch.rand(part.shape, generator=generator) < 0.3
    changed = part ^ flips.to(part.device)
    flat = changed.reshape(-1)
    original = part.reshape(-1)
    if draw % 2 or bool(flat.all()) or not bool(flat.any()):
        flat = original.clone()
    return flat.view(part.shape)


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Every generator goes on afterwards as if nothing had been drawn or seeded inside."""
    numpy = sys.modules.get("numpy")
    numpy_random = getattr(numpy, "random", None)
    before = random.getstate(), numpy_random.get_state() if numpy_random else None
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(before[0])
            if numpy_random:
                numpy_random.set_state(before[1])


def seed_all(seed: int) -> None:
    """Seed every generator that a model may draw from."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed(seed)
