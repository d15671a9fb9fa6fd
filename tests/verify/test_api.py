"""The assertions for tests: what passes, what fails, and what the message says."""

from __future__ import annotations

import contextlib
import math
import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlint.verify import (
    VerificationError,
    assert_can_overfit,
    assert_causal,
    assert_deterministic,
    assert_equivalent,
    assert_loss_at_init,
    assert_no_batch_leak,
    assert_uses_input,
    dependency_matrix,
)

from .zoo.causal import AttentionWithMask, AttentionWithoutMask
from .zoo.mixing import CenteredByBatchMean, HiddenStateView

pytest_plugins = ["pytester"]


def mlp(*tail: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 10), *tail)


X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def test_leak_fails_with_matrix_and_line():
    with pytest.raises(VerificationError) as caught:
        assert_no_batch_leak(HiddenStateView(), torch.randn(5, 6, 4))
    message = str(caught.value)
    assert "flat = hidden.view(x.shape[0], -1)" in message and "scramble" in message
    assert "output of example (row)" in message


def test_clean_module_passes_and_keeps_its_state():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model[2].eval()
    assert_no_batch_leak(model, X)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert model.training and not model[2].training


@pytest.mark.parametrize(
    "check",
    [
        assert_no_batch_leak,
        assert_deterministic,
        assert_uses_input,
        dependency_matrix,
        lambda model, x: assert_equivalent(model, model, x),
        lambda model, x: assert_can_overfit(model, x, steps=5),
    ],
)
def test_random_state_and_threads_are_left_alone(check):
    model = mlp(nn.Dropout(0.5))
    before, threads = (torch.get_rng_state(), random.getstate()), torch.get_num_threads()
    with contextlib.suppress(VerificationError):
        check(model, X)
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert torch.get_num_threads() == threads


def test_dependency_matrix_is_diagonal_or_not():
    clean = dependency_matrix(mlp(), X)
    assert clean.shape == (8, 8) and (clean.diagonal() > 0).all()
    assert not (clean - torch.diag(clean.diagonal())).any()
    assert (dependency_matrix(CenteredByBatchMean(), X[:5, :4]) > 0).all()


def test_batch_axis():
    model = nn.GRU(4, 3)
    assert_no_batch_leak(model, torch.randn(6, 5, 4), batch_axis=1)
    with pytest.raises(VerificationError):
        assert_no_batch_leak(model, torch.randn(6, 5, 4))


def test_no_axis_to_judge_by_is_an_error():
    class Loss(nn.Module):
        def forward(self, x):
            return x.mean()

    with pytest.raises(VerificationError, match="cannot tell"):
        assert_no_batch_leak(Loss(), X)


def test_causal():
    assert_causal(AttentionWithMask(), torch.randn(2, 6, 8))
    with pytest.raises(VerificationError, match="time step"):
        assert_causal(AttentionWithoutMask(), torch.randn(2, 6, 8))


def test_loss_at_init():
    assert_loss_at_init(mlp(), X)
    with pytest.raises(VerificationError, match="confidently wrong"):
        assert_loss_at_init(mlp(), X * 255)
    with pytest.raises(VerificationError, match=r"cannot fall under 1\.461"):
        assert_loss_at_init(mlp(nn.Softmax(1)), X)


def test_regression_and_binary_loss_at_init():
    torch.manual_seed(0)
    assert_loss_at_init(nn.Linear(6, 1), 0.1 * X, loss="mse")
    assert_loss_at_init(nn.Linear(6, 1), 0.1 * X, loss="bce_with_logits")
    with pytest.raises(VerificationError, match="applies the sigmoid itself"):
        assert_loss_at_init(nn.Sequential(nn.Linear(6, 1), nn.Sigmoid()), X, loss="bce_with_logits")


def test_overfit_and_the_mark_of_double_softmax():
    assert_can_overfit(mlp(nn.Dropout(0.5)), X)
    with pytest.raises(VerificationError, match="softmax applied twice"):
        assert_can_overfit(mlp(nn.Softmax(1)), X, steps=600)


def test_uses_input():
    class Ignores(nn.Module):
        def forward(self, x, mask=None):
            return x * 2

    mask = torch.ones(8, 6, dtype=torch.bool)
    with pytest.raises(VerificationError, match=r"mask: \(8, 6\) bool"):
        assert_uses_input(Ignores(), X, kwargs={"mask": mask})
    assert_uses_input(mlp(), X)


def test_deterministic_names_the_random_line():
    class Always(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.5)

    with pytest.raises(VerificationError, match=r"return F\.dropout\(x, 0\.5\)") as caught:
        assert_deterministic(Always(), X)
    assert caught.value.answer.evidence["culprit"]["operation"] == "bernoulli_"
    assert_deterministic(mlp(nn.Dropout(0.5)), X)


def test_equivalent():
    def loopy(x):
        return torch.stack([row.softmax(0) @ row for row in x])

    assert_equivalent(loopy, lambda x: (x.softmax(1) * x).sum(1), X)
    with pytest.raises(VerificationError, match=r"differs at 8 of 8 places, first at \(0,\)"):
        assert_equivalent(loopy, lambda x: (x.softmax(0) * x).sum(1), X)
    with pytest.raises(VerificationError, match="shape"):
        assert_equivalent(loopy, lambda x: x, X)


def test_equivalent_compares_gradients():
    with pytest.raises(VerificationError, match="gradient of argument 0"):
        assert_equivalent(lambda x: x * 2, lambda x: x * 2 + (x - x.detach()), X)


def test_loss_of_chance_is_what_the_probe_expects():
    torch.manual_seed(0)
    loss = F.cross_entropy(mlp()(X), torch.randint(10, (8,)))
    assert float(loss.detach()) / math.log(10) == pytest.approx(1, abs=0.15)


def test_pytest_plugin_fails_readably(pytester):
    pytester.makepyfile(
        """
        import torch
        from torch import nn

        class Leak(nn.Module):
            def forward(self, x):
                return x - x.mean(0)

        def test_leak(assert_no_batch_leak):
            assert_no_batch_leak(Leak(), torch.randn(5, 3))

        def test_clean(assert_no_batch_leak, assert_uses_input):
            assert_no_batch_leak(nn.Linear(3, 2), torch.randn(5, 3))
            assert_uses_input(nn.Linear(3, 2), torch.randn(5, 3))
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:nnlint", "-p", "nnlint.verify.pytest_plugin")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*examples mix: changing example*", "*return x - x.mean(0)*"])
    assert "api.py" not in result.stdout.str()
