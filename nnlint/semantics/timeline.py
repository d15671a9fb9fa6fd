"""The ordered events of a training program, with the loops and branches they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nnlint.semantics.values import Condition, Site, Value


@dataclass(slots=True, eq=False)
class Event:
    """Something that happens to the training run.

    `kind` is one of: build, seed, forward, loss, backward, step, zero_grad, train, eval,
    clip, scheduler_step, set_lr, fit, load, draw, opaque.
    """

    kind: str
    site: Site
    subject: Value | None = None
    """What it happens to: the model of a forward, the optimizer of a step."""
    operands: tuple[Value, ...] = ()
    grad: bool = True
    """Whether gradients are recorded at this point."""
    conditions: tuple[Condition, ...] = ()
    callers: tuple[Site, ...] = ()
    name: str = ""
    """Qualified or source name of what is called, where it says more than the kind."""


@dataclass(slots=True, eq=False)
class Block:
    """A part of the program: `root`, `loop`, `branch`, `arm` or `call`."""

    kind: str
    site: Site | None = None
    children: list[Event | Block] = field(default_factory=list)
    name: str = ""

    def walk(self, above: tuple[Block, ...] = ()) -> Iterator[tuple[Event, tuple[Block, ...]]]:
        """Every event in source order, with the blocks it stands in, outermost first."""
        here = (*above, self)
        for child in self.children:
            if isinstance(child, Event):
                yield child, here
            else:
                yield from child.walk(here)

    def events(self, *kinds: str) -> list[Event]:
        """The events of the given kinds, in source order."""
        return [event for event, _ in self.walk() if event.kind in kinds]
