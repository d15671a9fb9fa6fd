"""The ordered events of a training program, with the loops and branches they stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from nnlint.semantics.values import SAMPLE, Built, Condition, Instance, Site, Unknown, Value


@dataclass(slots=True, eq=False)
class Event:
    """Something that happens to the training run.

    `kind` is one of these; what stands in brackets is said where the kind does not say it:

    - of a run: build, launch (of a function in other processes), join_processes (in a group),
      fit, load, save,
      setting (of a library, to the operand), search (is given values of hyper-parameters, the
      operands), configured (a trainer is handed optimizers and schedulers, the operand),
      returned_loss (to a trainer that goes on from it);
    - of draws: seed, seed_off (seeding is passed over, by a value that is the subject and has the
      name), draw;
    - of data: next (a batch is taken from a loader), set_epoch, set_padding (of a tokenizer, to
      the operand), fit_statistics (an estimator, on the operands), split, cross_validate,
      part (rows of the subject are left in the operands, as the name says: by a split, a slice, a
      choice, or `transform`), overwrite (on the way of a sample something is written into, by
      what the name says; the operands are what is written, and the ends of the slices it is
      written to);
    - of a step: forward, loss, backward, step, zero_grad, clear_off (it is passed over, by a value
      that is known), set_grad, clip, unscale, update, read_grad (a gradient is looked at),
      scheduler_step, set_lr;
    - of a model: train, eval, mode (training mode set to a value that is not known),
      requires_grad (a flag is set, or what was meant to be one), freeze (by a method), replace (a
      part of a model, by the first operand; the second is what was there, if known), wrap (for
      several devices), keep (a state is put aside), copy, returned (a state is),
      uncalled (a method that is only named), moved (something of an unknown class, by a statement
      that keeps no result);
    - of scores: gather (something is added to a running sum or a list, the operand), average
      (something is divided by a length or what counts rounds, the operand; of the sum of a list,
      the list is the second);
    - of what is not known: given_up (what follows in the block, or happens in the call, was not
      interpreted), opaque.
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
    keywords: frozenset[str] = frozenset()
    """Names of the arguments that the call passes by name."""
    autocast: bool = False
    """Whether it happens under autocast."""


@dataclass(slots=True, eq=False)
class Block:
    """A part of the program.

    `kind` is one of: root; entry (a method or function entered on its own, from a state that
    is not known); loop; iteration (one round of an unrolled loop); branch, whose children
    are its arms; arm; call.
    """

    kind: str
    site: Site | None = None
    children: list[Event | Block] = field(default_factory=list)
    name: str = ""
    end: str = "next"
    """How control leaves it when its last child has run: next, return, break, continue or
    raise."""
    unrolled: bool = False
    """A loop whose rounds are known: its children are its iterations, in order."""
    subject: Value | None = None
    """What a loop goes over; of an arm, what the call is made on, where nothing else that it
    could be made on exists beside it."""
    _known: dict[tuple[str, ...], Sequence[Event]] | None = field(default=None, repr=False)

    def walk(self, above: tuple[Block, ...] = ()) -> Iterator[tuple[Event, tuple[Block, ...]]]:
        """Every event in source order, with the blocks it stands in, outermost first."""
        here = (*above, self)
        for child in self.children:
            if isinstance(child, Event):
                yield child, here
            else:
                yield from child.walk(here)

    def finish(self) -> None:
        """Let answers be remembered, here and below: nothing is added any more."""
        self._known = {}
        for child in self.children:
            if isinstance(child, Block):
                child.finish()

    def events(self, *kinds: str) -> Sequence[Event]:
        """The events of the given kinds, in source order."""
        known = None if self._known is None else self._known.get(kinds)
        if known is not None:
            return known
        found: list[Event] = []
        for child in self.children:
            if isinstance(child, Block):
                found += child.events(*kinds)
            elif child.kind in kinds:
                found.append(child)
        if self._known is not None:
            self._known[kinds] = found
        return found

    @property
    def known(self) -> bool:
        """Whether all in it that may train was interpreted; absence proves nothing otherwise."""
        return not self.events("given_up")

    def forget(self, kind: str) -> None:
        """Leave out the events of a kind, here and in inner blocks."""
        self.children[:] = [
            c for c in self.children if not (isinstance(c, Event) and c.kind == kind)
        ]
        for child in self.children:
            if isinstance(child, Block):
                child.forget(kind)

    @property
    def matters(self) -> bool:
        """Whether anything happens in it, or control leaves it early."""
        if self.kind == "branch":
            return any(isinstance(arm, Block) and arm.matters for arm in self.children)
        return bool(self.children) or self.kind == "loop" or self.end != "next"

    def only(self, keep: Callable[[Event], bool]) -> Block:
        """A copy that has no events but those to keep, and no blocks without consequence."""
        children: list[Event | Block] = []
        for child in self.children:
            if isinstance(child, Event):
                if keep(child):
                    children.append(child)
                continue
            inner = child.only(keep)
            if child.kind in ("arm", "iteration") or inner.consequential:
                children.append(inner)
        return self.holding(children)

    def holding(self, children: list[Event | Block]) -> Block:
        """A copy that has other children, and remembers no answers."""
        return Block(
            self.kind, self.site, children, self.name, self.end, self.unrolled, self.subject
        )

    @property
    def consequential(self) -> bool:
        """Whether leaving it out would change what may happen around it."""
        return (self.end != "next" and self.kind in ("arm", "iteration")) or any(
            isinstance(child, Event) or child.consequential for child in self.children
        )


def way_of_sample(holder: Value | None) -> Block | None:
    """What happens to one sample on its way out of a data set or loader, where it is known."""
    block = holder.state.get(SAMPLE) if isinstance(holder, Built | Instance | Unknown) else None
    return block if isinstance(block, Block) else None


def loops_around(blocks: Sequence[Block]) -> list[Block]:
    """The loops of unknown rounds among the blocks that a place stands in, outermost first."""
    return [block for block in blocks if block.kind == "loop" and not block.unrolled]


def loops_in(block: Block) -> Iterator[Block]:
    """The loops inside of a block, each before those inside of it."""
    for child in block.children:
        if isinstance(child, Block):
            if child.kind == "loop":
                yield child
            yield from loops_in(child)


def own_events(block: Block) -> Iterator[Event]:
    """The events of a block that are in no loop inside of it."""
    for child in block.children:
        if isinstance(child, Event):
            yield child
        elif child.kind != "loop":
            yield from own_events(child)


def entered(blocks: Sequence[Block]) -> Block:
    """What is entered on its own around a place: a method or function, or else the program."""
    return next((block for block in blocks if block.kind == "entry"), blocks[0])


def innermost_loop(blocks: Sequence[Block], *kinds: str) -> Block | None:
    """The innermost loop around a place, rounds unknown, that has an event of each kind."""
    loops = reversed(loops_around(blocks))
    return next((loop for loop in loops if all(loop.events(kind) for kind in kinds)), None)


def exclusive(left: Sequence[Block], right: Sequence[Block]) -> bool:
    """Whether two places are in different arms of one branch."""
    for a, b in zip(left, right, strict=False):
        if a is not b:
            return a.kind == b.kind == "arm"
    return False
