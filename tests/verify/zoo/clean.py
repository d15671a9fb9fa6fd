"""Modules that look as if they mixed examples and do not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from . import CLEAN, case, floats, tokens


@case(CLEAN, floats(5, 4, 8, 8))
class GroupNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.net(x).mean((2, 3)))


@case(CLEAN, floats(5, 4, 8))
class InstanceNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.InstanceNorm1d(4, affine=True)
        self.conv = nn.Conv1d(4, 6, 3)

    def forward(self, x):
        return self.conv(self.norm(x))


@case(CLEAN, floats(5, 4, 8))
class InstanceNormTracking(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3)
        self.norm = nn.InstanceNorm1d(6, track_running_stats=False)

    def forward(self, x):
        return self.norm(self.conv(x))


@case(CLEAN, floats(5, 6, 8))
class LayerNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(self.norm(x)).softmax(-1)


@case(CLEAN, floats(5, 3, 8, 8))
class BatchNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout2d(0.3)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.drop(self.norm(self.conv(x)).relu()).mean((2, 3)))


@case(CLEAN, floats(5, 8))
class DropoutStack(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4)
        )

    def forward(self, x):
        return self.net(x)


@case(CLEAN, floats(5, 8))
class StochasticDepth(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Linear(8, 8)

    def forward(self, x):
        if not self.training:
            return x + self.branch(x)
        keep = torch.empty(x.shape[0], 1).bernoulli_(0.7)
        return x + keep * self.branch(x) / 0.7


@case(CLEAN, floats(5, 6, 8))
class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1)

    def forward(self, x):
        return x + self.attention(x, x, x)[0]


@case(CLEAN, floats(5, 6, 8))
class EncoderBatchFirst(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x):
        return self.encoder(x)


@case(CLEAN, floats(6, 5, 8), axis=1)
class EncoderSequenceFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16)

    def forward(self, x):
        return self.encoder(x)


@case(CLEAN, floats(6, 5, 4), axis=1)
class RecurrentSequenceFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 6, num_layers=2)

    def forward(self, x):
        out, (hidden, _) = self.rnn(x)
        return out, hidden


@case(CLEAN, floats(5, 6, 4))
class HiddenTransposedThenReshaped(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 6, num_layers=2, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        _, (hidden, _) = self.rnn(x)
        return self.head(hidden.transpose(0, 1).reshape(x.shape[0], -1))


@case(CLEAN, floats(5, 6, 4))
class BidirectionalConcatenated(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, bidirectional=True, batch_first=True)

    def forward(self, x):
        _, hidden = self.rnn(x)
        return torch.cat([hidden[-2], hidden[-1]], dim=1)


@case(CLEAN, floats(5, 6, 4))
class PackedSequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 6, batch_first=True)

    def forward(self, x):
        lengths = torch.arange(x.shape[0]) % 4 + 2
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = self.rnn(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
        return padded


@case(CLEAN, floats(5, 6, 4))
class SortedAndRestored(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        lengths = torch.arange(x.shape[0]) % 4 + 2
        order = lengths.argsort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(x[order], lengths[order], batch_first=True)
        _, hidden = self.rnn(packed)
        return hidden[-1][order.argsort()]


@case(CLEAN, floats(5, 6, 3, 8, 8))
class TimeFoldedIntoBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.rnn = nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        batch, steps = x.shape[:2]
        maps = self.conv(x.flatten(0, 1)).mean((2, 3))
        return self.rnn(maps.view(batch, steps, -1))[0]


@case(CLEAN, tokens(5, 6))
class FlattenedLogits(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11)

    def forward(self, x):
        logits = self.head(self.embed(x))
        return logits.view(-1, logits.shape[-1])


@case(CLEAN, floats(5, 6, 4))
class FlattenedTimeMajor(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 7)

    def forward(self, x):
        return self.head(x).transpose(0, 1).flatten(0, 1)


@case(CLEAN, floats(5, 4, 6, 6))
class DynamicGroupedConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = nn.Linear(4, 4 * 3 * 3)

    def forward(self, x):
        batch, channels, height, width = x.shape
        kernels = self.make(x.mean((2, 3))).view(batch * channels, 1, 3, 3)
        joined = x.reshape(1, batch * channels, height, width)
        out = F.conv2d(joined, kernels, padding=1, groups=batch * channels)
        return out.view(batch, channels, height, width)


@case(CLEAN, floats(5, 8, 8))
class WindowedAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x):
        batch, steps, width = x.shape
        windows = x.view(batch * steps // 4, 4, width)
        q, k, v = self.project(windows).chunk(3, -1)
        out = torch.softmax(q @ k.transpose(1, 2), -1) @ v
        return out.view(batch, steps, width)


@case(CLEAN, floats(5, 6, 8))
class HeadsFoldedIntoBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 8)

    def forward(self, x):
        batch, steps, width = x.shape
        q = self.project(x).view(batch, steps, 2, width // 2).transpose(1, 2)
        heads = q.reshape(batch * 2, steps, width // 2)
        out = torch.softmax(heads @ heads.transpose(1, 2), -1) @ heads
        return out.view(batch, 2, steps, width // 2).transpose(1, 2).reshape(batch, steps, width)


@case(CLEAN, floats(5, 4))
class BlockDiagonalMask(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        values = self.layer(x)
        own = torch.eye(x.shape[0], dtype=torch.bool)
        scores = (values @ values.t()).masked_fill(~own, float("-inf"))
        return torch.softmax(scores, 1) @ values


@case(CLEAN, floats(5, 4))
class BatchLoggedNotUsed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.log = []

    def forward(self, x):
        out = self.layer(x)
        self.log = [out.mean().item(), out.std().item()]
        return out.tanh()


@case(CLEAN, floats(5, 4))
class ExamplesInALoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        rows = []
        for row in x:
            state = self.layer(row)
            if state.sum() > 0:
                state = state.tanh()
            rows.append(state)
        return torch.stack(rows)


@case(CLEAN, floats(5, 4))
class TopKPerExample(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 9)

    def forward(self, x):
        scores = self.layer(x)
        values, places = scores.topk(3, dim=1)
        return torch.zeros_like(scores).scatter(1, places, values.softmax(1))


@case(CLEAN, floats(5, 4))
class ExpertsByRouting(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 2)
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, x):
        choice = self.gate(x).argmax(1)
        out = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            rows = (choice == index).nonzero().squeeze(1)
            out = out.index_add(0, rows, expert(x[rows]))
        return out


@case(CLEAN, floats(5, 4))
class NormalisedPerExample(nn.Module):
    def forward(self, x):
        return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


@case(CLEAN, floats(5, 8))
class ExpandedQueries(nn.Module):
    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(3, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        queries = self.queries.unsqueeze(0).expand(x.shape[0], -1, -1)
        memory = x.unsqueeze(1) * torch.ones(1, 4, 1)
        return self.attention(queries, memory, memory)[0]


@case(CLEAN, floats(5, 4))
class EinsumPerExample(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 4) * 0.2)

    def forward(self, x):
        return torch.einsum("bi,iok,bk->bo", x, self.weight, x)


@case(CLEAN, floats(5, 4))
class ConcatenatedAlongBatchAndSplit(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        both = self.layer(torch.cat([x, -x], 0))
        left, right = both.chunk(2, 0)
        return left - right


@case(CLEAN, floats(5, 4))
class FlippedTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x.flip(0)).flip(0)


@case(CLEAN, floats(5, 4, 8))
class ChannelShuffle(nn.Module):
    def forward(self, x):
        batch, channels, length = x.shape
        return (
            x.view(batch, 2, channels // 2, length).transpose(1, 2).reshape(batch, channels, length)
        )


@case(CLEAN, floats(5, 4))
class ZeroInitialisedHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.gate = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x + self.gate * self.layer(x)
