"""Sequence models that see the future, and ones that do not."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import CAUSAL, FUTURE, case, floats, tokens


class _Attention(nn.Module):
    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        batch, steps, _ = x.shape
        parts = self.qkv(x).chunk(3, -1)
        return [p.view(batch, steps, self.heads, -1).transpose(1, 2) for p in parts]

    def join(self, x):
        return self.out(x.transpose(1, 2).flatten(2))


@case(FUTURE, floats(2, 6, 8), "future")
class AttentionWithoutMask(_Attention):
    def forward(self, x):
        q, k, v = self.split(x)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # culprit
        return self.join(scores.softmax(-1) @ v)


@case(CAUSAL, floats(2, 6, 8))
class AttentionWithMask(_Attention):
    def forward(self, x):
        q, k, v = self.split(x)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        mask = torch.ones(x.shape[1], x.shape[1]).tril().bool()
        return self.join(scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v)


@case(FUTURE, floats(2, 6, 8), "future")
class MaskOfTheWrongTriangle(_Attention):
    def forward(self, x):
        q, k, v = self.split(x)
        scores = q @ k.transpose(-2, -1)
        mask = torch.ones(x.shape[1], x.shape[1]).triu().bool()
        return self.join(scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v)  # culprit


@case(FUTURE, floats(2, 6, 8), "future")
class FusedAttentionNotCausal(_Attention):
    def forward(self, x):
        q, k, v = self.split(x)
        mixed = F.scaled_dot_product_attention(q, k, v)  # culprit
        return self.join(mixed)


@case(CAUSAL, floats(2, 6, 8))
class FusedAttentionCausal(_Attention):
    def forward(self, x):
        q, k, v = self.split(x)
        return self.join(F.scaled_dot_product_attention(q, k, v, is_causal=True))


@case(FUTURE, floats(2, 4, 6), "future", axis=2)
class ConvolutionPaddedIntoTheFuture(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 5, 3, padding=1)

    def forward(self, x):
        return self.conv(x).relu()  # culprit


@case(CAUSAL, floats(2, 4, 6), axis=2)
class ConvolutionPaddedIntoThePast(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 5, 3)

    def forward(self, x):
        return self.conv(F.pad(x, (2, 0))).relu()


@case(CAUSAL, floats(2, 4, 6), axis=2)
class ConvolutionChomped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 5, 3, padding=2)

    def forward(self, x):
        return self.conv(x)[..., :-2]


@case(FUTURE, floats(2, 6, 4), "future")
class BidirectionalRecurrence(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 5, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.rnn(x)[0]  # culprit


@case(CAUSAL, floats(2, 6, 4))
class ForwardRecurrence(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 5, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


@case(FUTURE, floats(2, 6, 4), "future")
class MeanOverTime(nn.Module):
    def forward(self, x):
        return x - x.mean(1, keepdim=True)  # culprit


@case(CAUSAL, floats(2, 6, 4))
class RunningMeanOverTime(nn.Module):
    def forward(self, x):
        counts = torch.arange(1, x.shape[1] + 1).view(1, -1, 1)
        return x - x.cumsum(1) / counts


@case(CAUSAL, tokens(2, 6))
class TinyGPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.position = nn.Embedding(16, 8)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.blocks = nn.ModuleList(FusedAttentionCausal() for _ in range(2))
        self.head = nn.Linear(8, 11)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position(torch.arange(tokens.shape[1]))
        for norm, block in zip(self.norms, self.blocks, strict=True):
            x = x + block(norm(x))
        return self.head(x)


@case(FUTURE, tokens(2, 6), "future")
class TokensShiftedTheWrongWay(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)

    def forward(self, tokens):
        ahead = torch.roll(tokens, -1, dims=1)  # culprit
        return self.embed(ahead)
