"""Do outputs at real positions depend on what padding holds?

Criterion: in all examples but one the last third of the tokens is padding, and what embeddings give
for padding is replaced (three draws) with the same shapes and seed, in eval and in train mode: some
layers skip padding in evaluation only. CONFIRMED when an output that does not lie at padding
changes, REFUTED when none does and the padding was looked up. The padding is that of the
embeddings, of an attribute that is named so, or of a comparison in `forward`; a model that is given
its masks as arguments is not judged.
Source: "Use backprop to chart dependencies", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..inputs import Inputs, is_integer
from ..running import Leaves
from ..sources import nodes_of
from ..subject import Answer, Subject, confirmed, inconclusive, parameter_of, refuted
from ..trees import Path, differing, replace

NAME = "padding-input"
DRAWS = (1.0, 10.0, 100.0)
"""How large the numbers are that take the place of padding's."""
_PADDING = re.compile(r"pad(ding)?(_?(idx|index|id|token|value)\w*)?$|pad_token_id", re.IGNORECASE)


def run(subject: Subject) -> Answer:
    """Change what padding holds, in one input after the other."""
    given = [parameter_of(subject.model, path) for path, t in subject.inputs.tensors if _is_mask(t)]
    given += [n for n in subject.inputs.kwargs if "mask" in n and _is_given(subject.inputs, n)]
    if given:
        return inconclusive(f"the model is told what is padding by `{given[0]}`")
    asked: list[str] = []
    for padding in _paddings(subject.model):
        for path, tokens in subject.inputs.tensors:
            padded = _padded(subject.inputs, path, tokens, padding)
            if padded is None:
                continue
            changed = _change(subject, padded, path, padding)
            name = parameter_of(subject.model, path)
            if changed is None:
                continue
            if changed:
                return confirmed(
                    f"what padding of `{name}` holds changes {changed:.0%} of the outputs at real "
                    "positions",
                    input=name,
                    share=changed,
                )
            asked.append(name)
    if not asked:
        return inconclusive("no embedding is known to look up padding")
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(asked))
    return refuted(f"no output at a real position depends on what padding of {names} holds")


def _is_mask(tensor: Tensor) -> bool:
    return tensor.dtype == torch.bool


def _is_given(inputs: Inputs, name: str) -> bool:
    return isinstance(inputs.kwargs[name], Tensor)


def _paddings(model: nn.Module) -> list[int]:
    """The tokens that may stand for padding, those that embeddings name first."""
    found: dict[int, None] = {}
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            found[module.padding_idx] = None
    for module in model.modules():
        for name, value in vars(module).items():
            if type(value) is int and value >= 0 and _PADDING.search(name):
                found[value] = None
    for node in nodes_of(type(model).forward):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            other = node.comparators[0]
            if isinstance(other, ast.Constant) and type(other.value) is int and other.value >= 0:
                found[other.value] = None
    return list(found)


@dataclasses.dataclass
class _Padded:
    """Inputs of which one is padded."""

    inputs: Inputs
    tokens: Tensor
    real: Tensor
    """Which positions hold no padding, examples first."""


def _padded(inputs: Inputs, path: Path, tokens: Tensor, padding: int) -> _Padded | None:
    """The inputs with padding at the end of one of them, and nowhere else."""
    slot = inputs.slots.get(path)
    if slot is None or slot.axis not in (0, 1) or not is_integer(tokens) or tokens.dim() != 2:
        return None
    length = tokens.shape[1 - slot.axis]
    if inputs.count < 2 or length < 3 or slot.high is None or not padding < slot.high:
        return None
    if slot.high < 3 or slot.unit != 1:
        return None
    real = torch.ones(inputs.count, length, dtype=torch.bool, device=tokens.device)
    # one is not padded: a batch that is padded as a whole may be cut
    real[1:, length - max(1, length // 3) :] = False
    other = padding + 1 if padding + 1 < slot.high else padding - 1

    def change(at: Path, tensor: Tensor) -> Tensor:
        if not is_integer(tensor):
            return tensor
        kept = torch.where(tensor == padding, torch.full_like(tensor, max(other, 0)), tensor)
        if at != path:
            return kept
        here = real if slot.axis == 0 else real.t()
        return torch.where(here, kept, torch.full_like(kept, padding))

    args, kwargs = replace((inputs.args, inputs.kwargs), change)
    changed = dataclasses.replace(inputs, args=args, kwargs=kwargs)
    return _Padded(changed, dict(changed.tensors)[path], real)


def _change(subject: Subject, padded: _Padded, path: Path, padding: int) -> float | None:
    """The largest share of outputs at real positions that changes; None where it cannot be told."""
    runner, inputs = subject.runner, padded.inputs
    worst, looked_up = 0.0, False
    for training in (False, True):
        try:
            if not runner.deterministic(inputs, training):
                continue
            base = runner.run(inputs, training)
            for seed, scale in enumerate(DRAWS):
                with _replaced(subject.model, padded.tokens, padding, scale, seed) as seen:
                    share = _share(base, runner.run(inputs, training), padded)
                if seen and share is not None:
                    looked_up, worst = True, max(worst, share)
        except (RuntimeError, ValueError, IndexError):
            # what does not run with padding says nothing
            continue
    return worst if looked_up else None


@contextlib.contextmanager
def _replaced(
    model: nn.Module, tokens: Tensor, padding: int, scale: float, seed: int
) -> Iterator[list[bool]]:
    """Let embeddings give something else for the padding of an input; what is yielded says
    whether one was asked."""
    seen: list[bool] = []

    def change(module: nn.Module, given: tuple[Any, ...], output: Any) -> Any:
        asked = given[0] if given else None
        if not isinstance(asked, Tensor) or asked.shape not in (tokens.shape, tokens.t().shape):
            return None
        if not (torch.equal(asked, tokens) or torch.equal(asked, tokens.t())):
            return None
        generator = torch.Generator().manual_seed(seed)
        noise = scale * torch.randn(output.shape, generator=generator).to(output)
        seen.append(True)
        return torch.where((asked == padding).unsqueeze(-1), noise, output)

    modules = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    hooks = [module.register_forward_hook(change) for module in modules]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _share(base: Leaves, changed: Leaves, padded: _Padded) -> float | None:
    """The share of what lies at real positions that differs; None where nothing can be compared."""
    shares: list[float] = []
    for (_, before), (_, after) in zip(base, changed):
        if before.shape != after.shape or before.dim() < 2:
            continue
        different = _at_real_positions(differing(before, after), padded.real)
        if different.numel():
            shares.append(float(different.float().mean()))
    return max(shares) if shares else None


def _at_real_positions(different: Tensor, real: Tensor) -> Tensor:
    """Those of an output's elements that lie at no padding, as far as its axes are positions."""
    count, length = real.shape
    shape = tuple(different.shape)
    if shape[0] == count * length and length not in shape[1:]:
        return different.view(count, length, -1)[real]
    for batch in range(min(len(shape), 2)):
        for time in range(len(shape)):
            if time != batch and shape[batch] == count and shape[time] == length:
                ordered = different.movedim((batch, time), (0, 1))
                return ordered[real]
    return different
