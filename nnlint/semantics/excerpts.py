"""What of a timeline matters to one question, taken out without looking at the rest again."""

from __future__ import annotations

from collections.abc import Iterable

from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event

Ways = frozenset[str]
"""How control can leave a block: next, return, break, continue, raise."""
ON: Ways = frozenset({"next"})


class Excerpts:
    """Parts of a timeline through which paths lead as through the whole of it.

    A question about each of many models or optimizers takes time by the square when it follows
    everything for each of them. An excerpt is as large as what it is about, and the blocks
    around that. The rest is there only where it keeps paths from going on.
    """

    def __init__(self, timeline: Block) -> None:
        self._timeline = timeline
        self._places: dict[int, list[tuple[Block, int]]] = {}
        """Where each event and block stands: in which block, as which of its children."""
        self._ways: dict[int, Ways] = {}
        self._exits: dict[int, list[int]] = {}
        """For each block the children that control may leave otherwise than by going on."""
        self._alike: dict[int, dict[Ways, list[int]]] = {}
        """The arms of each branch, by the ways that lead out of them."""
        self._enter(timeline)

    def of(self, events: Iterable[Event]) -> Block:
        """A copy of the timeline for a question to which nothing but some events matters, and
        that follows no chosen object; states are those of the same events in the whole."""
        wanted: dict[int, set[int]] = {}
        waiting: list[Event | Block] = [*events]
        while waiting:
            for block, number in self._places.get(id(waiting.pop()), ()):
                numbers = wanted.setdefault(id(block), set())
                if not numbers:
                    waiting.append(block)
                numbers.add(number)
        return self._copy(self._timeline, wanted)

    def _enter(self, block: Block) -> Ways:
        """Find out how control can leave a block when none of its events matters."""
        exits = self._exits[id(block)] = []
        arms: dict[Ways, list[int]] = {}
        left: set[str] = set()
        goes_on = True
        for number, child in enumerate(block.children):
            self._places.setdefault(id(child), []).append((block, number))
            if isinstance(child, Event):
                continue
            ways = self._enter(child)
            arms.setdefault(ways, []).append(number)
            if ways != ON:
                exits.append(number)
            if goes_on:
                left |= ways - ON
                goes_on = "next" in ways or (block.unrolled and "continue" in ways)
        match block.kind:
            case "branch":
                self._alike[id(block)] = arms
                ways = frozenset().union(*arms)
            case "loop":
                over = not block.unrolled or goes_on or "break" in left
                ways = frozenset(left - {"break", "continue"}) | (ON if over else frozenset())
            case "call":
                ways = ON if goes_on or "return" in left else frozenset()
            case "entry":
                ways = ON
            case _:
                ways = frozenset(left | {block.end} if goes_on else left)
        self._ways[id(block)] = ways
        return ways

    def _copy(self, block: Block, wanted: dict[int, set[int]]) -> Block:
        numbers = wanted.get(id(block), set())
        others = self._exits[id(block)]
        if block.kind == "branch":
            # of arms without anything that matters, one is like another
            alike = self._alike[id(block)].values()
            first = (next((n for n in arms if n not in numbers), None) for arms in alike)
            others = [number for number in first if number is not None]
        children: list[Event | Block] = []
        for number in sorted(numbers.union(others)):
            child = block.children[number]
            if isinstance(child, Event):
                children.append(child)
            elif id(child) in wanted:
                children.append(self._copy(child, wanted))
            else:
                children.append(_left_by(child.kind, self._ways[id(child)]))
        return block.holding(children)


def _left_by(kind: str, ways: Ways) -> Block:
    """A block in which nothing happens but that control leaves it in some ways."""
    branch = Block("branch", children=[Block("arm", end=way) for way in sorted(ways)])
    if kind not in ("arm", "iteration"):
        return branch
    return Block(kind) if ways == ON else Block(kind, children=[branch])


def excerpts_of(program: Program) -> Excerpts:
    """The excerpts of a program's timeline, for `Program.once`."""
    return Excerpts(program.timeline)
