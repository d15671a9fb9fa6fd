"""Running a model again and again under equal conditions."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .devices import Device
from .inputs import Inputs, seed_all
from .trees import Path, differing, leaves

_BATCH_NORM_NAME = re.compile(r"batch_?(re)?norm|^bn\d*$|inplace_?abn|ghost_?norm", re.IGNORECASE)

Leaves = list[tuple[Path, Tensor]]


class Runner:
    """A model, run with the same weights, buffers, seed and shapes each time.

    Same seed and same shapes let dropout draw the same numbers, so that train mode can be
    compared bit for bit.
    """

    def __init__(self, model: nn.Module, device: Device | None = None) -> None:
        self.device = device or Device("cpu")
        self.model = model
        self.fresh = False
        """Run a deep copy each time, for models that keep state outside their buffers."""
        self.needs_grad = False
        self._buffers = {name: b.detach().clone() for name, b in model.named_buffers()}

    def run(self, inputs: Inputs, training: bool, seed: int = 0) -> Leaves:
        """The tensors that the model returns."""
        return leaves(self.call(inputs, training, seed))

    def call(self, inputs: Inputs, training: bool, seed: int = 0, grad: bool = False) -> Any:
        """What the model returns; batch norm uses its running statistics in either mode."""
        model = copy.deepcopy(self.model) if self.fresh else self.model
        with self.state(model, training), torch.set_grad_enabled(grad or self.needs_grad):
            args, kwargs = inputs.copied()
            seed_all(seed)
            try:
                return model(*args, **kwargs)
            except RuntimeError as error:
                if self.needs_grad or grad or "does not require grad" not in str(error):
                    raise
                self.needs_grad = True
        return self.call(inputs, training, seed)

    @contextlib.contextmanager
    def state(self, model: nn.Module, training: bool) -> Iterator[None]:
        """The model in one mode with the buffers it started with; all is put back after."""
        modes = [(module, module.training) for module in model.modules()]
        restored: list[nn.Module] = []
        self._restore(model)
        try:
            model.train(training)
            if training:
                restored = neutralise(model)
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for module in restored:
                module.running_mean = module.running_var = None  # type: ignore[assignment]
            if not self.fresh:
                self._restore(model)

    def _restore(self, model: nn.Module) -> None:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                known = self._buffers.get(name)
                if known is not None and known.shape == buffer.shape:
                    buffer.copy_(known)

    def deterministic(self, inputs: Inputs, training: bool) -> bool:
        """Whether one seed gives one result; tries fresh copies before it says no."""
        first, second = self.run(inputs, training), self.run(inputs, training)
        if equal(first, second):
            return True
        if not self.fresh:
            self.fresh = True
            try:
                if equal(self.run(inputs, training), self.run(inputs, training)):
                    return True
            except Exception:
                pass
            self.fresh = False
        return False


def neutralise(model: nn.Module) -> list[nn.Module]:
    """Make batch norm use running statistics, by module type.

    By type, since InstanceNorm dispatches to `native_batch_norm` as well; replacing norms
    by the identity would test another model.

    Returns:
        modules that were lent running statistics, having none of their own.
    """
    lent = []
    for module in model.modules():
        if not is_batch_norm(module):
            continue
        module.training = False
        size = getattr(module, "num_features", None)
        if getattr(module, "running_mean", 0) is None and isinstance(size, int):
            reference = next(iter(module.parameters()), torch.zeros(()))
            module.running_mean = torch.zeros(size).to(reference)
            module.running_var = torch.ones(size).to(reference)
            lent.append(module)
    return lent


def is_batch_norm(module: nn.Module) -> bool:
    """Whether a module normalises over the batch by design.

    One of the project's is called so, and holds what evaluation reads in place of the batch.
    """
    kinds = nn.modules.batchnorm
    if isinstance(module, nn.modules.instancenorm._InstanceNorm):
        return False
    if isinstance(module, kinds._BatchNorm):
        return True
    name = type(module).__name__
    if not _BATCH_NORM_NAME.search(name) or list(module.children()):
        return False
    held = (*module.buffers(), *(v for v in vars(module).values() if isinstance(v, Tensor)))
    return any(t.is_floating_point() and t.dim() for t in held)


def equal(left: Leaves, right: Leaves) -> bool:
    """Whether two results are the same bit for bit."""
    if [(p, t.shape) for p, t in left] != [(p, t.shape) for p, t in right]:
        return False
    return not any(bool(differing(a, b).any()) for (_, a), (_, b) in zip(left, right))


def backpropagate(model: nn.Module, inputs: Inputs, seed: int) -> bool:
    """Whether a random functional of all outputs has a gradient, which parameters then hold."""
    args, kwargs = inputs.copied()
    seed_all(seed)
    model.zero_grad(set_to_none=True)
    with torch.enable_grad():
        outputs = [t for _, t in leaves(model(*args, **kwargs)) if t.requires_grad]
        if not outputs:
            return False
        total: Any = sum(((o * torch.randn_like(o)).sum() for o in outputs), torch.zeros(()))
        total.backward()
    return True


def jittered(model: nn.Module, seed: int) -> nn.Module:
    """A copy whose constant weights are no longer constant.

    A gate or head that starts at zero hides what lies behind it; a leak is a matter of
    structure, so any weights may show it.
    """
    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in changed.parameters():
            if not parameter.is_floating_point() or not parameter.numel():
                continue
            if bool((parameter == parameter.reshape(-1)[0]).all()):
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.1 * noise.to(parameter))
    return changed


def shaken(model: nn.Module, seed: int) -> nn.Module:
    """A copy with other weights of the same order, for what must hold under any weights."""
    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in changed.parameters():
            if not parameter.is_floating_point() or not parameter.numel():
                continue
            scale = 2 * float(parameter.float().pow(2).mean().sqrt()) + 0.1
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(scale * noise.to(parameter))
    return changed
