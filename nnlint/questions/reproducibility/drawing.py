"""What a training run draws from torch's random state besides its weights and its data's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from nnlint.questions.data.randomness import random_events
from nnlint.questions.model.dropout import OF_ANY_KIND, drops, is_active
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import behind, tensor_of
from nnlint.semantics.holding import covers
from nnlint.semantics.timeline import way_of_sample
from nnlint.semantics.values import Built, Operation, Site

AUGMENTATION, DROPOUT, NUMBERS = "the augmentation", "the dropout", "random numbers"
_OF_TORCH = ("torchvision.", "kornia.")
"""Libraries whose transforms draw from torch's random state."""
_OF_PYTHON = ("RandomChoice", "RandomOrder")
"""Those of their transforms that draw from Python's."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One thing that is drawn in training."""

    site: Site
    what: str
    """As a noun."""
    way: tuple[Site, ...] = ()
    """The calls that lead there, outermost first, where it is followed; with the place itself."""


def drawn_in_training(program: Program) -> Drawn | None:
    """The first thing that is known to be drawn from torch's global state while it trains."""
    return next(chain(_in_loss(program), _in_model(program), _augmentation(program)), None)


def _in_loss(program: Program) -> Iterator[Drawn]:
    for event in program.events("backward"):
        loss = tensor_of(event.subject)
        for operation in behind(loss, _draws, lambda _: False).values() if loss else ():
            is_dropout = operation.entry.family in OF_ANY_KIND
            what = DROPOUT if is_dropout else NUMBERS
            yield Drawn(operation.site, what, (*operation.callers, operation.site))


def _draws(operation: Operation) -> bool:
    if operation.entry.family in OF_ANY_KIND:
        return is_active(operation, OF_ANY_KIND)
    drawing = operation.drawing
    own = drawing is not None and isinstance(drawing.source, Built)
    return bool(operation.entry.random) and not own


def _in_model(program: Program) -> Iterator[Drawn]:
    """The dropout of what a trainer is given: its steps are in no program."""
    for event in program.events("fit"):
        given = (event.subject, *event.operands)
        for built in program.events("build"):
            layer = built.subject
            if isinstance(layer, Built) and drops(layer) and any(covers(g, layer) for g in given):
                yield Drawn(built.site, DROPOUT)


def _augmentation(program: Program) -> Iterator[Drawn]:
    for event in program.events("build"):
        block = way_of_sample(event.subject)
        for found, _ in random_events([*block.walk()]) if block is not None else ():
            entry = found.subject.entry if isinstance(found.subject, Built) else None
            name = entry.name if entry else ""
            if name.startswith(_OF_TORCH) and not name.endswith(_OF_PYTHON):
                yield Drawn(found.site, AUGMENTATION)
