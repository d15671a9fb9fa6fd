"""States followed along every path through a timeline.

A question such as "have the gradients been cleared before this step?" is a small state
machine: a transfer function says how one event changes the state. `Paths` runs it over
branches, loops (to their fixpoint) and early exits, and remembers every state in which each
event may be reached. A path that cannot happen only adds states: a rule that reports when
*all* of them are bad errs on the silent side.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Value

State = TypeVar("State", bound=Hashable)
Ends = dict[str, frozenset[State]]
NOTHING: frozenset[object] = frozenset()


class Paths(Generic[State]):
    """The states in which the events of a timeline can be reached.

    Parameters:
        transfer: the state after an event, from the state before it.
        start: the states before the first event, and before each separate entry.
        once: whether a loop has exactly one round that matters.
        chosen: the object that the paths are followed for. Where it is one of several that a
            call may be made on, the others do not exist beside it.
    """

    def __init__(
        self,
        transfer: Callable[[Event, State], State],
        start: Iterable[State],
        once: Callable[[Block], bool] = lambda loop: False,
        chosen: Value | None = None,
    ) -> None:
        self._chosen = chosen
        self._transfer = transfer
        self._once = once
        self._start = frozenset(start)
        self._arrivals: dict[int, set[State]] = {}
        self._ends: dict[tuple[int, frozenset[State]], Ends[State]] = {}
        """How loops end, from where they were begun: those inside others are come to again."""

    def follow(self, block: Block) -> Paths[State]:
        """Follow every path through a block, from the start."""
        self._run(block, self._start)
        return self

    def before(self, event: Event) -> frozenset[State]:
        """Every state in which an event may be reached; none when it is never reached."""
        return frozenset(self._arrivals.get(id(event), ()))

    def _run(self, block: Block, states: frozenset[State]) -> Ends[State]:
        match block.kind:
            case "branch":
                return _union(self._run(arm, states) for arm in self._arms(block))
            case "loop":
                key = id(block), states
                if key not in self._ends:
                    follow = self._rounds if block.unrolled else self._loop
                    self._ends[key] = follow(block, states)
                return dict(self._ends[key])
            case "call":
                ends = self._sequence(block, states)
                return {"next": ends["next"] | ends.pop("return", frozenset())}
            case "entry":
                self._sequence(block, self._start)
                return {"next": states}
            case _:
                ends = self._sequence(block, states)
                if block.end != "next":
                    ends[block.end] = ends.get(block.end, frozenset()) | ends["next"]
                    ends["next"] = frozenset()
                return ends

    def _arms(self, branch: Block) -> list[Block]:
        arms = [arm for arm in branch.children if isinstance(arm, Block)]
        own = [arm for arm in arms if self._chosen is not None and arm.subject is self._chosen]
        return own or arms

    def _sequence(self, block: Block, states: frozenset[State]) -> Ends[State]:
        left: Ends[State] = {}
        for child in block.children:
            if not states:
                break
            if isinstance(child, Event):
                self._arrivals.setdefault(id(child), set()).update(states)
                states = frozenset(self._transfer(child, s) for s in states)
                continue
            ends = self._run(child, states)
            states = ends.pop("next", frozenset())
            left = _union((left, ends))
        left["next"] = states
        return left

    def _loop(self, block: Block, states: frozenset[State]) -> Ends[State]:
        """Rounds until nothing new comes round; the loop may also run no round at all."""
        head = states
        while True:
            ends = self._sequence(block, head)
            back = ends.pop("next") | ends.pop("continue", frozenset())
            if self._once(block):
                head = back
                break
            if block.end != "next":
                # the body always leaves the loop
                head |= back
                break
            if back <= head:
                break
            head |= back
        ends["next"] = head | ends.pop("break", frozenset())
        return ends

    def _rounds(self, block: Block, states: frozenset[State]) -> Ends[State]:
        left: Ends[State] = {}
        broken: frozenset[State] = frozenset()
        for iteration in block.children:
            assert isinstance(iteration, Block)
            ends = self._run(iteration, states)
            states = ends.pop("next") | ends.pop("continue", frozenset())
            broken |= ends.pop("break", frozenset())
            left = _union((left, ends))
        left["next"] = states | broken
        return left


def _union(several: Iterable[Ends[State]]) -> Ends[State]:
    result: Ends[State] = {}
    for ends in several:
        for end, states in ends.items():
            result[end] = result.get(end, frozenset()) | states
    return result
