"""Where gradients come from, where they are lost, and what sums and products are made of."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.questions.training.backpropagation import Backpropagation
from nnlint.semantics.differentiability import (
    addends,
    is_made_of_numbers,
    origins,
    root_of,
    switched_off,
    terms,
    values_behind,
)
from nnlint.semantics.sums import arithmetic, components
from nnlint.semantics.values import Built, Operation, Site, Tensor, Unknown

HEAD = """
import numpy as np
import torch
from torch import nn
from torch.autograd import Variable
import torch.nn.functional as F

net, other = nn.Linear(4, 3), nn.Linear(4, 3)
weight = nn.Parameter(torch.ones(3))
scale = torch.zeros(1, requires_grad=True)


def compute(x, y, model):
"""


def program_of(body):
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    programs = analysed(f"{HEAD}{lines}\n    value.backward()\n").programs
    return next(program for program in programs if program.events("backward"))


def value_of(body):
    """The program of a function of unknown inputs, and what it backpropagates."""
    program = program_of(f"value = {body}" if "value =" not in body else body)
    (backward,) = program.events("backward")
    return program, backward.subject


def origins_of(body):
    program, value = value_of(body)
    return origins(value, program.once(Backpropagation).output_of)


def names(values):
    found = []
    for value in values:
        if isinstance(value, Built):
            found.append(value.entry.name)
        elif isinstance(value, Tensor) and isinstance(value.producer, Operation):
            found.append(value.producer.entry.name)
        elif isinstance(value, Unknown):
            found.append(value.name or value.origin)
    return sorted(found)


@pytest.mark.parametrize(
    ("expression", "live"),
    [
        ("net(x).sum()", ["torch.nn.Linear"]),
        ("F.mse_loss(net(x), y)", ["torch.nn.Linear"]),
        ("(net(x) * weight).mean()", ["torch.nn.Linear", "torch.nn.Parameter"]),
        ("(net(x).detach() * weight).mean()", ["torch.nn.Parameter"]),
        ("net(x).gather(1, other(x).argmax(1)).sum()", ["torch.nn.Linear"]),
        ("net(x).max(1)[0].sum()", ["torch.nn.Linear"]),
        ("torch.var_mean(net(x), 1)[1].sum()", ["torch.nn.Linear"]),
        ("torch.as_tensor(net(x)).sum()", ["torch.nn.Linear"]),
        ("(scale.exp() * net(x).detach()).mean()", ["torch.zeros"]),
        ("torch.ones(3).sum()", []),
        ("torch.stack([net(x), other(x)]).sum()", ["torch.nn.Linear", "torch.nn.Linear"]),
        ("(net(x) if y.any() else other(x)).sum()", ["torch.nn.Linear", "torch.nn.Linear"]),
    ],
)
def test_what_a_gradient_reaches(expression, live):
    found = origins_of(expression)
    assert names(found.live) == live
    assert not found.unknown


@pytest.mark.parametrize(
    ("expression", "how"),
    [
        ("net(x).detach().sum()", ["detach"]),
        ("net(x).data.sum()", ["data"]),
        ("net.weight.data.sum()", ["data"]),
        ("net.weight.data[0].sum()", ["data"]),
        ("net.weight.data[1:].sum()", ["data"]),
        ("torch.ones(1) * net(x).sum().item()", ["item"]),
        ("torch.ones(1) * float(net(x).sum())", ["number"]),
        ("torch.from_numpy(net(x).detach().numpy()).sum()", ["tensor"]),
        ("torch.tensor(net(x).sum(), requires_grad=True)", ["tensor"]),
        ("Variable(net(x).sum(), requires_grad=True)", ["variable"]),
        ("net(x).argmax(1).float().sum()", ["argmax"]),
        ("net(x).max(1)[1].float().sum()", ["argmax"]),
        ("net(x).topk(2).indices.float().sum()", ["argmax"]),
        ("(net(x) > 0).float().sum()", ["compare"]),
        ("net(x).round().sum()", ["rounding"]),
        ("torch.ones(3).sum()", []),
    ],
)
def test_where_gradients_are_lost(expression, how):
    found = origins_of(expression)
    assert [cut.how for cut in found.cuts] == how
    assert found.live == []


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("with torch.no_grad():\n    out = net(x)\nvalue = out.sum()", "torch.no_grad()"),
        ("with torch.inference_mode():\n    out = net(x)\nvalue = out.sum()", None),
        ("with torch.set_grad_enabled(False):\n    out = net(x)\nvalue = out.sum()", None),
        ("@torch.no_grad()\ndef f(x):\n    return net(x)\nvalue = f(x).sum()", "torch.no_grad()"),
    ],
)
def test_where_gradients_are_written_to_be_off(body, written):
    (cut,) = [cut for cut in origins_of(body).cuts if cut.how == "no_grad"]
    if "inference" in body:
        written = "torch.inference_mode()"
    assert (cut.switch.text if cut.switch is not None else None) == written


def test_a_call_may_stand_where_gradients_are_off():
    program, _ = value_of(
        "def f(x):\n    return net(x)\nwith torch.no_grad():\n    f(x)\nvalue = net(x)"
    )
    operations = [o for o in program.operations if o.layer is not None]
    assert [switched_off(o.site, *o.callers) is not None for o in operations] == [True, False]


def test_what_is_not_known_may_have_anything_behind_it():
    assert origins_of("helper(net(x)).sum()").unknown
    assert not origins_of("F.mse_loss(net(x), helper(y)).sum()").cuts


def test_data_is_told_by_what_it_is_an_element_of():
    first, second = origins_of("(x.first - x.second).sum()").leaves
    assert root_of(first) is root_of(second)


def test_all_that_a_value_depends_on_by_value():
    program, value = value_of("torch.ones(1) * net(x).sum().item() + other(x).detach().mean()")
    behind = [*values_behind([value], program.once(Backpropagation).output_of)]
    assert names(v for v in behind if isinstance(v, Built)) == ["torch.nn.Linear"] * 2


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("F.mse_loss(net(x), y) + 0.1 * net(x).abs().mean()", 2),
        ("(F.mse_loss(net(x), y) - 0.1 * net(x).mean()) / 2 + weight.sum()", 3),
        ("F.mse_loss(net(x), y) * weight.sum()", 1),
        ("(net(x).mean() - y.mean()) ** 2", 1),
        ("sum([net(x).mean(), other(x).mean()])", 2),
        ("net(x).mean()", 1),
    ],
)
def test_terms_of_a_sum(expression, parts):
    assert len(terms(value_of(expression)[1])) == parts


def test_arithmetic_as_it_is_written():
    def read(expression):
        return arithmetic(value_of(expression)[1])[0]

    written = ["+", "-", "*", "/", "**"]
    assert [read(f"net(x) {operator} other(x)") for operator in written] == written
    assert [read(f"torch.{name}(net(x), other(x))") for name in ("add", "mul")] == ["+", "*"]
    assert read("net(x)") == ""


def test_components_are_what_a_value_may_be():
    assert len(components(value_of("net(x) if y.any() else other(x)")[1]) or ()) == 2
    assert components(value_of("net(x) + other(x)")[1]) is None


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("torch.zeros(3)", True),
        ("torch.tensor([0.1, 0.2])", True),
        ("torch.tensor(net(x).sum())", False),
        ("torch.tensor(float(net(x).sum()))", False),
        ("net(x).sum()", False),
    ],
)
def test_what_is_made_of_numbers(expression, plain):
    value = value_of(expression)[1]
    assert isinstance(value, Tensor) and isinstance(value.producer, Operation)
    assert is_made_of_numbers(value.producer) is plain
    assert isinstance(value.producer.site, Site)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("(net(x).softmax(1) - y).relu()", True),
        ("2 * F.dropout(net(x), 0.1) + y", True),
        ("net(x).sum()", False),
        ("F.mse_loss(net(x), y)", False),
        ("net(x).max(1)[1]", False),
    ],
)
def test_addends_are_in_their_places(expression, found):
    _, value = value_of(expression)
    made = [part.producer for part in addends(value) if isinstance(part, Tensor)]
    assert any(isinstance(m, Operation) and m.entry.family == "linear" for m in made) is found
