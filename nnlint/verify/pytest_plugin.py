"""A pytest plugin: the verifier's assertions as fixtures, failures without our frames.

Registered as `nnlint`; torch is imported when a fixture is first used::

    def test_net(no_batch_leak, causal):
        no_batch_leak(Net(), torch.randn(5, 16))
        causal(Decoder(), tokens)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Assertion = Callable[..., None]


def _fixture(name: str, assertion: str) -> Any:
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
    return pytest.fixture(name=name)(provide)


no_batch_leak = _fixture("no_batch_leak", "assert_no_batch_leak")
causal = _fixture("causal", "assert_causal")
loss_at_init = _fixture("loss_at_init", "assert_loss_at_init")
can_overfit = _fixture("can_overfit", "assert_can_overfit")
uses_input = _fixture("uses_input", "assert_uses_input")
deterministic = _fixture("deterministic", "assert_deterministic")
equivalent = _fixture("equivalent", "assert_equivalent")
