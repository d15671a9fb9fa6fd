"""A Lightning callback that checks the module on its first batch, before training.

::

    from nnlint.verify.lightning import VerifyCallback

    Trainer(callbacks=[VerifyCallback()])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from nnlint.verify.api import assert_deterministic, assert_no_batch_leak


class VerifyCallback(Callback):  # type: ignore[misc]
    """Checks on the first training batch that examples stay apart and that eval is exact.

    Parameters:
        inputs: takes the batch and returns the positional arguments of `forward`; the
            default takes the first element of a tuple or list batch.
        batch_axis: the axis of examples.
        determinism: check eval mode too.

    Raises:
        VerificationError: from `on_train_batch_start`, so that training does not begin.
    """

    def __init__(
        self,
        inputs: Callable[[Any], tuple[Any, ...]] | None = None,
        batch_axis: int = 0,
        determinism: bool = True,
    ) -> None:
        self._inputs = inputs or _first_element
        self._batch_axis = batch_axis
        self._determinism = determinism
        self._done = False

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check once; later batches cost nothing."""
        if self._done:
            return
        self._done = True
        inputs = self._inputs(batch)
        assert_no_batch_leak(pl_module, *inputs, batch_axis=self._batch_axis)
        if self._determinism:
            assert_deterministic(pl_module, *inputs)


def _first_element(batch: Any) -> tuple[Any, ...]:
    if isinstance(batch, (list, tuple)):
        return (batch[0],)
    return (batch,)
