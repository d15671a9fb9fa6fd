"""The line that is named is where what is wrong comes about, and not where it is read.

`# culprit` marks it; a class without one keeps examples apart, or later steps out of earlier ones.
"""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency, causality
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class ShiftedBySlices(nn.Module):
    """Frames of all clips in one axis; some channels are moved by one frame, over its ends."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv1d(6, 4, 1)

    def forward(self, x):
        b, t, c = x.shape
        frames = x.reshape(b * t, c, 1)
        out = torch.zeros_like(frames)
        out[:-1, :2] = frames[1:, :2]
        out[1:, 2:4] = frames[:-1, 2:4]  # culprit
        out[:, 4:] = frames[:, 4:]
        return self.layer(out).view(b, t, 4).mean(1)


class ShiftedWithinClips(ShiftedBySlices):
    def forward(self, x):
        out = torch.zeros_like(x)
        out[:, :-1, :2] = x[:, 1:, :2]
        out[:, 1:, 2:4] = x[:, :-1, 2:4]
        out[:, :, 4:] = x[:, :, 4:]
        return self.layer(out.flatten(0, 1).unsqueeze(-1)).view(len(x), -1, 4).mean(1)


class NeighboursBeside(nn.Module):
    """Each row, and the row after it, in one table that is filled column by column."""

    def forward(self, x):
        table = x.new_empty(len(x), 2, 6)
        table[:, 0] = x[:, 0]
        table[:-1, 1] = x[1:, 0]  # culprit
        table[-1:, 1] = 0
        return torch.tanh(table).flatten(1)


class BlendedInPlace(nn.Module):
    """A copy whose second half of the columns comes from the example before."""

    def forward(self, x):
        blend = x.clone()
        blend[1:, :, 3:].copy_(x[:-1, :, 3:])  # culprit
        return blend.exp()


class FilledByHalves(nn.Module):
    def forward(self, x):
        table = torch.empty_like(x)
        table[:3] = x[:3] * 2
        table[3:] = x[3:] / 2
        return table.exp()


class PackedAsSorted(nn.Module):
    """Sorted by length, packed, and never sorted back."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 4, batch_first=True)

    def forward(self, x):
        lengths = (x[:, :, 0] > -1).sum(1).clamp(min=1)
        lengths, order = lengths.sort(descending=True)  # culprit
        packed = nn.utils.rnn.pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.rnn(packed)[1][-1]


class PackedByRank(PackedAsSorted):
    def forward(self, x):
        lengths = (x[:, :, 1] > 0).sum(1).clamp(min=1)
        order = lengths.argsort(descending=True)  # culprit
        longest = nn.utils.rnn.pack_padded_sequence(x[order], lengths[order], batch_first=True)
        return self.rnn(longest)[1][0]


class PackedAndSortedBack(PackedAsSorted):
    def forward(self, x):
        lengths = (x[:, :, 0] > -1).sum(1).clamp(min=1)
        lengths, order = lengths.sort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.rnn(packed)[1][-1][order.argsort()]


class MaskedTooLate(nn.Module):
    """Weights of later steps are set to zero after they were shared out."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).mT
        weights = scores.softmax(-1)  # culprit
        weights = weights * torch.ones(x.shape[1], x.shape[1]).tril()
        return weights @ self.v(x)


class LowerTooLate(MaskedTooLate):
    def forward(self, x):
        pairs = torch.einsum("btd,bsd->bts", self.q(x), self.k(x))
        return pairs.softmax(2).tril() @ self.v(x)  # culprit


class FilledTooLate(MaskedTooLate):
    def forward(self, x):
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = self.q(x) @ self.k(x).mT
        shares = torch.softmax(scores / 2, dim=-1)  # culprit
        return shares.masked_fill(later, 0.0) @ self.v(x)


class NeverMasked(MaskedTooLate):
    def forward(self, x):
        scores = self.q(x) @ self.k(x).mT  # culprit
        return scores.softmax(-1) @ self.v(x)


class MaskedAndShared(MaskedTooLate):
    def forward(self, x):
        weights = (self.q(x) @ self.k(x).mT).exp() * torch.ones(x.shape[1], x.shape[1]).tril()
        return weights / weights.sum(-1, keepdim=True) @ self.v(x)


MIXING = (
    ShiftedBySlices,
    ShiftedWithinClips,
    NeighboursBeside,
    BlendedInPlace,
    FilledByHalves,
    PackedAsSorted,
    PackedByRank,
    PackedAndSortedBack,
)
TIMED = (MaskedTooLate, LowerTooLate, FilledTooLate, NeverMasked, MaskedAndShared)


@pytest.mark.parametrize("kind", [*MIXING, *TIMED])
def test_the_line_is_that_where_it_comes_about(kind: type[nn.Module]):
    source, first = inspect.getsourcelines(kind)
    wanted = [first + i for i, line in enumerate(source) if "# culprit" in line]
    inputs = Inputs.of((torch.randn(5, 7, 6),))
    if kind in TIMED:
        options = Options(causal=True, time_axis=1)
        answer = causality.run(Subject(Runner(kind()), inputs, options))
    else:
        answer = batch_dependency.run(Subject(Runner(kind()), inputs, Options(axis=0)))
    assert answer.status == ("CONFIRMED" if wanted else "REFUTED"), answer.summary
    if wanted:
        assert answer.evidence["culprit"]["place"]["row"] in wanted, answer.summary
