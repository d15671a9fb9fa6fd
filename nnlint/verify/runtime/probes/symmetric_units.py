"""Do units that start with equal weights stay equal?

Criterion: the weights of all units of a dense or recurrent layer, or all slices of a parameter of
the model's own along an axis, are one and the same at first. A copy takes twenty steps down the
gradient of random functionals of its outputs, on other inputs each time, in train mode and in
double precision where it runs in that; a gradient that is only rounding beside the largest one is
zero. CONFIRMED when the units of one still differ by no more than a ten-thousandth of how far they
have gone, or have not gone anywhere, REFUTED when none starts with equal units. INCONCLUSIVE where
all come apart: they start alike all the same.
Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.4, on breaking symmetry.
"""

from __future__ import annotations

import copy
import dataclasses
import math

import torch
from torch import Tensor, nn

from ..inputs import Inputs
from ..progress import late
from ..running import backpropagate
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "symmetric-units"
STEPS = 20
STEP = 0.01
"""How far the weight with the largest gradient goes in one step, in parts of its scale."""
APART = 1e-4
ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-5}
"""Below which share of the model's largest gradient one is none, by precision."""
_DENSE = (nn.Linear, nn.modules.conv._ConvNd)


@dataclasses.dataclass(eq=False)
class _Layer:
    """A weight whose units start equal."""

    name: str
    weight: nn.Parameter
    axis: int
    """Along which the units lie."""
    groups: int
    """How many parts of the axis do something different: gates, groups of channels."""

    def __post_init__(self) -> None:
        self.first = self.weight.detach().clone()
        self.reached = False
        """Whether a gradient came, be it zero."""

    @property
    def units(self) -> int:
        return self.weight.shape[self.axis] // self.groups

    def spread(self) -> float:
        """The largest difference between a unit and the first one of its group."""
        rows = _rows(self.weight.detach(), self.axis, self.groups)
        return float((rows - rows[:, :1]).abs().max())

    def way(self) -> float:
        """How far the weights have gone from where they started."""
        return float((self.weight.detach() - self.first).abs().max())

    @property
    def is_alike(self) -> bool:
        return self.spread() <= APART * self.way()


def run(subject: Subject) -> Answer:
    """Look for equal units, and train them for a few steps."""
    doubled = _doubled(subject)
    model, inputs = doubled or (copy.deepcopy(subject.model), subject.inputs)
    layers = _layers(model)
    if not layers:
        return refuted("no layer starts with units of equal weights")
    steps = _train(model, inputs, layers)
    layers = [layer for layer in layers if layer.reached]
    if not layers or not steps:
        return inconclusive("no gradient reaches the layers whose units start equal")
    alike = [layer for layer in layers if layer.is_alike]
    evidence = {
        "steps": steps,
        "alike": {layer.name: layer.units for layer in alike},
        "spread": {layer.name: layer.spread() for layer in layers},
        "way": {layer.name: layer.way() for layer in layers},
    }
    if not alike:
        layer = layers[0]
        return inconclusive(
            f"the {layer.units} units of `{layer.name}` start equal and come apart: after "
            f"{steps} steps they differ by {layer.spread():.2g}, having gone {layer.way():.2g}",
            **evidence,
        )
    layer = max(alike, key=lambda each: each.way())
    more = len({other.name for other in alike}) - 1
    others = f", as are those of {more} more" if more else ""
    if not layer.way():
        return confirmed(
            f"all {layer.units} units of `{layer.name}` start equal and their gradient is zero in "
            f"each of {steps} steps{others}",
            **evidence,
        )
    return confirmed(
        f"all {layer.units} units of `{layer.name}` are still equal after {steps} steps, in which "
        f"their weights went {layer.way():.2g} and apart by {layer.spread():.1g}{others}",
        **evidence,
    )


def _layers(model: nn.Module) -> list[_Layer]:
    """The weights whose units start equal, each once for an axis."""
    found: dict[tuple[int, int], _Layer] = {}
    for prefix, module in model.named_modules():
        for name, weight in module.named_parameters(prefix, recurse=False):
            if not weight.requires_grad or isinstance(weight, nn.parameter.UninitializedParameter):
                continue
            for axis, groups in _ways(module, name.rpartition(".")[2], weight):
                if weight.shape[axis] < 2 * groups or weight.numel() < 2 * weight.shape[axis]:
                    continue
                layer = _Layer(name, weight, axis, groups)
                if not layer.spread():
                    found.setdefault((id(weight), axis), layer)
    return list(found.values())


def _ways(module: nn.Module, name: str, weight: Tensor) -> list[tuple[int, int]]:
    """Along which axis of a weight the units of a layer may lie, and in how many groups."""
    if weight.dim() < 2:
        return []
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        return [(1, 1)] if module.groups == 1 and name == "weight" else []
    if isinstance(module, _DENSE):
        return [(0, getattr(module, "groups", 1))] if name == "weight" else []
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        hidden = module.hidden_size
        return [(0, weight.shape[0] // hidden)] if weight.shape[0] % hidden == 0 else []
    if isinstance(module, nn.MultiheadAttention):
        return [(0, 3)] if name == "in_proj_weight" else [(0, 1)]
    if type(module).__module__.startswith("torch."):
        return []
    return [(0, 1), (weight.dim() - 1, 1)]


def _rows(weight: Tensor, axis: int, groups: int) -> Tensor:
    """A weight as (groups, units, numbers)."""
    moved = weight.movedim(axis, 0)
    return moved.reshape(groups, moved.shape[0] // groups, -1)


def _doubled(subject: Subject) -> tuple[nn.Module, Inputs] | None:
    """A copy in double precision, in which rounding and a small gradient are told apart."""
    try:
        model, inputs = copy.deepcopy(subject.model).double(), subject.inputs.doubled()
        args, kwargs = inputs.copied()
        model.train()
        copy.deepcopy(model)(*args, **kwargs)
    except Exception:
        # what makes tensors of its own may run in one precision only
        return None
    return model, inputs


def _train(model: nn.Module, inputs: Inputs, layers: list[_Layer]) -> int:
    """Take the steps, and tell how many there were before the time was up."""
    model.train()
    named = [p for p in model.parameters() if p.requires_grad]
    scales = [float(p.detach().abs().max()) or 1 / math.sqrt(p[0].numel()) for p in named]
    for step in range(STEPS):
        if late():
            return step
        if not backpropagate(model, _drawn(inputs, step), step):
            return step
        sizes = [_size(p.grad) for p in named]
        largest = max(sizes, default=0.0)
        for layer in layers:
            layer.reached |= layer.weight.grad is not None
        with torch.no_grad():
            for parameter, size, scale in zip(named, sizes, scales):
                least = ROUNDING.get(parameter.dtype, math.inf) * largest
                if parameter.grad is not None and least < size < math.inf:
                    parameter.sub_(STEP * scale / size * parameter.grad)
    return STEPS


def _size(grad: Tensor | None) -> float:
    if grad is None or grad.is_sparse or not grad.numel():
        return 0.0
    return float(grad.abs().max())


def _drawn(inputs: Inputs, step: int) -> Inputs:
    """The inputs with other examples."""
    for example in range(min(inputs.count, 8) if step else 0):
        inputs = inputs.perturbed(example, 0, step)
    return inputs
