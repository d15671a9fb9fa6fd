"""Verdict and culprit line of every module of the zoo."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency, causality
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Answer, Options, Subject

from .zoo import CAUSAL, CLEAN, FUTURE, MIXES, Case, load

CASES = load()


def judge(case: Case) -> Answer:
    """What the verifier says of a case."""
    torch.set_num_threads(1)
    inputs = Inputs.of(case.inputs())
    if case.truth in (MIXES, CLEAN):
        options = Options(axis=case.axis)
        return batch_dependency.run(Subject(Runner(case.build()), inputs, options))
    options = Options(causal=True, time_axis=case.axis)
    return causality.run(Subject(Runner(case.build()), inputs, options))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_and_line(case: Case):
    if case.name == "ThroughNumpy" and importlib.util.find_spec("numpy") is None:
        pytest.skip("numpy is not installed")
    answer = judge(case)
    if case.by_design:
        assert answer.status == "INCONCLUSIVE" and "by design" in answer.summary
    else:
        assert answer.status == ("CONFIRMED" if case.truth in (MIXES, FUTURE) else "REFUTED")
    culprit = answer.evidence.get("culprit")
    if case.truth in (CLEAN, CAUSAL):
        assert culprit is None
        return
    assert culprit["place"]["filename"].endswith(".py")
    assert culprit["place"]["row"] in case.culprits
    if case.kind:
        assert culprit["kind"] == case.kind


def test_zoo_is_large_and_balanced():
    mixing = [c for c in CASES if c.truth in (MIXES, FUTURE)]
    clean = [c for c in CASES if c.truth in (CLEAN, CAUSAL)]
    assert len(CASES) >= 60 and min(len(mixing), len(clean)) >= 30
    assert all(len(c.culprits) >= 1 for c in mixing) and not any(c.culprits for c in clean)
