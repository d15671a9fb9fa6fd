"""Modules whose fault shows only at some sizes, in some batches, or behind a name that excuses it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from . import CAUSAL, CLEAN, FUTURE, MIXES, case, floats, tokens


@case(MIXES, floats(12, 5), "mix")
class GhostNormOfFour(nn.Module):
    """Called after what mixes in training; here it does so in evaluation as well."""

    def forward(self, x):
        whole = len(x) // 4 * 4
        packs = x[:whole].unflatten(0, (-1, 4))
        spread = packs.std(1, keepdim=True)  # culprit
        return torch.cat([(packs / (spread + 1e-3)).flatten(0, 1), x[whole:]])


@case(MIXES, floats(6, 5), "mix")
class HandWrittenBatchNorm(nn.Module):
    """A batch norm that forgets to keep statistics for evaluation."""

    def forward(self, x):
        centre = x.mean(0)  # culprit
        return (x - centre) * 0.5


@case(CLEAN, floats(12, 5))
class GhostNormThatRemembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("spread", torch.ones(5))

    def forward(self, x):
        if not self.training:
            return x / self.spread
        return torch.cat([part / part.detach().abs().amax(1, True) for part in x.split(4)])


@case(MIXES, tokens(6, 9, high=20), "divergence")
class MeanOfPaddedSteps(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6, padding_idx=0)
        self.head = nn.Linear(6, 2)

    def forward(self, words):
        longest = int((words != 0).sum(1).max())  # culprit
        return self.head(self.embed(words[:, :longest]).sum(1) / longest)


@case(CLEAN, tokens(6, 9, high=20))
class MeanOfOwnSteps(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6, padding_idx=0)
        self.head = nn.Linear(6, 2)

    def forward(self, words):
        own = (words != 0).sum(1, keepdim=True).clamp(min=1)
        return self.head(self.embed(words).sum(1) / own)


@case(MIXES, floats(6, 8), "divergence")
class StopsWhenAllAreSure(nn.Module):
    def __init__(self):
        super().__init__()
        self.early, self.late = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        first = self.early(x)
        if first.softmax(-1).amax(-1).min() > 0.5:  # culprit
            return first
        return first + self.late(x)


@case(FUTURE, floats(2, 4, 12), "future", axis=2)
class ConvolutionOnACircle(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(4, 32))

    def forward(self, x):
        steps = x.shape[-1]
        spectrum = torch.fft.rfft(x)  # culprit
        return torch.fft.irfft(spectrum * torch.fft.rfft(self.filter[:, :steps]), n=steps)


@case(CAUSAL, floats(2, 4, 12), axis=2)
class ConvolutionWithRoom(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(4, 32))

    def forward(self, x):
        steps = x.shape[-1]
        room = 2 * steps
        spectrum = torch.fft.rfft(x, n=room) * torch.fft.rfft(self.filter[:, :steps], n=room)
        return torch.fft.irfft(spectrum, n=room)[..., :steps]


@case(FUTURE, floats(2, 13, 4), "future")
class WindowsOfFive(nn.Module):
    """Attends within windows of five steps, and forgets the order in them."""

    def forward(self, x):
        short = -x.shape[1] % 5
        windows = F.pad(x, (0, 0, 0, short)).unflatten(1, (-1, 5))
        weights = (windows @ windows.transpose(-1, -2)).softmax(-1)  # culprit
        mixed = weights @ windows  # culprit
        return mixed.flatten(1, 2)[:, : x.shape[1]]


@case(CAUSAL, floats(2, 9, 4))
class ShiftedByOneStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.share = nn.Parameter(torch.rand(4))

    def forward(self, x):
        before = F.pad(x, (0, 0, 1, -1))
        return x * self.share + before * (1 - self.share)
