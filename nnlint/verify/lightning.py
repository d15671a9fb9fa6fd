"""A Lightning callback that checks the module on its first batch, before training.

::

    from nnlint.verify.lightning import VerifyCallback

    Trainer(callbacks=[VerifyCallback()])
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from nnlint.verify.api import VerificationError, assert_deterministic, assert_no_batch_leak
from nnlint.verify.runtime.subject import CONFIRMED


class VerifyCallback(Callback):  # type: ignore[misc]
    """Checks on the first training batch that examples stay apart and that eval is exact.

    Parameters:
        inputs: takes the batch and returns the positional arguments of `forward`; the
            default takes the first element of a tuple or list batch.
        batch_axis: the axis of examples.
        determinism: check eval mode too.

    Raises:
        VerificationError: a fault is found; from `on_train_batch_start`, so that training does
            not begin. Where nothing can be said, it warns.
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
        with _warning_where_nothing_can_be_told():
            assert_no_batch_leak(pl_module, *inputs, batch_axis=self._batch_axis)
        if self._determinism:
            with _warning_where_nothing_can_be_told():
                assert_deterministic(pl_module, *inputs)


@contextlib.contextmanager
def _warning_where_nothing_can_be_told() -> Iterator[None]:
    """A fault ends the training; that nothing can be said about one is no reason to."""
    try:
        yield
    except VerificationError as error:
        if error.answer.status == CONFIRMED:
            raise
        warnings.warn(str(error), stacklevel=2)


def _first_element(batch: Any) -> tuple[Any, ...]:
    if isinstance(batch, (list, tuple)):
        return (batch[0],)
    return (batch,)
