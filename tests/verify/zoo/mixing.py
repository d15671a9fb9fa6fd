"""Modules whose examples mix, one mechanism each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from . import MIXES, case, floats, tokens


@case(MIXES, floats(5, 6, 4), "scramble")
class HiddenStateView(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 6, num_layers=2, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        _, (hidden, _) = self.rnn(x)
        flat = hidden.view(x.shape[0], -1)  # culprit
        return self.head(flat)


@case(MIXES, floats(5, 6, 4), "scramble")
class BidirectionalHiddenView(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, bidirectional=True, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        _, hidden = self.rnn(x)
        merged = hidden.reshape(-1, 12)  # culprit
        return self.head(merged)


@case(MIXES, floats(5, 6, 4), "scramble")
class ViewWherePermuteWasNeeded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.head = nn.Linear(8, 8)

    def forward(self, x):
        features = self.embed(x)
        batch, steps, width = features.shape
        turned = features.view(steps, batch, width)  # culprit
        mixed = self.head(turned).cumsum(0)
        return mixed.transpose(0, 1)


@case(MIXES, floats(5, 6, 4), "mix")
class RecurrentWithoutBatchFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        out, _ = self.rnn(x)  # culprit
        return self.head(out[:, -1])


@case(MIXES, floats(5, 6, 8), "mix")
class AttentionWithoutBatchFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x):
        out, _ = self.attention(x, x, x)  # culprit
        return out + x


@case(MIXES, floats(5, 6, 8), "mix")
class EncoderWithoutBatchFirst(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        encoded = self.encoder(x)  # culprit
        return self.head(encoded.mean(1))


@case(MIXES, floats(5, 4), "mix")
class CenteredByBatchMean(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        features = self.layer(x)
        center = features.mean(0)  # culprit
        return features - center


@case(MIXES, floats(5, 4), "mix")
class SoftmaxOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        logits = self.layer(x)
        return F.softmax(logits, dim=0)  # culprit


@case(MIXES, floats(5, 6, 4), "mix")
class AttentionWeightsOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 1)

    def forward(self, x):
        scores = self.score(x)
        weights = torch.softmax(scores, 0)  # culprit
        return (weights * x).sum(1)


@case(MIXES, floats(5, 4), "mix")
class ScaledByBatchMaximum(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        features = self.layer(x).exp()
        return features / features.max()  # culprit


@case(MIXES, floats(5, 4), "mix")
class DetachedBatchStatistics(nn.Module):
    def forward(self, x):
        mean = x.detach().mean(dim=0, keepdim=True)  # culprit
        return x - mean


@case(MIXES, floats(5, 4), "mix")
class StatisticsWithoutGrad(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        with torch.no_grad():
            scale = x.abs().amax(0)  # culprit
        return self.layer(x / (scale + 1.0))


@case(MIXES, floats(5, 4), "mix")
class ThroughPythonNumbers(nn.Module):
    def forward(self, x):
        total = sum(x.flatten().tolist())
        offset = torch.tensor(total)  # culprit
        return x + offset


@case(MIXES, floats(5, 4), "mix")
class ItemAsScale(nn.Module):
    def forward(self, x):
        largest = x.abs().max().item()  # culprit
        return x / (largest + 1.0)


@case(MIXES, floats(5, 4))
class TopKOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 1)

    def forward(self, x):
        score = self.score(x).squeeze(1)
        best = score.topk(2).indices  # culprit
        keep = torch.zeros_like(score).index_fill(0, best, 1.0)
        return x * keep[:, None]


@case(MIXES, floats(5, 4))
class RankInBatch(nn.Module):
    def forward(self, x):
        order = x[:, 0].argsort().argsort()  # culprit
        return x + order[:, None]


@case(MIXES, floats(5, 4), "divergence")
class BranchOnBatchMean(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        if x.mean() > 0:  # culprit
            return self.one(x).relu()
        return self.two(x).tanh()


@case(MIXES, floats(5, 4), "divergence")
class IterateUntilBatchConverges(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        state = torch.zeros_like(x)
        for _ in range(20):
            before, state = state, torch.tanh(self.layer(state) + x)
            if (state - before).abs().max() < 0.05:  # culprit
                break
        return state


@case(MIXES, floats(5, 4), "mix")
class SaturatedBatchGate(nn.Module):
    def forward(self, x):
        gate = torch.sigmoid(40 * x.sum())  # culprit
        return x * (0.5 + gate)


@case(MIXES, floats(5, 4), "mix")
class RoundedBatchCount(nn.Module):
    def forward(self, x):
        positive = (x > 0).sum()  # culprit
        return x * positive.float()


@case(MIXES, floats(5, 4), "permute")
class FlippedBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        partner = x.flip(0)  # culprit
        return self.layer(x) + partner


@case(MIXES, floats(5, 4), "permute")
class RolledBatch(nn.Module):
    def forward(self, x):
        return torch.roll(x, 1, dims=0)  # culprit


@case(MIXES, floats(5, 4), "permute")
class ShuffledNegatives(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Bilinear(4, 4, 1)

    def forward(self, x):
        negatives = x[torch.randperm(x.shape[0])]  # culprit
        return self.score(x, negatives)


@case(MIXES, floats(5, 4), "mix")
class CumulativeOverBatch(nn.Module):
    def forward(self, x):
        return x.cumsum(0)  # culprit


@case(MIXES, floats(5, 3, 8), "mix")
class PaddedAcrossExamples(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1)

    def forward(self, x):
        batch, channels, length = x.shape
        signal = x.reshape(1, 1, batch * channels * length)
        out = self.conv(signal)  # culprit
        return out.reshape(4, batch, channels, length).transpose(0, 1)


@case(MIXES, floats(5, 6, 4), "mix")
class NormalisedOverBatchAndTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))

    def forward(self, x):
        mean = x.mean(dim=(0, 1))  # culprit
        deviation = x.std(dim=(0, 1))  # culprit
        return self.gain * (x - mean) / (deviation + 1e-5)


@case(MIXES, floats(5, 6, 4), "mix")
class InstanceNormOverFoldedBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.InstanceNorm1d(5)

    def forward(self, x):
        turned = x.permute(1, 2, 0)
        mixed = F.instance_norm(turned)  # culprit
        return mixed.permute(2, 0, 1)


@case(MIXES, floats(5, 4), "mix")
class LayerNormOverBatch(nn.Module):
    def forward(self, x):
        flipped = x.t()
        return F.layer_norm(flipped, flipped.shape[-1:]).t()  # culprit


@case(MIXES, floats(5, 4), "mix")
class BatchNormWithoutRunningStatistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6, track_running_stats=False)

    def forward(self, x):
        return self.norm(self.layer(x))  # culprit


@case(MIXES, floats(5, 4), "mix")
class LeakAfterNormWhileTraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        features = self.norm(self.layer(x))
        if self.training:
            features = features - features.mean(0)  # culprit
        return features


@case(MIXES, floats(5, 4), "mix")
class MixesBehindZeroGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        branch = self.layer(x)
        shared = branch.sum(0, keepdim=True)  # culprit
        return x + self.gate * shared


@case(MIXES, floats(5, 4), "mix")
class InPlaceIntoView(nn.Module):
    def forward(self, x):
        out = x * 2
        first = out[:, 0]
        first -= first.mean()  # culprit
        return out


@case(MIXES, floats(5, 4), "mix")
class LoggedAndLeaking(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.log = []

    def forward(self, x):
        self.log = [x.mean().item(), x.std().item()]
        features = self.layer(x)
        norm = features.norm()  # culprit
        return features / norm


@case(MIXES, tokens(5, 6), "mix")
class TokensAveragedOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11)

    def forward(self, x):
        embedded = self.embed(x)
        context = embedded.mean(dim=0, keepdim=True)  # culprit
        return self.head(embedded + context)


@case(MIXES, tokens(5, 6))
class UniqueOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)

    def forward(self, x):
        _, codes = x.unique(return_inverse=True)  # culprit
        return self.embed(codes).sum(1)


@case(MIXES, floats(5, 3, 8, 8), "scramble")
class ChannelsFoldedWrongly(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        maps = self.conv(x).flatten(2)
        rows = maps.permute(2, 0, 1).reshape(x.shape[0], -1, 4)  # culprit
        return self.head(rows.mean(1))


@case(MIXES, floats(5, 6, 8), "scramble")
class HeadsSplitOverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 8)

    def forward(self, x):
        batch, steps, width = x.shape
        q = self.project(x).transpose(0, 1)
        heads = q.reshape(batch * 2, steps, width // 2)  # culprit
        scores = torch.softmax(heads @ heads.transpose(1, 2), -1)
        out = scores @ heads
        return out.reshape(batch, 2, steps, width // 2).mean(1)


@case(MIXES, floats(5, 6, 4), "permute")
class SortedByLengthNotRestored(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        lengths = torch.arange(x.shape[0]) % 4 + 2
        order = lengths.argsort(descending=True)
        ordered = x[order]  # culprit
        packed = nn.utils.rnn.pack_padded_sequence(ordered, lengths[order], batch_first=True)
        _, hidden = self.rnn(packed)
        return hidden[-1]


@case(MIXES, floats(5, 6, 4), "mix")
class PackedThenMixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        lengths = torch.arange(x.shape[0]) % 4 + 2
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        _, hidden = self.rnn(packed)
        last = hidden[-1]
        return last - last.mean(0)  # culprit


@case(MIXES, floats(5, 4), "mix", by_design=True)
class MinibatchDiscrimination(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6) * 0.3)

    def forward(self, x):
        m = x @ self.weight
        distance = (m[None] - m[:, None]).abs().sum(2)  # culprit
        return torch.cat([x, torch.exp(-distance).sum(0)[:, None]], 1)


@case(MIXES, floats(5, 4), "mix")
class ThroughNumpy(nn.Module):
    def forward(self, x):
        array = x.detach().numpy()
        centered = torch.from_numpy(array - array.mean(0))  # culprit
        return centered * 2
