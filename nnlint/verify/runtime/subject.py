"""What a probe works on, and what it answers."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, Optional

from torch import nn

from .inputs import Inputs
from .running import Runner
from .steps import Batch, Step
from .trees import Path

CONFIRMED, REFUTED, INCONCLUSIVE = "CONFIRMED", "REFUTED", "INCONCLUSIVE"
MEASURED = "MEASURED"
"""A number without a verdict: large or small, it is no fault by itself."""


NOTHING = Inputs((), {}, {}, 0)


@dataclasses.dataclass
class Options:
    """What the user, or the static finding, says about the model."""

    axis: int | None = None
    """The batch axis, when it is known."""
    causal: bool = False
    """The model is meant to be causal."""
    time_axis: int | None = None
    """The axis of time steps, when it is known."""
    seed: int = 0
    loss: str = ""
    """cross_entropy, bce_with_logits, mse, l1 or huber; empty when unknown."""
    steps: int = 500
    """Optimizer steps for probes that train."""
    finding: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The static finding: `filename`, `row`, `end_row`, `name`."""
    schedule: dict[str, Any] = dataclasses.field(default_factory=dict)
    """A learning-rate schedule to step: see the lr_schedule probe."""


@dataclasses.dataclass
class Subject:
    """A built model with inputs that it runs on."""

    runner: Runner
    inputs: Inputs
    """None of them, `NOTHING`, where only the whole training step is known to run."""
    options: Options
    batch_hint: int | None = None
    """The batch axis that the source of `forward` speaks of, when it says so."""
    again: Callable[[], nn.Module] | None = None
    """Constructs the model once more, as it was, under the random state of the moment."""
    step: Optional[Step] = None
    """Its training step on a real batch, where there is one."""
    batch: Optional[Batch] = None

    @property
    def model(self) -> nn.Module:
        """The model."""
        return self.runner.model


@dataclasses.dataclass
class Answer:
    """What a probe found out about a fault: it is there, it is not, or it can't tell."""

    status: str
    summary: str
    """One sentence with the numbers that matter."""
    evidence: dict[str, Any] = dataclasses.field(default_factory=dict)


def parameter_of(model: nn.Module, path: Path) -> str:
    """The parameter of `forward` that an input is given to; `*args` for one of the rest."""
    if path[0] == 1:
        known = inspect.signature(type(model).forward).parameters
        return str(path[1]) if path[1] in known else "**kwargs"
    parameters = list(inspect.signature(type(model).forward).parameters.values())[1:]
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[path[1]] if path[1] < len(plain) else "*args"


def confirmed(summary: str, **evidence: Any) -> Answer:
    """The fault is there."""
    return Answer(CONFIRMED, summary, evidence)


def refuted(summary: str, **evidence: Any) -> Answer:
    """The fault did not show with these inputs."""
    return Answer(REFUTED, summary, evidence)


def inconclusive(summary: str, **evidence: Any) -> Answer:
    """Nothing can be said, for the reason given."""
    return Answer(INCONCLUSIVE, summary, evidence)


def measured(summary: str, **evidence: Any) -> Answer:
    """A number that is no fault by itself."""
    return Answer(MEASURED, summary, evidence)
