"""Which models say of themselves that they are causal."""

from __future__ import annotations

import json
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlint.cli import run
from nnlint.verify.runtime.intent import meant_causal


class CausalMixer(nn.Module):
    pass


class NonCausalMixer(nn.Module):
    pass


class Mixer(nn.Module):
    """An autoregressive mixer of steps."""


class Teller(nn.Module):
    """Mixes steps; whether causal or not is up to the caller."""


class CausalEffectNet(nn.Module):
    """Estimates the effect of a treatment."""


class Table(nn.Module):
    def __init__(self, size: int, kind: str):
        super().__init__()
        ones = torch.ones(size, size)
        table = {"lower": ones.tril(), "upper": ones.triu(1).bool(), "all": ones}[kind]
        self.register_buffer("allowed", table[None, None])


class Masked(nn.Module):
    def forward(self, x):
        mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        return (x @ x.mT).masked_fill(mask, -torch.inf).softmax(-1) @ x


class Fused(nn.Module):
    def forward(self, x):
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)


class Pairs(nn.Module):
    def forward(self, x):
        return torch.triu(x @ x.mT, 1).sum((1, 2))


class Switched(nn.Module):
    """Causal attention."""

    def __init__(self, causal: bool):
        super().__init__()
        self.causal = causal


class Unkept(nn.Module):
    """Causal attention."""

    def __init__(self, causal: bool = False):
        super().__init__()
        self.mask = "lower" if causal else "none"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (CausalMixer(), "it is called CausalMixer"),
        (NonCausalMixer(), ""),
        (Mixer(), "its documentation says that it is causal"),
        (Teller(), ""),
        (CausalEffectNet(), ""),
        (Table(6, "lower"), "it holds a triangular mask"),
        (Table(6, "upper"), "it holds a triangular mask"),
        (Table(6, "all"), ""),
        (Masked(), "it makes a triangular mask"),
        (Fused(), "it makes a triangular mask"),
        (Pairs(), ""),
        (Switched(True), "it says so by an attribute"),
        (Switched(False), ""),
        (Unkept(), ""),
        (nn.Sequential(CausalMixer()), ""),
        (nn.Linear(2, 2), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_speaks_for_it(model, reason):
    assert meant_causal(model) == reason


SOURCE = """import torch
from torch import nn


class CausalAverage(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        batch, time, width = x.shape
        return self.layer(x - x.mean(1, keepdim=True))


class Average(CausalAverage):
    pass


class Patches(nn.Module):
    def __init__(self, r=2, channels=3):
        super().__init__()
        self.r = r
        self.layer = nn.Conv2d(channels * r * r, 4, 1)

    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, c * self.r * self.r, h // self.r, w // self.r)
        return self.layer(x)
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(SOURCE)


def answers(capsys, name: str) -> dict[str, tuple[str, str]]:
    run(["verify", f"model.py:{name}", "--python", sys.executable, "--output-format", "json"])
    results = json.loads(capsys.readouterr().out)["results"]
    return {r["probe"]: (r["status"], r["summary"]) for r in results}


def test_causality_is_asked_where_the_class_says_so(source, capsys):
    status, summary = answers(capsys, "CausalAverage")["causality"]
    assert status == "CONFIRMED" and summary.endswith("(asked since it is called CausalAverage)")
    assert "causality" not in answers(capsys, "Average")


def test_views_that_a_rule_doubts_are_looked_at(source, capsys):
    status, summary = answers(capsys, "Patches")["view-order"]
    assert status == "CONFIRMED" and "(5, 3, 34, 38) as (5, 12, 17, 19)" in summary
