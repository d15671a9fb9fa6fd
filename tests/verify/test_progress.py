"""There is an answer whenever the time runs out: what is known by then."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from nnlint.verify.runtime import progress
from nnlint.verify.runtime.dependency import find_layout, measure
from nnlint.verify.runtime.inputs import DRAWS, Inputs
from nnlint.verify.runtime.probes import batch_dependency, causality, overfit
from nnlint.verify.runtime.progress import late, so_far, watched, within
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject, confirmed
from nnlint.verify.session import Limits, Outcome, run_job


class Clock:
    """Goes on by one whenever a model runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    CLOCK.now = 0.0
    monkeypatch.setattr(progress, "time", CLOCK)


class Mixing(nn.Module):
    """Each example has the mean of all taken away."""

    def __init__(self, mixes: bool = True) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.mixes = mixes

    def forward(self, x):
        CLOCK.now += 1
        x = self.layer(x)
        return x - x.mean(0) if self.mixes else x


class Steps(nn.Module):
    """Sums of the steps before, or of all steps."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, x):
        CLOCK.now += 1
        return x.cumsum(1) if self.causal else x.cumsum(1) + x.sum(1, keepdim=True)


def subject(model: nn.Module, *shape: int, **options) -> Subject:
    return Subject(Runner(model), Inputs.of((torch.randn(shape),)), Options(**options))


def test_nobody_is_late_where_nobody_watches():
    so_far(confirmed("nobody listens"))
    assert not late()
    with watched(100.0, lambda answer: None), within(0.5):
        CLOCK.now += 49
        assert not late()
        CLOCK.now += 2
        assert late()


def test_draws_are_counted():
    runner, inputs = Runner(Mixing(mixes=False)), Inputs.of((torch.randn(5, 4),))
    layout = find_layout(runner, inputs, False)
    known = []
    assert measure(runner, inputs, layout, False, tell=known.append).complete
    assert [k.draws for k in known] == list(range(1, len(DRAWS) + 1)) and not known[-1].leaks
    known.clear()
    measure(Runner(Mixing()), inputs, layout, False, tell=known.append)
    assert known[0].draws == 0 and known[0].leaks
    with watched(0.0, known.append):
        assert measure(runner, inputs, layout, False).draws == 0


def test_a_leak_is_confirmed_though_the_time_is_up():
    class Slower(Mixing):
        def forward(self, x):
            CLOCK.now += 100 * (CLOCK.now > 6)
            return super().forward(x)

    heard = []
    with watched(16.0, heard.append):
        answer = batch_dependency.run(subject(Slower(), 5, 4, axis=0))
    assert answer.status == "CONFIRMED" and "the only one in the time there was" in answer.summary
    row = answer.evidence["culprit"]["place"]["row"]
    assert "x.mean(0)" in linecache.getline(__file__, row)
    assert heard[0].status == "CONFIRMED" and f"0 of {len(DRAWS)} draws" in heard[0].summary


def test_what_mixes_on_purpose_is_not_confirmed_early():
    class ContrastiveHead(Mixing):
        pass

    heard = []
    with watched(100.0, heard.append):
        batch_dependency.run(subject(ContrastiveHead(), 5, 4, axis=0))
    assert heard and all(a.status == "INCONCLUSIVE" for a in heard)


@pytest.mark.parametrize(("seconds", "status"), [(90.0, "REFUTED"), (20.0, "INCONCLUSIVE")])
def test_clean_so_far(seconds, status):
    with watched(seconds, lambda answer: None):
        answer = batch_dependency.run(subject(Mixing(mixes=False), 5, 4))
    assert answer.status == status
    if status == "REFUTED":
        assert f"of {len(DRAWS)} draws" in answer.summary
    else:
        assert "the time was up" in answer.summary


@pytest.mark.parametrize(("causal", "status"), [(True, "REFUTED"), (False, "CONFIRMED")])
def test_causality_in_little_time(causal, status):
    with watched(14.0, lambda answer: None):
        answer = causality.run(subject(Steps(causal), 3, 6, 4, causal=True, time_axis=1))
    assert answer.status == status
    assert causal == (f"of {len(DRAWS)} draws" in answer.summary)


def test_overfitting_ends_in_time():
    with watched(20.0, lambda answer: None):
        answer = overfit.run(subject(Mixing(mixes=False), 5, 4, loss="mse"))
    assert answer.status == "INCONCLUSIVE" and "when the time was up" in answer.summary


SLOW = """import time
import torch
from torch import nn


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > {limit}:
            {end}
        x = self.layer(x)
        return x - x.mean(0)
"""


def asked(tmp_path: Path, end: str, limit: int) -> Outcome:
    file = tmp_path / "slow.py"
    file.write_text(SLOW.format(limit=limit, end=end))
    job = {
        "target": {"file": str(file), "name": "Slow"},
        "probes": ["batch-dependency"],
        "options": {"axis": 0},
        "inputs": [{"shape": [5, 4]}],
    }
    return run_job(sys.executable, job, Limits(timeout=12.0))


@pytest.mark.parametrize(
    ("end", "why"),
    [("time.sleep(600)", "no answer within 12 s"), ("__import__('os').abort()", "SIGABRT")],
)
def test_the_last_word_counts_when_a_step_never_ends(tmp_path, end, why):
    (result,) = asked(tmp_path, end, 20).results
    assert result.status == "CONFIRMED" and why in result.summary
    (result,) = asked(tmp_path, end, 3).results
    assert result.status == "INCONCLUSIVE" and why in result.summary
