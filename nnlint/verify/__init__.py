"""Findings become evidence: build the module, run a probe, name the line.

For tests, without the linter::

    from nnlint.verify import assert_no_batch_leak

    def test_examples_stay_apart():
        assert_no_batch_leak(Net(), torch.randn(5, 3, 32, 32))

The names below need torch and are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnlint.verify.api import (
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

__all__ = [
    "VerificationError",
    "assert_can_overfit",
    "assert_causal",
    "assert_deterministic",
    "assert_equivalent",
    "assert_loss_at_init",
    "assert_no_batch_leak",
    "assert_uses_input",
    "dependency_matrix",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from nnlint.verify import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
