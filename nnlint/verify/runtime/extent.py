"""How large inputs must be for a model to show what it does.

A mask that is wrong from step 16 on is right on 11 steps, and statistics over groups of 8 are
none where the batch has 5. What a model does by size is told by the numbers in its code, by its
own attributes that the code reads, by the shapes of its buffers and by its kernels.
"""

from __future__ import annotations

import dataclasses
import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

MOST = 4096
"""No number over this is a size that could be tried."""
DEEPEST = 4


@dataclasses.dataclass(frozen=True)
class Extent:
    """What a model says of sizes."""

    numbers: frozenset[int]
    """Numbers in the code of its own classes, and attributes that this code reads."""
    tables: frozenset[int]
    """Sizes of square buffers, such as masks: the largest length that a model is made for."""
    reach: int
    """Steps that one output sees by the kernels of 1-d layers, one after the other."""
    taken: frozenset[int]
    """Sizes that mean something to the model: of weights, buffers and attributes."""


def extent_of(model: nn.Module) -> Extent:
    """Read the sizes off a built model."""
    numbers: set[int] = set()
    tables: set[int] = set()
    taken: set[int] = set()
    reach = 1
    for module in model.modules():
        taken.update(v for v in vars(module).values() if _is_size(v))
        if not is_torch(type(module)):
            numbers.update(_numbers_of(module))
            tables.update(t.shape[-1] for t in tables_of(module) if _is_size(t.shape[-1]))
        reach += _kernel(module)
    for tensor in (*model.parameters(), *model.buffers()):
        if not is_lazy(tensor):
            taken.update(tensor.shape)
    return Extent(frozenset(numbers), frozenset(tables), reach, frozenset(taken))


def _is_size(value: Any) -> bool:
    return type(value) is int and 2 <= value <= MOST


def is_torch(cls: type) -> bool:
    """Whether a class is one of torch's own."""
    return cls.__module__.partition(".")[0] == "torch"


def _kernel(module: nn.Module) -> int:
    """Steps that one layer adds to what an output sees."""
    if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
        return (module.kernel_size[0] - 1) * module.dilation[0] + module.stride[0] - 1
    if isinstance(module, (nn.MaxPool1d, nn.AvgPool1d)):
        size = module.kernel_size
        return (size if isinstance(size, int) else size[0]) - 1
    return 0


def tables_of(module: nn.Module) -> Iterator[torch.Tensor]:
    """Square tables that a module itself holds, such as masks."""
    for tensor in (*module.buffers(recurse=False), *vars(module).values()):
        if isinstance(tensor, torch.Tensor) and not is_lazy(tensor) and tensor.dim() >= 2:
            if tensor.shape[-1] == tensor.shape[-2]:
                yield tensor


def _numbers_of(module: nn.Module) -> Iterator[int]:
    """Numbers in the code that runs in `forward`, and those that it reads by name."""
    for cls in type(module).__mro__:
        if is_torch(cls) or cls is object:
            continue
        for name, value in vars(cls).items():
            function = getattr(value, "__func__", value)
            if isinstance(function, FunctionType) and name != "__init__":
                yield from _in_function(function, module, DEEPEST)


def _in_function(function: FunctionType, module: nn.Module, depth: int) -> Iterator[int]:
    yield from _whole(function.__defaults__)
    for code in _codes(function.__code__):
        for instruction in dis.get_instructions(code):
            if instruction.opname.startswith(("LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST")):
                yield from _whole(instruction.argval)
        for name in code.co_names:
            yield from _whole(getattr(module, name, None) if name in vars(module) else None)
            found = function.__globals__.get(name)
            yield from _whole(found)
            if isinstance(found, FunctionType) and depth and not _of_torch(found):
                yield from _in_function(found, module, depth - 1)


def _of_torch(function: FunctionType) -> bool:
    return (function.__module__ or "").partition(".")[0] == "torch"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _whole(value: Any) -> Iterator[int]:
    if _is_size(value) or (type(value) is int and _is_size(-value)):
        yield abs(value)
    elif isinstance(value, slice):
        yield from _whole((value.start, value.stop, value.step))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _whole(part)


def apart(extent: Extent, count: int = 2, least: int = 5) -> tuple[int, ...]:
    """The smallest odd sizes that mean nothing else to a model."""
    odd = (n for n in range(least | 1, MOST, 2) if n not in extent.taken | extent.numbers)
    return tuple(next(odd) for _ in range(count))


def groups(extent: Extent, most: int = 64, largest: int = 5) -> tuple[int, ...]:
    """Batch sizes at which a model shows what it does by groups or from a size on.

    Multiples of the numbers in its code, as few as there can be.
    """
    found: list[int] = []
    for number in sorted((n for n in extent.numbers if 3 <= n <= most), reverse=True):
        if not any(kept % number == 0 for kept in found):
            found.append(number)
    return tuple(sorted(found)[:largest])


def padding_of(model: nn.Module) -> int:
    """The integer that stands for padding: that of an embedding, or an attribute `pad…`."""
    for module in model.modules():
        value = getattr(module, "padding_idx", None)
        if type(value) is int and isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            return value
    for module in model.modules():
        for name, value in vars(module).items():
            if name.lower().startswith("pad") and type(value) is int and "size" not in name:
                if not is_torch(type(module)):
                    return value
    return 0


def spread(count: int, most: int) -> tuple[int, ...]:
    """At most so many of the examples: the first, the last, and others in equal distances."""
    if count <= most:
        return tuple(range(count))
    return tuple(sorted({round(i * (count - 1) / (most - 1)) for i in range(most)}))
