"""Paths: states followed through branches, loops and early exits."""

from __future__ import annotations

import pytest
from program_text import main_program

from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Event

HEAD = """
import torch
net = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""


def last_mode(event: Event, state: str) -> str:
    return event.kind if event.kind in ("train", "eval") else state


@pytest.mark.parametrize(
    ("body", "modes"),
    [
        ("net.eval()", {"eval"}),
        ("if flag():\n    net.eval()", {"start", "eval"}),
        ("if flag():\n    net.eval()\nelse:\n    net.train()", {"eval", "train"}),
        ("for x in data():\n    net.eval()", {"start", "eval"}),
        ("for x in [1, 2]:\n    net.eval()", {"eval"}),
        ("for x in data():\n    net.train()\n    if x:\n        break\n    net.eval()", None),
        ("for x in data():\n    if x:\n        continue\n    net.eval()", {"start", "eval"}),
        ("def f():\n    if flag():\n        return\n    net.eval()\nf()", {"start", "eval"}),
        ("def f():\n    if flag():\n        raise E\n    net.eval()\nf()", {"eval"}),
        ("try:\n    net.train()\nexcept E:\n    net.eval()", {"train", "eval"}),
    ],
)
def test_states_before_an_event(body, modes):
    program = main_program(HEAD + body + "\noptimizer.step()")
    (step,) = program.events("step")
    found = Paths(last_mode, {"start"}).follow(program.timeline).before(step)
    assert found == (modes or {"start", "train", "eval"})


def test_a_loop_carries_its_state_to_the_next_round():
    program = main_program(HEAD + "for x in data():\n    optimizer.step()\n    net.eval()")
    (step,) = program.events("step")
    assert Paths(last_mode, {"start"}).follow(program.timeline).before(step) == {"start", "eval"}


def test_a_loop_left_in_its_first_round_carries_nothing():
    body = "for x in data():\n    optimizer.step()\n    net.eval()\n    break"
    program = main_program(HEAD + body)
    (step,) = program.events("step")
    assert Paths(last_mode, {"start"}).follow(program.timeline).before(step) == {"start"}


def test_what_is_never_reached_has_no_state():
    program = main_program(HEAD + "optimizer.step()")
    (step,) = program.events("step")
    assert Paths(last_mode, set()).follow(program.timeline).before(step) == frozenset()
