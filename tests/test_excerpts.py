"""Excerpts: paths lead through what matters of a timeline as through the whole of it."""

from __future__ import annotations

import ast
import random

from program_text import main_program, module_of

from nnlint.semantics.excerpts import Excerpts
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Site

HERE = Site(module_of("pass"), ast.Pass())
ENDS = ("next", "next", "next", "return", "break", "continue", "raise")


def timeline(draw: random.Random, depth: int = 4) -> Block:
    return Block("root", children=children(draw, depth))


def children(draw: random.Random, depth: int) -> list[Event | Block]:
    return [child(draw, depth) for _ in range(draw.randint(0, 4))]


def child(draw: random.Random, depth: int) -> Event | Block:
    kind = draw.choice(("event", "event", "branch", "loop", "unrolled", "call", "entry"))
    if kind == "event" or depth == 0:
        return Event(draw.choice("abcde"), HERE)
    if kind in ("branch", "unrolled"):
        inner = "arm" if kind == "branch" else "iteration"
        blocks: list[Event | Block] = [
            Block(inner, children=children(draw, depth - 1), end=draw.choice(ENDS))
            for _ in range(draw.randint(1, 3))
        ]
        return Block(
            "branch" if kind == "branch" else "loop", children=blocks, unrolled=kind == "unrolled"
        )
    return Block(
        kind,
        children=children(draw, depth - 1),
        end=draw.choice(("next", "break")) if kind == "loop" else "next",
    )


def test_events_are_reached_in_the_same_states_as_in_the_whole() -> None:
    kept = whole = 0
    for seed in range(300):
        draw = random.Random(seed)
        block = timeline(draw)
        events = [event for event, _ in block.walk()]
        some = [event for event in events if draw.random() < 0.3]
        wanted = {id(event) for event in some}

        def after(event: Event, state: str, wanted: set[int] = wanted) -> str:
            # what happened last, and how often up to twice
            return (state + event.kind)[-2:] if id(event) in wanted else state

        excerpt = Excerpts(block).of(some)
        expected = Paths(after, {""}).follow(block)
        found = Paths(after, {""}).follow(excerpt)
        for event in some:
            assert found.before(event) == expected.before(event), seed
        assert [e for e, _ in excerpt.walk()] == [e for e in events if id(e) in wanted]
        kept, whole = kept + len(some), whole + len(events)
    assert 0 < kept < whole / 2


def test_an_excerpt_is_as_large_as_what_it_is_about() -> None:
    text = "import torch\nfrom torch import nn\n" + "".join(
        f"net_{i} = nn.Linear(1, 1)\n"
        f"def run_{i}(net):\n    if net is None:\n        return\n"
        f"    for x in data():\n        if x:\n            continue\n        net(x)\n"
        f"run_{i}(net_{i})\n"
        for i in range(50)
    )
    program = main_program(text)
    excerpts = Excerpts(program.timeline)
    forwards = [e for e in program.events("forward") if isinstance(e.subject, Built)]
    assert len(forwards) == 50
    assert all(_size(excerpts.of([event])) <= 12 for event in forwards)
    assert _size(program.timeline) > 300


def _size(block: Block) -> int:
    return 1 + sum(_size(c) if isinstance(c, Block) else 1 for c in block.children)
