"""Sorts that let ties fall as the batch has it are told from examples that mix."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject
from nnlint.verify.runtime.ties import StableSorts


class Ranked(nn.Module):
    """Places by grade within each example: all are sorted at once, in ranges of their own."""

    def __init__(self, way: str, apart: bool):
        super().__init__()
        self.way, self.apart = way, apart

    def forward(self, x):
        count, width = x.shape
        grade = x.mul(4).sigmoid().round()
        if self.apart:
            grade = grade + 2 * torch.arange(count)[:, None]
        flat = grade.flatten()
        if self.way == "argsort":
            order = flat.argsort()
        elif self.way == "method":
            order = flat.sort(dim=0, descending=True)[1]
        elif self.way == "topk":
            order = torch.topk(flat, len(flat)).indices
        else:
            order = torch.sort(flat, stable=True).indices
        places = torch.empty_like(order).scatter_(0, order, torch.arange(len(flat)))
        return places.view(count, width) * 1.0 + x


@pytest.mark.parametrize("way", ["argsort", "method", "topk"])
def test_ties_in_what_is_kept_apart_are_no_leak(way: str):
    inputs = Inputs.of((torch.randn(5, 40),))
    answer = batch_dependency.run(Subject(Runner(Ranked(way, True)), inputs, Options()))
    assert answer.status in ("REFUTED", "INCONCLUSIVE"), answer.summary
    if answer.status == "INCONCLUSIVE":
        assert "equal numbers" in answer.summary


@pytest.mark.parametrize("way", ["argsort", "method", "topk", "stable"])
def test_what_is_sorted_together_still_leaks(way: str):
    inputs = Inputs.of((torch.randn(5, 40),))
    answer = batch_dependency.run(Subject(Runner(Ranked(way, False)), inputs, Options()))
    assert answer.status == "CONFIRMED", answer.summary


def test_sorts_are_stable():
    numbers = torch.randint(3, (4, 99)).float()
    wanted = torch.sort(numbers, stable=True, dim=1, descending=True)
    with StableSorts() as sorts:
        values, indices = torch.topk(numbers, 7)
        assert torch.equal(indices, wanted.indices[:, :7])
        assert torch.equal(values, wanted.values[:, :7])
        assert torch.equal(numbers.argsort(1, True), wanted.indices)
        assert torch.equal(numbers.sort(dim=1, descending=True).indices, wanted.indices)
        assert sorts.met
    with StableSorts() as sorts:
        numbers.sort(stable=True)
        assert not sorts.met
