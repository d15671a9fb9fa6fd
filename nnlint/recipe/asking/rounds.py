"""Training loops: what each round of them does, and what stays the same from round to round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.participants import steps_optimizer
from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import MET
from nnlint.semantics.telling import MOVES
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    CALLED_ON,
    MADE_OF,
    STORED_IN,
    Items,
    Join,
    Operation,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
)

_DRAWS = frozenset({"rand", "randn", "randint", "randperm", "normal", "rand_like", "randn_like"})
_MOST = 400
"""Values that are looked at behind one."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingLoop:
    """A loop whose rounds train a model."""

    block: Block
    around: tuple[Block, ...]
    """The blocks that it stands in, outermost first."""
    forwards: Sequence[Event]
    """Forward passes in it, with those of functions that it calls."""
    backward: Event
    step: Event

    @property
    def is_innermost(self) -> bool:
        """Whether no loop inside of it trains."""
        return not any(
            block.kind == "loop" and block.events("backward")
            for block in _blocks(self.block)
            if block is not self.block
        )


def training_loops(run: Run) -> Iterator[TrainingLoop]:
    """The loops of a run whose rounds go back and step, outer ones before those inside of them."""
    seen: set[int] = set()
    for event, blocks in run.walk():
        if event.kind != "step" or not steps_optimizer(event):
            continue
        for index, block in enumerate(blocks):
            if block.kind != "loop" or id(block) in seen:
                continue
            backward = block.events("backward")
            if backward:
                seen.add(id(block))
                forwards = block.events("forward")
                yield TrainingLoop(block, blocks[:index], forwards, backward[0], event)


class Rounds:
    """Tells what each round of a loop makes anew.

    Parameters:
        run: what is looked at, of the file that the context is of.
    """

    def __init__(self, context: Context, run: Run) -> None:
        self._tracing = context.tracing
        self._made_of = context.made_of
        self._made: dict[int, list[tuple[Block, ...]]] = {}
        """The blocks in which a call gave a value, by its identity."""
        self._met: dict[int, tuple[Block, ...]] = {}
        """The blocks in which an element of what a loop goes over is first looked at."""
        for call in context.calls(run):
            self._made.setdefault(id(call.result), []).append(call.blocks)
        for event, blocks in run.program.walk():
            if event.kind == MET:
                self._met[id(event.subject)] = blocks

    def is_fixed(self, value: Value, loop: Block) -> bool:
        """Whether a value is seen to be the same in every round of a loop: nothing that it is
        computed from is taken, drawn or loaded in it."""
        waiting, seen = [value], set[int]()
        while waiting and len(seen) < _MOST:
            current = waiting.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            inner = self._computed_from(current, loop)
            if inner is None:
                return False
            waiting += inner
        return not waiting

    def _computed_from(self, value: Value, loop: Block) -> Sequence[Value] | None:
        """What a value is computed from, as far as that may change; None where it changes."""
        match value:
            case Tensor(producer=Operation() as made):
                drawn = made.entry.name.rpartition(".")[2] in _DRAWS
                return None if drawn and self._is_made_in(value, loop) else made.inputs
            case Tensor(producer=Join(inputs=inputs)):
                return inputs
            case Tensor(producer=Source(of=Value() as of)):
                return [of]
            case Unknown(origin="loop"):
                before = id(value) in self._met and loop not in self._met[id(value)]
                return [] if before or self._is_part_of_older(value, loop) else None
            case Unknown(origin="draw"):
                return None if self._is_made_in(value, loop) else []
            case Unknown(origin="call"):
                if not self._is_made_in(value, loop):
                    return []
                moved = value.name.rpartition(".")[2] in MOVES
                whole = value.state.get(CALLED_ON) or value.state.get(MADE_OF)
                return [whole] if moved and isinstance(whole, Value) else None
            case Unknown(origin="item"):
                return list(self._tracing.parts(value))
            case Items():
                return value.items
            case Table():
                return [part for part in value.state.values() if isinstance(part, Value)]
            case _:
                return []

    def _is_made_in(self, value: Value, loop: Block) -> bool:
        return any(loop in blocks for blocks in self._made.get(id(value), ()))

    def _is_part_of_older(self, value: Unknown, loop: Block) -> bool:
        """Whether something is an element of what was there before the loop."""
        for _ in range(8):
            whole = value.state.get(STORED_IN) or self._whole_of(value)
            if not isinstance(whole, Unknown) or whole is value:
                return False
            if id(whole) in self._met and loop not in self._met[id(whole)]:
                return True
            value = whole
        return False

    def _whole_of(self, value: Unknown) -> Value | None:
        known = self._made_of.get(id(value))
        return known[1][0] if known else None


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for child in block.children:
        if isinstance(child, Block):
            yield from _blocks(child)
