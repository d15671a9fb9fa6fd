"""Whether a view reads one axis as another, told by the shapes that it had."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import view_order
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Heads(nn.Module):
    def __init__(self, mix: bool = True):
        super().__init__()
        self.mix = mix

    def forward(self, x):
        batch, time, width = x.shape
        heads = x.view(batch, time, 3, width // 3)
        mixed = heads.transpose(1, 2) if self.mix else heads
        joined = mixed.reshape(batch, time, width)
        return joined


def ask(model, lines):
    source, first = inspect.getsourcelines(Heads)
    rows = [first + i for i, text in enumerate(source) if any(line in text for line in lines)]
    finding = {"filename": __file__, "rows": rows, "name": "view-mixes-batch"}
    inputs = Inputs.of((torch.randn(5, 11, 21),))
    return view_order.run(Subject(Runner(model), inputs, Options(finding=finding))), rows


def test_scrambled_heads_are_confirmed_on_their_line():
    answer, rows = ask(Heads(), ["x.view(batch", "mixed.reshape"])
    assert [answer.evidence["by_row"][str(r)][0] for r in rows] == ["INCONCLUSIVE", "CONFIRMED"]
    assert "(5, 3, 11, 7) as (5, 11, 21)" in answer.evidence["by_row"][str(rows[1])][1]


def test_never_refuted():
    answer, _ = ask(Heads(mix=False), ["mixed.reshape"])
    assert answer.status == "INCONCLUSIVE" and "only joins" in answer.summary
    answer, _ = ask(Heads(), ["no such line"])
    assert answer.status == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("source", "target", "harmless"),
    [
        ((5, 3, 11, 7), (5, 11, 21), False),
        ((5, 11, 3, 7), (5, 11, 21), True),
        ((5, 11, 21), (55, 21), True),
        ((55, 21), (5, 11, 3, 7), True),
        ((5, 7), (7, 5), False),
        ((5, 1, 7), (35,), True),
    ],
)
def test_regrouping(source, target, harmless):
    assert view_order.is_regrouping(list(source), list(target)) is harmless
