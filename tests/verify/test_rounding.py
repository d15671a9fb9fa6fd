"""What is rounded, and made large by what comes after, is no dependency; what is small, is one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency, causality
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Kernel(nn.Module):
    """A convolution by Fourier transforms, over twice the time or around its end."""

    def __init__(self, padded: bool):
        super().__init__()
        self.taps, self.padded = nn.Parameter(torch.randn(64)), padded

    def forward(self, x):
        steps = x.shape[1]
        n = 2 * steps if self.padded else steps
        taps = torch.fft.rfft(self.taps[:steps], n=n)
        spectrum = torch.fft.rfft(x, n=n, dim=1)
        return torch.fft.irfft(spectrum * taps[:, None], n=n, dim=1)[:, :steps]


class Normed(nn.Module):
    """Two such layers with norms between, which make small differences large."""

    def __init__(self, padded: bool):
        super().__init__()
        self.first, self.second = Kernel(padded), Kernel(padded)
        self.norm = nn.LayerNorm(6)

    def forward(self, x):
        return self.norm(self.second(self.norm(self.first(x))))


class Signs(nn.Module):
    """Only whether it is positive, with a little slope around zero."""

    def __init__(self, padded: bool):
        super().__init__()
        self.kernel = Kernel(padded)

    def forward(self, x):
        return torch.tanh(1e4 * self.kernel(x))


@pytest.mark.parametrize("kind", [Kernel, Normed, Signs])
@pytest.mark.parametrize("padded", [True, False])
def test_transforms_over_time(kind: type[nn.Module], padded: bool):
    inputs = Inputs.of((torch.randn(3, 12, 6),))
    subject = Subject(Runner(kind(padded)), inputs, Options(causal=True, time_axis=1))
    answer = causality.run(subject)
    assert answer.status == ("REFUTED" if padded else "CONFIRMED"), answer.summary


class Undone(nn.Module):
    """Adds the sum of the batch and takes it away again, or a small share of it stays."""

    def __init__(self, share: float):
        super().__init__()
        self.share, self.norm = share, nn.LayerNorm(6)

    def forward(self, x):
        total = x.sum(0)
        rest = x + total - (1 - self.share) * total
        return torch.tanh(50 * self.norm(rest))


@pytest.mark.parametrize(("share", "status"), [(0.0, "REFUTED"), (1e-3, "CONFIRMED")])
def test_what_is_added_and_taken_away(share: float, status: str):
    subject = Subject(Runner(Undone(share)), Inputs.of((torch.randn(5, 6),)), Options())
    answer = batch_dependency.run(subject)
    assert answer.status == status, answer.summary


class Overflows(nn.Module):
    """Numbers beyond single precision, of another example's making or of each one's own."""

    def __init__(self, way: str, apart: bool):
        super().__init__()
        self.way, self.apart, self.layer = way, apart, nn.Linear(6, 6)

    def forward(self, x):
        x = self.layer(x)
        other = x if self.apart else x.roll(1, 0)
        if self.way == "exponential":
            return x + other.exp()
        if self.way == "power":
            return x * (10 * other).pow(30)
        return torch.sinh(x - other / 2)


@pytest.mark.parametrize("way", ["exponential", "power", "hyperbolic"])
@pytest.mark.parametrize("apart", [True, False])
def test_what_overflows_is_no_rounding(way: str, apart: bool):
    subject = Subject(Runner(Overflows(way, apart)), Inputs.of((torch.randn(5, 6),)), Options())
    answer = batch_dependency.run(subject)
    assert answer.status != ("CONFIRMED" if apart else "REFUTED"), answer.summary
