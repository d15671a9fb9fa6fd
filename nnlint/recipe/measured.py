"""What running a project shows of the bullets of the recipe: plain data that every format renders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnlint.recipe.model import Evidence


@dataclass(frozen=True, slots=True)
class Curve:
    """Numbers over steps or epochs."""

    name: str
    points: tuple[tuple[float, float], ...]
    vertical: str = "loss"
    horizontal: str = "step"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one probe has shown of one model or schedule."""

    probe: str
    target: str
    """The model, or the place of the schedule."""
    verdict: str
    """CONFIRMED (the fault is there), REFUTED, INCONCLUSIVE or MEASURED."""
    text: str
    on: str = ""
    """What it was fed with."""
    curves: tuple[Curve, ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    command: str = ""
    """What runs it again."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ran:
    """One model that a project trains, and what came of running it."""

    name: str
    place: str
    """`file:row` of its class, or of where it is made."""
    trained: str = ""
    """Where its gradients are asked for."""
    loss: str = ""
    built: str = ""
    """How it was built and what it was fed with, in words."""
    problem: str = ""
    """Why it was not run, or not on the project's data."""
    batch: tuple[str, ...] = ()
    """The tensors of the first batch, in words."""
    loader: str = ""


@dataclass(slots=True)
class Measured:
    """What running a project has shown."""

    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    """By the names of bullets."""
    ran: list[Ran] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    """The files of pictures and reproducers, where they are wanted."""

    def add(self, bullet: str, evidence: Evidence) -> None:
        """Keep one more measurement."""
        self.evidence.setdefault(bullet, []).append(evidence)
