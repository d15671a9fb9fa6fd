"""The device layer: where a model runs, and how much its results scatter there.

Nothing on CUDA has been measured; this path is tested with a fake device only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

NOISE_FACTOR = 4.0
"""Differences count from four times the noise of an unperturbed run repeated."""


class Device:
    """One place to compute, by name: cpu, cuda or mps."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def torch_device(self) -> torch.device:
        """The device as torch names it."""
        return torch.device(self.name)

    @property
    def exact(self) -> bool:
        """Whether equal runs give equal bits, so that any difference counts."""
        return self.name == "cpu"

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """TF32 off and deterministic algorithms where they exist; all is put back after."""
        if self.exact:
            yield
            return
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
        strict = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        matmul.allow_tf32 = cudnn.allow_tf32 = cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)

    def threshold(self, run: Callable[[], Any], difference: Callable[[Any, Any], float]) -> float:
        """The difference from which a change counts: 0 where results are exact."""
        if self.exact:
            return 0.0
        first = run()
        return NOISE_FACTOR * max(difference(first, run()) for _ in range(3))


def choose(wish: str) -> Device:
    """The device for a wish: a name, or `auto` for the CPU unless nothing else fits.

    `auto` is the CPU: results there are exact, and small inputs are fast.

    Raises:
        ValueError: the device is not there.
    """
    if wish in ("auto", "cpu"):
        return Device("cpu")
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps}
    if wish not in backends or not backends[wish].is_available():
        raise ValueError(f"this interpreter's torch has no {wish} device")
    return Device(wish)


SMALL = 2**20
"""Parameters and input elements together under which one thread is used. On two busy cores the
batch probe took 12 times the processor time with two threads for a CNN of 263,000 parameters,
and 18 times for a GRU of 5,000."""


@contextlib.contextmanager
def fitting_threads(model: nn.Module, tensors: Iterable[torch.Tensor]) -> Iterator[None]:
    """One thread while a small model runs; the number that was set comes back afterwards."""
    sizes = [t.numel() for t in (*model.parameters(), *tensors) if not is_lazy(t)]
    before = torch.get_num_threads()
    if sum(sizes) >= SMALL or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
