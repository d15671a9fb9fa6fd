"""The inputs of a model, and what can be done to one example of them."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .trees import Path, leaves, replace

DRAWS = ("randn", "×10", "sign flip", "100·|randn|", "a copy of another")
"""How one example is changed. One draw misses 1 of 20 leaks, the first four together none
(35 modules, torch 2.13); duplicates are told apart by a copy alone."""
LONGER, SHORTER, FAINT, SPARSE = (len(DRAWS) + n for n in range(4))
"""More for special batches: the example has no padding, or nothing but its first step; its
numbers are almost zero; half of them are zero."""


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
class Padding:
    """How a padded batch came to be."""

    full: Inputs
    """The batch without padding."""
    lengths: tuple[int, ...]
    value: int
    """The padding of integers; that of other types is zero."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Arguments of a call with the axis that tells examples apart."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    slots: dict[Path, Slot]
    count: int
    """Number of examples along the axis."""
    guessed: bool = False
    """Whether their sizes are made up, and may be others."""
    padding: Padding | None = None

    @classmethod
    def of(
        cls,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
        axis: int = 0,
        highs: dict[Path, int] | None = None,
        count: int | None = None,
        guessed: bool = False,
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
        return cls(args, kwargs or {}, slots, count, guessed)

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
        return Inputs.of(self.args, self.kwargs, axis, highs, guessed=self.guessed)

    def resized(self, count: int, seed: int = 0) -> Inputs:
        """As many examples as asked for: the given ones, then repeated with noise or drawn anew."""
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
            elif repeated.any() and tensor.dtype != torch.bool and (slot.high or 0) > 1:
                # a batch with an example twice is a special one
                extra = int(repeated.sum())
                part = taken.narrow(slot.axis, taken.shape[slot.axis] - extra, extra)
                part.copy_(_drawn_integer(part.clone(), 0, slot.high or 1, generator))
            return taken

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs, count=count)

    def reordered(self, order: Sequence[int]) -> Inputs:
        """The examples at some places, in that order."""

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = self.slots.get(path)
            if slot is None or slot.axis is None or slot.unit != 1:
                return tensor
            return tensor.index_select(slot.axis, torch.tensor(order, device=tensor.device))

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs, count=len(order))

    def rolled(self) -> Inputs:
        """The same examples in another order: each one place on, the last first."""

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = self.slots.get(path)
            if slot is None or slot.axis is None:
                return tensor
            return tensor.roll(slot.unit, slot.axis)

        args, kwargs = replace((self.args, self.kwargs), change)
        padding = self.padding
        if padding is not None:
            lengths = (*padding.lengths[-1:], *padding.lengths[:-1])
            padding = dataclasses.replace(padding, full=padding.full.rolled(), lengths=lengths)
        return dataclasses.replace(self, args=args, kwargs=kwargs, padding=padding)

    def perturbed(self, example: int, draw: int, seed: int = 0) -> Inputs:
        """The same inputs with one example changed."""
        if draw in (LONGER, SHORTER):
            return self._repadded(example, draw)
        generator = torch.Generator().manual_seed(1009 * seed + 31 * example + draw)

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = self.slots.get(path)
            if slot is None or slot.axis is None:
                return tensor
            axis = slot.axis
            part = tensor.narrow(axis, example * slot.unit, slot.unit)
            if draw == DRAWS.index("a copy of another"):
                other = (example + 1) % self.count
                new = tensor.narrow(axis, other * slot.unit, slot.unit)
            else:
                new = _drawn(part, draw, slot.high, generator)
            changed = tensor.clone()
            changed.narrow(axis, example * slot.unit, slot.unit).copy_(new)
            return changed

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def with_steps(self, steps: int = 11) -> Inputs | None:
        """Guessed inputs of (examples, features) with steps between.

        Returns:
            None where the inputs are others, or given.
        """
        if not self.guessed or [t.dim() for _, t in self.tensors] != [2]:
            return None
        generator = torch.Generator().manual_seed(0)

        def change(_: Path, tensor: Tensor) -> Tensor:
            shape = (tensor.shape[0], steps, tensor.shape[1])
            return torch.randn(shape, generator=generator).to(tensor)

        if not self.tensors[0][1].is_floating_point():
            return None
        args, kwargs = replace((self.args, self.kwargs), change)
        return Inputs.of(args, kwargs, 0, None, self.count, True)

    def scaled(self, factor: float) -> Inputs | None:
        """The same examples with small, positive numbers, or large ones: one that is not stands out.

        Returns:
            None where no input has numbers of its examples.
        """
        changed = False

        def change(path: Path, tensor: Tensor) -> Tensor:
            nonlocal changed
            slot = self.slots.get(path)
            if slot is None or slot.axis is None or not tensor.is_floating_point():
                return tensor
            changed = True
            return factor * (tensor.abs() if factor < 1 else tensor)

        args, kwargs = replace((self.args, self.kwargs), change)
        return dataclasses.replace(self, args=args, kwargs=kwargs) if changed else None

    def padded(self, value: int = 0) -> Inputs | None:
        """The same examples with tails of padding, each as long as no other.

        Integers and masks of (examples, steps) are padded, numbers of (examples, steps,
        features), and vectors that hold the lengths.

        Returns:
            None where no input has steps to pad.
        """
        steps = self._steps()
        if steps is None:
            return None
        lengths = tuple(max(2, steps - 1 - i % max(1, steps - 2)) for i in range(self.count))
        return self._with_lengths(Padding(self, lengths, value))

    def _steps(self) -> int | None:
        sizes = [_steps_of(self.slots.get(p), t) for p, t in self.tensors]
        found = [n for n in sizes if n is not None and n >= 3]
        return found[0] if found else None

    def _repadded(self, example: int, draw: int) -> Inputs:
        assert self.padding is not None
        steps = self.padding.full._steps() or 1
        lengths = list(self.padding.lengths)
        lengths[example] = steps if draw == LONGER else 1
        return self._with_lengths(dataclasses.replace(self.padding, lengths=tuple(lengths)))

    def _with_lengths(self, padding: Padding) -> Inputs:
        full = padding.full
        steps = full._steps()

        def change(path: Path, tensor: Tensor) -> Tensor:
            slot = full.slots.get(path)
            if slot is None or slot.axis != 0 or slot.unit != 1:
                return tensor
            if _steps_of(slot, tensor) == steps:
                changed = tensor.clone()
                for example, length in enumerate(padding.lengths):
                    blank = padding.value if is_integer(tensor) else 0
                    changed[example, length:] = blank
                return changed
            if _is_lengths(slot, tensor, steps or 0):
                return torch.tensor(padding.lengths).to(tensor)
            return tensor

        args, kwargs = replace((full.args, full.kwargs), change)
        return dataclasses.replace(full, args=args, kwargs=kwargs, padding=padding)

    def to(self, device: torch.device) -> Inputs:
        """The same inputs on another device."""
        args, kwargs = replace((self.args, self.kwargs), lambda _, t: t.to(device))
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def doubled(self) -> Inputs:
        """The same inputs in double precision."""
        args, kwargs = replace(
            (self.args, self.kwargs), lambda _, t: t.double() if t.is_floating_point() else t
        )
        padding = self.padding
        if padding is not None:
            padding = dataclasses.replace(padding, full=padding.full.doubled())
        return dataclasses.replace(self, args=args, kwargs=kwargs, padding=padding)

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


def is_integer(tensor: Tensor) -> bool:
    """Whether a tensor holds whole numbers, and no truth values."""
    plain = tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool
    return not plain


def _steps_of(slot: Slot | None, tensor: Tensor) -> int | None:
    """The number of steps of a tensor that may be padded."""
    if slot is None or slot.axis != 0 or slot.unit != 1 or tensor.is_complex():
        return None
    if is_integer(tensor) and (slot.high or 0) < 2:
        return None
    wanted = (3,) if tensor.is_floating_point() else (2,)
    return tensor.shape[1] if tensor.dim() in wanted else None


def _is_lengths(slot: Slot, tensor: Tensor, steps: int) -> bool:
    """Whether a tensor holds the lengths of examples: all steps, or one number for all of them."""
    if not is_integer(tensor) or tensor.dim() != 1 or not tensor.numel():
        return False
    first = int(tensor[0])
    alike = bool(tensor.eq(first).all())
    return alike and (first == steps or (slot.high == 1 and 1 < first < steps))


def _axis(tensor: Tensor, axis: int, count: int) -> int | None:
    if -tensor.dim() <= axis < tensor.dim() and tensor.shape[axis] == count:
        return axis % tensor.dim()
    places = [a for a, size in enumerate(tensor.shape) if size == count]
    return places[0] if len(places) == 1 and count > 1 else None


def _bound(tensor: Tensor, known: int | None) -> int | None:
    if not is_integer(tensor):
        return None
    return known if known is not None else int(tensor.max()) + 1 if tensor.numel() else 1


def _drawn(part: Tensor, draw: int, high: int | None, generator: torch.Generator) -> Tensor:
    if part.dtype == torch.bool:
        return _drawn_bool(part, draw, generator)
    if not part.is_floating_point():
        # a length or an index that stands for itself stays
        return part if high is None or high < 2 else _drawn_integer(part, draw, high, generator)
    noise = torch.randn(part.shape, generator=generator).to(part)
    if draw == FAINT:
        return 1e-3 * noise
    if draw == SPARSE:
        return part * (noise > 0)
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


_told_all = False
"""Whether each device has been told a seed, to begin with once it is used."""


def seed_all(seed: int) -> None:
    """Seed every generator that a model may draw from."""
    global _told_all
    random.seed(seed)
    if _told_all and _only_cpu_is_used():
        # telling devices that nobody uses takes longer than running a small model
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
        _told_all = True
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed(seed)


def _only_cpu_is_used() -> bool:
    """Whether no other device has begun; one that cannot tell counts as begun."""
    xpu = getattr(torch, "xpu", None)
    begun = torch.cuda.is_initialized() or (xpu is not None and xpu.is_initialized())
    return sys.platform == "linux" and not begun
