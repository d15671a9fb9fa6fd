"""Specifications of a forward pass's arguments, and tensors made from them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Optional

import torch

from ..inputs import Inputs
from ..trees import Path


class Examples(int):
    """The number of examples among other sizes: a known 5 is none."""


BATCH = Examples(5)
"""Examples in a trial; as all sizes of trials a prime, so that no two axes look alike. Another
number takes its place where the model knows a 5."""
TIME, HEIGHT, WIDTH = 11, 32, 32
PRIMES = (13, 17, 19, 23, 29, 37, 41, 43)
"""Sizes of axes that only have names."""
LARGEST = 2**23
"""Elements of all inputs of one trial; a guess that needs more is no good one."""
FLOAT, LONG, BOOL, LIST, DICT, NONE, CONSTANT = (
    "float",
    "long",
    "bool",
    "list",
    "dict",
    "none",
    "constant",
)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One argument: its kind, and what that kind needs."""

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    """The axis of examples is that which is BATCH itself."""
    high: int = 2
    items: tuple[Spec, ...] = ()
    value: Any = None
    keyword: bool = False
    positive: bool = False
    """Values in (0, 1]: lengths, masks, probabilities."""

    @property
    def key(self) -> Any:
        """What makes two specifications the same."""
        items = tuple(i.key for i in self.items)
        return (self.name, self.kind, self.shape, self.high, items, repr(self.value), self.positive)

    def resized(self, axis: int, size: int) -> Spec:
        """The same with another size along one axis."""
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        return dataclasses.replace(self, shape=shape)


def realise(specs: tuple[Spec, ...], batch: int = BATCH, seed: int = 0) -> Inputs:
    """Tensors of the given shapes, with `batch` examples."""
    generator = torch.Generator().manual_seed(seed)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    highs: dict[Path, int] = {}
    for spec in specs:
        place: Path = (1, spec.name) if spec.keyword else (0, len(args))
        value = _value(spec, batch, generator, place, highs)
        if spec.keyword:
            kwargs[spec.name] = value
        else:
            args.append(value)
    return Inputs.of(tuple(args), kwargs, 0, highs, batch, guessed=True)


def _value(
    spec: Spec, batch: int, generator: torch.Generator, place: Path, highs: dict[Path, int]
) -> Any:
    shape = tuple(batch if isinstance(s, Examples) else s for s in spec.shape)
    if spec.kind == FLOAT:
        drawn = torch.randn(shape, generator=generator)
        return drawn.abs().clamp(0.1, 1.0) if spec.positive else drawn
    if spec.kind == LONG:
        highs[place] = spec.high if not spec.positive else 1
        if spec.positive:
            return torch.full(shape, spec.high)
        return torch.randint(0, max(spec.high, 1), shape, generator=generator)
    if spec.kind == BOOL:
        return torch.ones(shape, dtype=torch.bool)
    if spec.kind == LIST:
        return [_value(s, batch, generator, (*place, i), highs) for i, s in enumerate(spec.items)]
    if spec.kind == DICT:
        return {s.name: _value(s, batch, generator, (*place, s.name), highs) for s in spec.items}
    return spec.value


def describe(specs: tuple[Spec, ...]) -> list[str]:
    """Specifications as people write them."""
    return [f"{s.name}: {s.kind} {s.shape or s.value}" for s in specs]


def elements(specs: tuple[Spec, ...]) -> int:
    """How many numbers the inputs hold together."""
    return sum(math.prod(s.shape) + elements(s.items) for s in specs)


def replaced(specs: tuple[Spec, ...], index: int, spec: Optional[Spec]) -> tuple[Spec, ...]:
    """The specifications with one of them exchanged, or left out."""
    middle = (spec,) if spec is not None else ()
    return (*specs[:index], *middle, *specs[index + 1 :])
