"""Modules that mix examples, and modules that only look as if they did.

Each class carries what the verifier should say of it. The line that mixes is marked with
the comment `# culprit`; where two lines share the blame, both are marked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

MIXES, CLEAN, FUTURE, CAUSAL = "mixes", "clean", "future", "causal"


@dataclass(frozen=True)
class Case:
    """A module class, its inputs, and the truth about it."""

    name: str
    cls: type[nn.Module]
    inputs: Callable[[], tuple[Any, ...]]
    truth: str
    kind: str
    axis: int
    """The batch axis; for sequence models the time axis."""
    by_design: bool

    def build(self) -> nn.Module:
        """The module, with the same weights each time."""
        torch.manual_seed(0)
        return self.cls()

    @property
    def culprits(self) -> set[int]:
        """Rows marked in the source of the class."""
        lines, first = inspect.getsourcelines(self.cls)
        return {first + i for i, line in enumerate(lines) if "# culprit" in line}


CASES: list[Case] = []


def case(
    truth: str,
    inputs: Callable[[], tuple[Any, ...]],
    kind: str = "",
    axis: int | None = None,
    by_design: bool = False,
) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Register a module class."""

    def register(cls: type[nn.Module]) -> type[nn.Module]:
        usual = 1 if truth in (FUTURE, CAUSAL) else 0
        place = usual if axis is None else axis
        CASES.append(Case(cls.__name__, cls, inputs, truth, kind, place, by_design))
        return cls

    return register


def floats(*shape: int) -> Callable[[], tuple[Any, ...]]:
    """One float input."""
    return lambda: (torch.randn(*shape, generator=torch.Generator().manual_seed(1)),)


def tokens(*shape: int, high: int = 11) -> Callable[[], tuple[Any, ...]]:
    """One integer input."""
    return lambda: (torch.randint(high, shape, generator=torch.Generator().manual_seed(1)),)


def load() -> list[Case]:
    """Every case."""
    from . import causal, clean, hidden, mixing  # noqa: F401

    return CASES
