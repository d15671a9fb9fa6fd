"""Trial runs of a model: does it run on these inputs, and how far does it get?"""

from __future__ import annotations

import itertools
import re
import time
from typing import Any, Optional

import torch
from torch import Tensor, nn

from ..inputs import Inputs, seed_all
from ..trees import replace

SLOW = 0.2
"""Seconds for a run from which on shapes are tried without computing anything first."""
_ONLY_META = re.compile(r"meta|same device|data-dependent|Tensor\.item\(\)|FakeTensor", re.I)


def trial(model: nn.Module, inputs: Inputs) -> tuple[int, Optional[Exception]]:
    """How many modules were called, and the error if there was one."""
    args, kwargs = inputs.copied()
    return _counted(model, lambda: model(*args, **kwargs))


class Trials:
    """Runs of one model on many candidates.

    Once a run was slow, candidates run on the meta device first, which checks shapes and
    types and computes nothing. A model that cannot (it looks at values, or makes tensors on
    a device of its own) is only run for real from then on.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.slow = False
        self._meta: Optional[dict[str, Tensor]] = None
        self._real_only = False

    def run(self, inputs: Inputs) -> tuple[int, Optional[Exception]]:
        """As `trial`."""
        if self.slow and not self._real_only:
            progress, error = self._on_meta(inputs)
            if error is not None and not self._real_only:
                return progress, error
        started = time.monotonic()
        outcome = trial(self.model, inputs)
        self.slow = self.slow or time.monotonic() - started > SLOW
        return outcome

    def _on_meta(self, inputs: Inputs) -> tuple[int, Optional[Exception]]:
        args, kwargs = replace((inputs.args, inputs.kwargs), lambda _, t: t.to("meta"))
        try:
            state = self._parts()
        except (RuntimeError, ValueError, NotImplementedError):
            # parameters without a shape yet, or of a type that has no meta version
            self._real_only = True
            return 0, None
        progress, error = _counted(
            self.model,
            lambda: torch.func.functional_call(self.model, state, args, kwargs),
        )
        if error is not None:
            told = isinstance(error, NotImplementedError) or _ONLY_META.search(str(error))
            self._real_only = bool(told)
        return progress, error

    def _parts(self) -> dict[str, Tensor]:
        if self._meta is None:
            named = itertools.chain(self.model.named_parameters(), self.model.named_buffers())
            self._meta = {name: tensor.detach().to("meta") for name, tensor in named}
        return self._meta


def _counted(model: nn.Module, run: Any) -> tuple[int, Optional[Exception]]:
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    handles = [m.register_forward_hook(count) for m in model.modules()]
    try:
        seed_all(0)
        with torch.no_grad():
            run()
    except Exception as error:
        return calls, error
    finally:
        for handle in handles:
            handle.remove()
    return calls, None
