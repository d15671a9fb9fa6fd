"""A finding is taken back only if its own line ran in the probe and its own question was asked."""

from __future__ import annotations

import json
import sys

import pytest

from nnlint.cli import run
from nnlint.verify.runtime.lines import Lines

IN_THE_LOOP = """import torch
import torch.nn.functional as F
from torch import nn


class Scorer(nn.Module):
    def __init__(self, width=12, kinds=3):
        super().__init__()
        self.body = nn.Linear(width, kinds)

    def forward(self, features):
        return self.body(features)


def fit(batches):
    torch.manual_seed(3)
    scorer = Scorer()
    adam = torch.optim.Adam(scorer.parameters())
    for features, kind in batches:
        adam.zero_grad()
        shares = scorer(features).softmax(-1)
        F.cross_entropy(shares, kind).backward()
        adam.step()
"""
IN_A_STEP = """import torch
import torch.nn.functional as F
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(12, 5)

    def forward(self, features):
        return self.body(features)

    def training_step(self, batch):
        features, tags = batch
        chances = torch.sigmoid(
            self(features)
        )
        return F.binary_cross_entropy_with_logits(chances, tags)


def fit(batches):
    torch.manual_seed(3)
    tagger = Tagger()
    adam = torch.optim.Adam(tagger.parameters())
    for batch in batches:
        adam.zero_grad()
        tagger.training_step(batch).backward()
        adam.step()
"""
IN_A_BRANCH = IN_THE_LOOP.replace(
    "        return self.body(features)",
    "        scores = self.body(features)\n"
    "        return scores.softmax(-1) if features.shape[1] == 12 else scores",
).replace("scorer(features).softmax(-1)", "scorer(features)")
NO_PROBABILITY = IN_THE_LOOP.replace(
    "shares = scorer(features).softmax(-1)\n        F.cross_entropy(shares, kind)",
    "F.nll_loss(scorer(features), kind)",
)


@pytest.fixture
def verdicts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["--no-cache", "--isolated", "--verify", "--python", sys.executable]

    def ask(text: str, rule: str):
        (tmp_path / "train.py").write_text(text)
        status = run([*arguments, "--select", rule, "--output-format", "json", "train.py"])
        return status, [f["verdict"] for f in json.loads(capsys.readouterr().out)]

    return ask


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (IN_THE_LOOP, "softmax-into-cross-entropy"),
        (IN_A_STEP, "sigmoid-into-bce-with-logits"),
    ],
)
def test_an_activation_outside_forward_is_not_taken_back(verdicts, text: str, rule: str):
    status, (verdict,) = verdicts(text, rule)
    assert status == 1 and verdict["status"] == "INCONCLUSIVE"
    assert "the reported line did not run" in verdict["summary"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [(IN_A_BRANCH, "softmax-into-cross-entropy"), (NO_PROBABILITY, "logits-into-nll")],
)
def test_what_forward_gives_back_is_judged(verdicts, text: str, rule: str):
    _status, found = verdicts(text, rule)
    assert all(verdict["status"] == "CONFIRMED" for verdict in found)


def test_a_question_that_the_model_cannot_answer_stays_open(verdicts):
    text = IN_THE_LOOP.replace(
        "    for features, kind",
        "    scorer.extra = nn.Linear(3, 3)\n    for features, kind",
    ).replace("scorer(features).softmax(-1)", "scorer.extra(scorer(features))")
    _status, found = verdicts(text, "optimizer-stale-parameters")
    assert [v["status"] for v in found] == ["INCONCLUSIVE"] * len(found)


def test_lines_that_ran():
    first = _sample.__code__.co_firstlineno
    lines = Lines([(__file__, first + 2, first + 4), (__file__, first + 6, first + 6)])
    with lines.watched():
        _sample(1)
    assert list(lines.as_dict().values()) == [True, False]
    with lines.watched():
        _sample(-1)
    assert not lines.missed


def test_nothing_is_watched_once_all_lines_ran():
    """Watching calls a function for each call of a library, which costs more than small models."""
    first = _sample.__code__.co_firstlineno
    lines = Lines([(__file__, first + 2, first + 4)])
    before = sys.gettrace()
    with lines.watched():
        _sample(-1)
        assert sys.gettrace() is not before
        _sample(1)
        _sample(1)
        assert sys.gettrace() is before


def _sample(number: int) -> int:
    if number > 0:
        return max(
            number,
            3,
        )
    return 0
