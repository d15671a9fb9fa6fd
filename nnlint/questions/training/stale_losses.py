"""Questions about losses that an evaluation takes over from training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.training.backpropagation import Computation
from nnlint.questions.training.measuring import loss_behind, losses_trained_on
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import MADE, Operation, Site, Unknown


@dataclass(frozen=True, slots=True, eq=False)
class StaleLoss:
    """A loss of training that an evaluation adds up for each of its batches."""

    gather: Event
    loss: Site
    """Where it is computed."""
    forward: Event
    """A pass of the evaluation."""


def stale_losses(program: Program) -> Iterator[StaleLoss]:
    """Losses that were trained on, and that a loop which only evaluates adds up or collects."""
    evaluating = {
        id(block): (block, p.event)
        for p in passes(program)
        if p.role == "eval" or not (p.role or p.event.grad)
        for block in p.region
        if block.kind == "loop" and not block.unrolled
    }
    flow, trained = program.once(Computation), program.once(losses_trained_on)
    seen: set[object] = set()
    for loop, forward in evaluating.values():
        inside = {id(event) for event in loop.events("forward")}
        for gather in loop.events("gather"):
            loss = loss_behind(gather.subject)
            if loss is None or id(loss) not in trained or gather.site.key in seen:
                continue
            reached = flow.reaches_of(loss)
            if not any(id(one.forward) in inside for one in reached):
                place = _place(loss)
                if place is not None and not _is_computed_in(loop, place):
                    seen.add(gather.site.key)
                    yield StaleLoss(gather, place, forward)


def _place(loss: Operation | Unknown) -> Site | None:
    if isinstance(loss, Operation):
        return loss.site
    made = loss.state.get(MADE, ())
    return made[-1] if made else None


def _is_computed_in(loop: Block, place: Site) -> bool:
    """Whether a loss at that place is computed in the loop as well."""
    return any(event.site.key == place.key for event in loop.events("loss", "forward"))
