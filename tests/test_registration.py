"""What a module holds as its submodules, what only in plain containers, and what has weights."""

from __future__ import annotations

import pytest
from program_text import main_program

from nnlint.semantics.registration import (
    alternatives,
    has_weights,
    hidden_in,
    is_given_weights,
    is_module,
    may_hold_elsewhere,
    registered_in,
    submodules,
)
from nnlint.semantics.values import Built, Choice, Instance, Items, Maybe, Table

HEAD = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.act = nn.ReLU()


class Tokenizer:
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
"""


def net_of(body):
    """The module that a constructor with such a body makes."""
    lines = "\n".join(f"        {line}" for line in body.split("\n"))
    program = main_program(f"{HEAD}{lines}\n\n\nnet = Net()\n")
    (net,) = {
        id(e.subject): e.subject for e in program.events("build") if is_net(e.subject)
    }.values()
    return net


def is_net(value):
    return isinstance(value, Instance) and value.cls.node.name == "Net"


def names(values):
    return sorted(
        value.entry.name.rpartition(".")[2] if isinstance(value, Built) else value.cls.node.name
        for value in values
    )


@pytest.mark.parametrize(
    ("body", "registered", "hidden"),
    [
        ("self.a = nn.Linear(2, 2)", ["Linear"], []),
        ("self.a = [nn.Linear(2, 2), Block()]", [], ["Block", "Linear"]),
        ("self.a = (nn.Linear(2, 2),)", [], ["Linear"]),
        ("self.a = {'x': nn.Linear(2, 2)}", [], ["Linear"]),
        ("self.a = [[nn.Linear(2, 2)], {'x': [Block()]}]", [], ["Block", "Linear"]),
        ("self.a = nn.ModuleList([nn.Linear(2, 2)])", ["ModuleList"], []),
        ("self.a = []\nfor i in range(2):\n    self.a.append(Block())", [], ["Block", "Block"]),
        ("self.a = [nn.Linear(2, 2)]\nself.b = nn.Sequential(*self.a)", ["Sequential"], ["Linear"]),
        ("self.a = [Tokenizer(), 3, 'x']", [], []),
        ("self.a = nn.ReLU() if flags.option else Block()", ["Block", "ReLU"], []),
        ("self.add_module('a', nn.Linear(2, 2))", ["Linear"], []),
        ("self.a = nn.CrossEntropyLoss()", ["CrossEntropyLoss"], []),
    ],
)
def test_what_a_module_holds(body, registered, hidden):
    net = net_of(body)
    assert names(submodules(net)) == registered
    found = [*hidden_in(net)]
    assert names(one.module for one in found) == hidden
    assert all(one.owner is net for one in found)


def test_what_a_list_and_a_sequence_share_is_registered():
    net = net_of("self.a = [nn.Linear(2, 2)]\nself.b = nn.Sequential(*self.a)")
    (hidden,) = hidden_in(net)
    assert hidden.attribute == "a"
    assert isinstance(hidden.holder, Items)
    assert id(hidden.module) in registered_in([net])


def test_registered_modules_at_any_depth():
    net = net_of("self.a = nn.Sequential(Block(), nn.Dropout(0.1))\nself.b = [nn.Linear(2, 2)]")
    inner = registered_in([net])
    assert len(inner) == 6  # itself, the sequence, the block, its layer and activation, the dropout
    assert not any(id(one.module) in inner for one in hidden_in(net))


def test_the_outermost_container_is_the_holder():
    net = net_of("self.a = {'x': [nn.Linear(2, 2)]}")
    (hidden,) = hidden_in(net)
    assert isinstance(hidden.holder, Table)


@pytest.mark.parametrize(
    ("body", "certain"),
    [
        ("self.a = nn.Linear(2, 2)", True),
        ("self.a = nn.ReLU()", False),
        ("self.a = nn.BatchNorm2d(3)", True),
        ("self.a = nn.BatchNorm2d(3, affine=False)", False),
        ("self.a = nn.LayerNorm(3, elementwise_affine=flags.option)", False),
        ("self.a = nn.Sequential(nn.Flatten(), Block())", True),
        ("self.a = nn.Linear(2, 2) if flags.option else nn.Conv2d(1, 1, 1)", True),
        ("self.a = nn.Linear(2, 2) if flags.option else nn.Identity()", False),
    ],
)
def test_what_certainly_has_weights(body, certain):
    net = net_of(body)
    assert has_weights(net.state["a"]) is certain
    assert has_weights(net) is certain


def test_modules_whose_weights_do_not_count():
    net = net_of("self.a = Block()\nself.b = nn.ReLU()")
    assert has_weights(net)
    assert not has_weights(net, besides=[net.state["a"]])


def test_computed_tensors_in_the_place_of_weights():
    net = net_of(
        "self.a = nn.Linear(2, 2)\ndel self.a.weight\nself.a.weight = torch.ones(2, 2) * 2"
    )
    assert is_given_weights(net) is not has_weights(net)


def test_alternatives_are_looked_through():
    net = net_of("self.a = nn.ReLU() if flags.option else Block()")
    value = net.state["a"]
    assert isinstance(value, Choice)
    assert len([*alternatives(Maybe(value))]) == 2
    assert not is_module(value)


def test_who_may_hold_a_module_elsewhere():
    net = net_of("self.a = [nn.Linear(2, 2)]\nself.b = wrap(self.a)\nself.c = wrap(3)")
    (hidden,) = hidden_in(net)
    assert may_hold_elsewhere(net.state["b"], hidden.module)
    assert not may_hold_elsewhere(net.state["c"], hidden.module)
