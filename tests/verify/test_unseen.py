"""Modules on which nothing was tuned: verdict and culprit line must be right all the same.

`# culprit` marks the line where examples begin to mix; a class without one keeps them apart.
"""

from __future__ import annotations

import inspect
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class WhitenedByBatchCovariance(nn.Module):
    """Whitening by batch covariance."""

    def forward(self, x):
        c = x - x.mean(1, keepdim=True)
        cov = c.t() @ c / x.shape[0]  # culprit
        return c @ torch.linalg.inv(cov + torch.eye(x.shape[1]))


class PositionsScaledByLongest(nn.Module):
    """Padding to the longest valid length, derived from values."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)

    def forward(self, x):
        lengths = (x > 0).sum(1)
        longest = int(lengths.max())  # culprit
        pos = torch.arange(6).float() / (longest + 1)
        return self.l(x + pos)


class AttentionOverExamples(nn.Module):
    """Einsum with a forgotten batch index."""

    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        q, k = self.q(x), self.k(x)
        scores = torch.einsum("bi,ci->bc", q, k).softmax(-1)  # culprit
        return scores @ x


class CumulativeOverExamples(nn.Module):
    """Cumulative sum along the wrong axis."""

    def forward(self, x):
        y = x * 2
        return y.cumsum(0)  # culprit


class ConvolutionAlongBatch(nn.Module):
    """Conv1d over an unsqueezed batch."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(6, 6, 3, padding=1)

    def forward(self, x):
        return self.c(x.t().unsqueeze(0)).squeeze(0).t()  # culprit


class NeighbourRolledIn(nn.Module):
    """Roll (shift) over batch."""

    def forward(self, x):
        rolled = torch.roll(x, 1, 0)  # culprit
        return x + rolled


class ExpertCapacity(nn.Module):
    """Top-k gating across the batch (expert capacity)."""

    def __init__(self):
        super().__init__()
        self.g = nn.Linear(6, 1)

    def forward(self, x):
        score = self.g(x).squeeze(-1)
        keep = score >= score.topk(3).values[-1]  # culprit
        return x * keep.unsqueeze(-1)


class QuantileScale(nn.Module):
    """Quantile normalisation."""

    def forward(self, x):
        scale = torch.quantile(x.detach().abs(), 0.9)  # culprit
        return x / scale


class GroupNormTransposed(nn.Module):
    """GroupNorm on a transposed tensor."""

    def __init__(self):
        super().__init__()
        self.n = nn.GroupNorm(1, 6)

    def forward(self, x):
        return self.n(x.t().unsqueeze(0))[0].t()  # culprit


class Flipped(nn.Module):
    """Chunk and swap halves."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)

    def forward(self, x):
        h = self.l(x)
        order = torch.arange(x.shape[0]).flip(0)
        return h[order]  # culprit


class StateCarriedBetweenExamples(nn.Module):
    """State kept between examples: loop carried hidden."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(6, 4)

    def forward(self, x):
        h = torch.zeros(1, 4)
        out = []
        for row in x:
            h = self.cell(row.unsqueeze(0), h)  # culprit
            out.append(h[0])
        return torch.stack(out)


class LayerNormOverBatch(nn.Module):
    """LayerNorm over (batch, features)."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return F.layer_norm(x.unsqueeze(0), (x.shape[0], 6))[0] * self.w  # culprit


class StackedHeadsReshaped(nn.Module):
    """Reshape of stacked heads."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(6, 2) for _ in range(3))

    def forward(self, x):
        y = torch.stack([h(x) for h in self.heads])
        return y.reshape(x.shape[0], -1)  # culprit


class MemoryWrittenInPlace(nn.Module):
    """In-place write to a buffer that is read by the next example."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mem", torch.zeros(6))

    def forward(self, x):
        out = torch.empty_like(x)
        for i in range(x.shape[0]):
            self.mem.mul_(0.5).add_(x[i])  # culprit
            out[i] = self.mem
        return out


class IndexAddModulo(nn.Module):
    """Index_add with a wrong modulo."""

    def forward(self, x):
        out = torch.zeros_like(x)
        index = torch.arange(x.shape[0]) // 2
        out.index_add_(0, index, x)  # culprit
        return out + x


class NormThroughPython(nn.Module):
    """Norm clipping through a Python float."""

    def forward(self, x):
        total = x.norm().item()  # culprit
        return x * min(1.0, 2.0 / total)


class SortedNotRestored(nn.Module):
    """Sort by score, no restore."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)

    def forward(self, x):
        order = x.sum(1).argsort()  # culprit
        return self.l(x[order])  # culprit


class NearestOther(nn.Module):
    """Pairwise distances to the nearest other example."""

    def forward(self, x):
        d = torch.cdist(x, x) + 1e9 * torch.eye(x.shape[0])  # culprit
        return x + d.min(1).values.unsqueeze(1)


class MaskOfFirstExample(nn.Module):
    """Mask shared from the first example."""

    def forward(self, x):
        mask = (x[0] > 0).float()
        return x * mask + x  # culprit


class WindowsOverExamples(nn.Module):
    """Unfold of a flattened signal."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(8, 3)

    def forward(self, x):
        windows = F.pad(x.reshape(-1), (1, 1)).unfold(0, 8, 6)  # culprit
        return self.l(windows)


class OuterProducts(nn.Module):
    """Folding and unfolding with batched matrix products."""

    def forward(self, x):
        y = torch.einsum("bi,bj->bij", x, x)
        return y.flatten(1).view(x.shape[0], 6, 6).diagonal(dim1=1, dim2=2)


class SortedThenRestored(nn.Module):
    """Sort and restore."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)

    def forward(self, x):
        order = x.sum(1).argsort()
        return self.l(x[order])[order.argsort()]


class FreshStatePerExample(nn.Module):
    """Per-example loop with fresh state."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(1, 4)

    def forward(self, x):
        out = []
        for row in x:
            h = torch.zeros(1, 4)
            for v in row:
                h = self.cell(v.view(1, 1), h)
            out.append(h)
        return torch.cat(out)


class ConvolutionGroupedByExample(nn.Module):
    """Grouped conv where groups = batch."""

    def __init__(self):
        super().__init__()
        self.k = nn.Linear(6, 3)

    def forward(self, x):
        kernels = self.k(x).unsqueeze(1)
        return F.conv1d(x.unsqueeze(0), kernels, groups=x.shape[0], padding=1)[0]


class Vectorised(nn.Module):
    """Vmap."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)

    def forward(self, x):
        return torch.vmap(lambda r: self.l(r).softmax(0))(x)


class LoggedMean(nn.Module):
    """Detached batch mean that is only logged."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)
        self.logged = 0.0

    def forward(self, x):
        y = self.l(x)
        self.logged = y.mean().item()
        return y


class ScatteredWithin(nn.Module):
    """Scatter within examples."""

    def forward(self, x):
        order = x.argsort(1)
        return torch.zeros_like(x).scatter(1, order, x)


class MaskedIterations(nn.Module):
    """Early exit per example with masks."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 6)

    def forward(self, x):
        y = x
        for _ in range(3):
            live = (y.norm(dim=1, keepdim=True) > 0.5).float()
            y = live * torch.tanh(self.l(y)) + (1 - live) * y
        return y


class FoldedIntoBatch(nn.Module):
    """Batch folded into channels and back."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x):
        b = x.shape[0]
        y = x.view(b * 2, 1, 1, 3)
        return self.c(y).view(b, 2, 2, 3)


class StatisticNotRead(nn.Module):
    """Exponentially smoothed statistic that is not read in forward."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 3)
        self.register_buffer("ema", torch.zeros(6))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.ema.lerp_(x.mean(0), 0.1)
        return self.l(x)


MODULES = [
    value
    for value in vars(sys.modules[__name__]).values()
    if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == __name__
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_verdict_and_line(module):
    source, first = inspect.getsourcelines(module)
    culprits = [first + i for i, line in enumerate(source) if "# culprit" in line]
    inputs = Inputs.of((torch.randn(5, 6),))
    answer = batch_dependency.run(Subject(Runner(module()), inputs, Options()))
    assert answer.status == ("CONFIRMED" if culprits else "REFUTED")
    if culprits:
        assert answer.evidence["culprit"]["place"]["row"] in culprits


def test_there_are_twenty_and_ten():
    mixing = sum("# culprit" in inspect.getsource(module) for module in MODULES)
    assert (mixing, len(MODULES) - mixing) == (20, 10)
