"""The probe that changes what padding holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import load
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Translator(nn.Module):
    def __init__(self, masked, tied=False):
        super().__init__()
        self.masked = masked
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.core = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        self.out = nn.Linear(8, 20)
        if tied:
            self.out.weight = self.embed.weight

    def forward(self, source, target):
        padding = source == 0
        hidden = self.core(
            self.embed(source),
            self.embed(target),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding if self.masked else None,
        )
        return self.out(hidden)


class Reader(nn.Module):
    """Written out, with the mask along the axis of keys or of queries."""

    def __init__(self, axis, batch_first=True):
        super().__init__()
        self.axis, self.pad_idx, self.batch_first = axis, 3, batch_first
        self.embed, self.place = nn.Embedding(20, 8), nn.Embedding(30, 8)
        self.out = nn.Linear(8, 20)

    def forward(self, tokens):
        if not self.batch_first:
            tokens = tokens.t()
        x = self.embed(tokens) + self.place(torch.arange(tokens.size(1)))
        scores = x @ x.transpose(1, 2)
        scores = scores.masked_fill((tokens == self.pad_idx).unsqueeze(self.axis), -1e9)
        return self.out(scores.softmax(-1) @ x)


class Told(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)

    def forward(self, tokens, mask):
        return self.embed(tokens) * mask.unsqueeze(-1)


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(4, 4)

    def forward(self, x):
        return self.lift(x)


def ask(model, *tensors, axis=0):
    inputs = Inputs.of(tensors, axis=axis, highs={(0, i): 20 for i in range(len(tensors))})
    return load("padding-input").run(Subject(Runner(model), inputs, Options()))


def tokens(*shape):
    return torch.randint(1, 20, shape)


@pytest.mark.parametrize("tied", [False, True])
def test_a_decoder_that_attends_to_padding(tied):
    answer = ask(Translator(False, tied), tokens(5, 9), tokens(5, 7))
    assert answer.status == "CONFIRMED"
    assert "`source`" in answer.summary


def test_one_that_is_masked_wherever_padding_is():
    class Masked(Translator):
        def forward(self, source, target):
            padding = source == 0
            hidden = self.core(
                self.embed(source),
                self.embed(target),
                src_key_padding_mask=padding,
                tgt_key_padding_mask=target == 0,
                memory_key_padding_mask=padding,
            )
            return self.out(hidden)

    assert ask(Masked(True, True), tokens(5, 9), tokens(5, 7)).status == "REFUTED"


@pytest.mark.parametrize(("axis", "status"), [(1, "REFUTED"), (2, "CONFIRMED")])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_axis_of_a_mask(axis, status, batch_first):
    given = tokens(5, 9) if batch_first else tokens(9, 5)
    answer = ask(Reader(axis, batch_first), given, axis=0 if batch_first else 1)
    assert answer.status == status


def test_what_cannot_be_told():
    mask = torch.ones(5, 9, dtype=torch.bool)
    assert ask(Told(), tokens(5, 9), mask).status == "INCONCLUSIVE"
    assert ask(Mean(), torch.randn(5, 9, 4)).status == "INCONCLUSIVE"
