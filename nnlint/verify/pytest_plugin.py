"""A pytest plugin: the verifier's assertions as fixtures, failures without our frames.

Registered as `nnlint`. Each fixture is called as the function is, which no test suite calls a
fixture of its own; torch is imported when one is first used::

    def test_net(assert_no_batch_leak, assert_causal):
        assert_no_batch_leak(Net(), torch.randn(5, 16))
        assert_causal(Decoder(), tokens)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Assertion = Callable[..., None]


def _fixture(assertion: str) -> Any:
    def provide() -> Assertion:
        pytest.importorskip("torch", reason="nnlint's fixtures need torch")
        import nnlint.verify

        checked: Assertion = getattr(nnlint.verify, assertion)

        def check(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            from nnlint.verify import VerificationError

            try:
                checked(*args, **kwargs)
            except VerificationError as error:
                pytest.fail(str(error), pytrace=False)

        check.__doc__ = checked.__doc__
        return check

    provide.__doc__ = f"`nnlint.verify.{assertion}`, failing with the evidence alone."
    return pytest.fixture(name=assertion)(provide)


assert_no_batch_leak = _fixture("assert_no_batch_leak")
assert_causal = _fixture("assert_causal")
assert_loss_at_init = _fixture("assert_loss_at_init")
assert_can_overfit = _fixture("assert_can_overfit")
assert_uses_input = _fixture("assert_uses_input")
assert_deterministic = _fixture("assert_deterministic")
assert_equivalent = _fixture("assert_equivalent")
