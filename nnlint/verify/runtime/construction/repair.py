"""Other inputs, as the exception of a trial run asks for them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Optional

from torch import Tensor, nn

from .comparisons import compared_sizes
from .first_guess import Facts
from .specs import BATCH, BOOL, CONSTANT, DICT, FLOAT, LIST, LONG, NONE, TIME, Spec, replaced

Specs = tuple[Spec, ...]
LARGEST = 4096


def repairs(specs: Specs, error: BaseException, facts: Facts) -> Iterator[Specs]:
    """Specifications that differ in what the error complains about, best guess first."""
    text = str(error)
    layer, given = _failing_layer(error)
    if layer is not None and given is not None:
        yield from _for_layer(specs, layer, given, facts)
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        yield from _with_key(specs, error.args[0], facts)
    for one, other in compared_sizes(error):
        # either may be the one that is wrong
        yield from _resized(specs, one, other)
        yield from _resized(specs, other, one)
    yield from _for_view(specs, text)
    yield from _for_text(specs, text, facts)
    yield from _by_numbers(specs, text, given)
    yield from _alternatives(specs, facts)


def _failing_layer(error: BaseException) -> tuple[Optional[nn.Module], Optional[Tensor]]:
    """The innermost torch layer on the way to the error, and the tensor it got."""
    trace = error.__traceback__
    found: tuple[Optional[nn.Module], Optional[Tensor]] = (None, None)
    while trace is not None:
        values = trace.tb_frame.f_locals
        owner = values.get("self")
        if isinstance(owner, nn.Module) and type(owner).__module__.startswith("torch.nn"):
            tensor = next(
                (
                    values[n]
                    for n in ("input", "x", "src", "query")
                    if isinstance(values.get(n), Tensor)
                ),
                None,
            )
            if tensor is not None:
                found = (owner, tensor)
        trace = trace.tb_next
    return found


def _for_layer(specs: Specs, layer: nn.Module, given: Tensor, facts: Facts) -> Iterator[Specs]:
    axis, wanted = -1, 0
    ranks: tuple[int, ...] = (2, 3)
    if isinstance(layer, nn.Linear):
        axis, wanted = -1, layer.in_features
        ranks = (3, 2, 4)
    elif isinstance(layer, nn.modules.conv._ConvNd):
        axis, wanted, ranks = 1, layer.in_channels, (layer.weight.dim(),)
    elif isinstance(
        layer, (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
    ):
        axis, wanted = 1, layer.num_features
        ranks = {"1": (3, 2), "2": (4,), "3": (5,)}.get(type(layer).__name__[-2:-1], (4,))
    elif isinstance(layer, nn.GroupNorm):
        axis, wanted, ranks = 1, layer.num_channels, (4, 3)
    elif isinstance(layer, nn.LayerNorm):
        axis, wanted, ranks = -1, int(layer.normalized_shape[-1]), (3, 4, 2)
    elif isinstance(layer, nn.RNNBase):
        axis, wanted, ranks = -1, layer.input_size, (3,)
    elif isinstance(layer, nn.MultiheadAttention):
        axis, wanted, ranks = -1, layer.embed_dim, (3,)
    elif isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        yield from _tokens(specs, layer.num_embeddings)
        yield from _shorter(specs, layer.num_embeddings)
        return
    if not wanted:
        return
    if given.dim() not in ranks and isinstance(layer, (nn.modules.conv._ConvNd, nn.RNNBase)):
        for rank in ranks:
            yield from _with_rank(specs, given.dim(), rank, wanted)
    if given.dim() >= 1 and -given.dim() <= axis < given.dim():
        actual = given.shape[axis]
        yield from _resized(specs, actual, wanted)
        if given.dim() >= 3 and wanted in given.shape[1:]:
            yield from _moved(specs, wanted)
        yield from _in_proportion(specs, actual, wanted, axis)


def _resized(specs: Specs, actual: int, wanted: int) -> Iterator[Specs]:
    """Every axis of the actual size, together and one by one, at the wanted size."""
    if actual == wanted or not 0 < wanted <= LARGEST:
        return
    together = specs
    for index, spec in enumerate(specs):
        for place, size in _axes(spec):
            if size == actual:
                yield replaced(specs, index, spec.resized(place, wanted))
                together = replaced(together, index, together[index].resized(place, wanted))
        if spec.kind in (LIST, DICT):
            for i, item in enumerate(spec.items):
                for place, size in _axes(item):
                    if size == actual:
                        items = (*spec.items[:i], item.resized(place, wanted), *spec.items[i + 1 :])
                        yield replaced(specs, index, dataclasses.replace(spec, items=items))
    if together != specs:
        yield together


def _in_proportion(specs: Specs, actual: int, wanted: int, axis: int) -> Iterator[Specs]:
    """Axes that a model joins or splits before the layer, alone and in all inputs alike."""
    if not actual:
        return
    for index, spec in enumerate(specs):
        for changed, fitting in _proportionate(spec, actual, wanted, axis):
            yield replaced(specs, index, changed)
            if sum(s.shape == spec.shape for s in specs) > 1 and spec.shape:
                place = next(i for i, n in enumerate(changed.shape) if n != spec.shape[i])
                yield tuple(
                    s.resized(place, fitting) if s.shape == spec.shape else s for s in specs
                )


def _proportionate(spec: Spec, actual: int, wanted: int, axis: int) -> Iterator[tuple[Spec, int]]:
    """One axis at a time, that which the layer complains about first."""
    own = axis % max(len(spec.shape), 1)
    for place in sorted(range(len(spec.shape)), key=lambda p: p != own):
        size = spec.shape[place]
        fitting, rest = divmod(size * wanted, actual)
        if place and fitting and not rest and fitting != size:
            yield spec.resized(place, fitting), fitting
    for i, item in enumerate(spec.items):
        for changed, fitting in _proportionate(item, actual, wanted, axis):
            items = (*spec.items[:i], changed, *spec.items[i + 1 :])
            yield dataclasses.replace(spec, items=items), fitting


def _axes(spec: Spec) -> Iterator[tuple[int, int]]:
    for place, size in enumerate(spec.shape):
        if place or size != BATCH:
            yield place, size


def _moved(specs: Specs, wanted: int) -> Iterator[Specs]:
    """Channels last where they came first, and the other way round."""
    for index, spec in enumerate(specs):
        if len(spec.shape) >= 3 and wanted in spec.shape[1:]:
            rest = list(spec.shape[1:])
            rest.remove(wanted)
            for shape in ((BATCH, *rest, wanted), (BATCH, wanted, *rest)):
                yield replaced(specs, index, dataclasses.replace(spec, shape=shape))


def _with_rank(specs: Specs, actual: int, rank: int, width: int) -> Iterator[Specs]:
    for index, spec in enumerate(specs):
        if spec.kind != FLOAT or (len(spec.shape) != actual and len(specs) > 1):
            continue
        sizes = {1: (), 2: (width,), 3: (TIME, width), 4: (width, 32, 32), 5: (width, 16, 16, 16)}
        options = [sizes.get(rank)]
        if rank == 3:
            options.append((width, 32))
        if rank == 4:
            options.append((TIME, 4, width))
        for rest in options:
            if rest is not None:
                yield replaced(specs, index, dataclasses.replace(spec, shape=(BATCH, *rest)))


def _tokens(specs: Specs, high: int) -> Iterator[Specs]:
    """Integers in the table's range instead of floats or larger integers."""
    for index, spec in enumerate(specs):
        if spec.kind == LONG and spec.high > high:
            yield replaced(specs, index, dataclasses.replace(spec, high=high))
        if spec.kind == FLOAT and spec.positive:
            yield replaced(specs, index, dataclasses.replace(spec, kind=LONG, high=TIME))
        elif spec.kind == FLOAT:
            for shape in dict.fromkeys((spec.shape[:2], spec.shape, spec.shape[:1])):
                integers = dataclasses.replace(spec, kind=LONG, shape=shape, high=high)
                yield replaced(specs, index, integers)


def _halved(specs: Specs) -> Iterator[Specs]:
    """Integers below ever smaller halves: columns may share one table, each with a part of it."""
    for index, spec in enumerate(specs):
        if spec.kind == LONG:
            for halvings in range(1, spec.high.bit_length() - 1):
                yield replaced(specs, index, dataclasses.replace(spec, high=spec.high >> halvings))


def _shorter(specs: Specs, most: int) -> Iterator[Specs]:
    """Steps that a table of positions has room for, in all inputs alike."""
    long = {n for s in specs for n in s.shape[1:] if n > most}
    if long and most > 1:
        yield tuple(
            dataclasses.replace(
                s, shape=(*s.shape[:1], *(most if n in long else n for n in s.shape[1:]))
            )
            for s in specs
        )


def _with_key(specs: Specs, key: str, facts: Facts) -> Iterator[Specs]:
    """A dict input gets the key that was missing."""
    for index, spec in enumerate(specs):
        if spec.kind != DICT or any(item.name == key for item in spec.items):
            continue
        plain = key.lower()
        options = [Spec(key, FLOAT, shape) for shape in facts.shapes(key)[:3]]
        if re.search(r"length|len$", plain):
            options = [Spec(key, LONG, (BATCH,), TIME, positive=True)]
        elif re.search(r"cat|ids?$|token|label", plain):
            options = [Spec(key, LONG, (BATCH, TIME), facts.vocabulary), *options]
        elif re.search(r"scale", plain):
            options = [Spec(key, FLOAT, (BATCH, 2)), *options]
        for option in options:
            items = (*spec.items, option)
            yield replaced(specs, index, dataclasses.replace(spec, items=items))


def _for_view(specs: Specs, text: str) -> Iterator[Specs]:
    """One axis of an input such that a view has room for all of it, and no more."""
    match = re.search(r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)", text)
    if not match:
        return
    given = int(match.group(2))
    wanted = [int(n) for n in match.group(1).split(",")]
    known = math.prod(n for n in wanted if n > 0)
    if not known or not given:
        return
    for index, spec in enumerate(specs):
        for place, size in _axes(spec):
            if not place or given % size:
                continue
            # what one step along the axis holds
            unit = given // size
            fitting = known // math.gcd(known, unit)
            if -1 in wanted:
                fitting *= max(1, round(size / fitting))
            elif fitting * unit != known:
                continue
            if fitting != size and fitting <= LARGEST:
                yield replaced(specs, index, spec.resized(place, fitting))


def _for_text(specs: Specs, text: str, facts: Facts) -> Iterator[Specs]:
    match = re.search(r"batch2 tensor to be: \[\d+, (\d+)\] but got: \[\d+, (\d+)\]", text)
    if match:
        # columns of the first and rows of the second: either may be the one that is wrong
        columns, rows = int(match.group(1)), int(match.group(2))
        yield from _resized(specs, columns, rows)
        yield from _resized(specs, rows, columns)
    if re.search(r"must be Tensor, not (int|float)|'(int|float)' object has no attribute", text):
        for index, spec in enumerate(specs):
            if spec.kind == CONSTANT:
                for shape in ((BATCH, facts._width(2)), (BATCH, 32), *facts.shapes(spec.name)[:2]):
                    yield replaced(specs, index, Spec(spec.name, FLOAT, shape))
    match = re.search(r"must be an? (\d)-?D", text)
    if match:
        wanted = int(match.group(1))
        for rank in {len(s.shape) for s in specs if s.shape}:
            if rank != wanted:
                yield from _with_rank(specs, rank, wanted, facts._width(wanted))
    if "'list' object" in text or "not list" in text:
        for index, spec in enumerate(specs):
            if spec.kind == LIST:
                for shape in facts.shapes(spec.name)[:4]:
                    yield replaced(specs, index, Spec(spec.name, FLOAT, shape))
    match = re.search(r"not enough values to unpack \(expected (\d), got (\d)\)", text)
    if match:
        wanted, actual = int(match.group(1)), int(match.group(2))
        yield from _with_rank(specs, actual, wanted, facts._width(wanted))
    match = re.search(r"too many values to unpack \(expected (\d)", text)
    if match:
        wanted = int(match.group(1))
        for rank in {len(s.shape) for s in specs if len(s.shape) > wanted}:
            yield from _with_rank(specs, rank, wanted, facts._width(wanted))
        for index, spec in enumerate(specs):
            if spec.kind == FLOAT:
                parts = tuple(dataclasses.replace(spec, name=str(i)) for i in range(wanted))
                yield replaced(specs, index, Spec(spec.name, LIST, items=parts))
    match = re.search(r"[Ee]xpected (?:\w+ )*?(\d)[-D ]", text)
    if match:
        wanted = int(match.group(1))
        for rank in {len(s.shape) for s in specs if s.shape}:
            if rank != wanted:
                yield from _with_rank(specs, rank, wanted, facts._width(wanted))
    if re.search(r"Dimension out of range|dims|permute|dimension", text):
        for rank in sorted({len(s.shape) for s in specs if s.shape}):
            yield from _with_rank(specs, rank, rank + 1, facts._width(rank + 1))
            if rank > 2:
                yield from _with_rank(specs, rank, rank - 1, facts._width(rank - 1))
    if re.search(r"Long|Int\b|integer|[Ii]ndex|embedding", text):
        yield from _tokens(specs, facts.vocabulary)
        yield from _halved(specs)
        yield from _tokens(specs, 2)
    if re.search(r"Float|dtype|floating", text):
        for index, spec in enumerate(specs):
            if spec.kind == LONG:
                yield replaced(specs, index, dataclasses.replace(spec, kind=FLOAT))
    if "NoneType" in text or "missing" in text:
        for index, spec in enumerate(specs):
            if spec.kind == NONE:
                for shape in (
                    (BATCH, TIME),
                    (BATCH, 1, TIME),
                    (TIME, TIME),
                    (BATCH, 1, TIME, TIME),
                ):
                    yield replaced(specs, index, dataclasses.replace(spec, kind=BOOL, shape=shape))
    if re.search(r"must match the size|invalid for input of size|cannot be multiplied", text):
        yield from _sides(specs)
    if re.search(
        r"Kernel size|output size is too small|Padding size|padded input|smaller than", text
    ):
        for factor in (2, 4, 8):
            yield _scaled(specs, factor)


def _scaled(specs: Specs, factor: int) -> Specs:
    """Spatial axes larger by a factor."""
    scaled = specs
    for index, spec in enumerate(specs):
        if spec.kind == FLOAT and len(spec.shape) >= 3:
            last = [s * factor if s in (11, 16, 32, 64) else s for s in spec.shape[2:]]
            shape = (*spec.shape[:2], *last)
            scaled = replaced(scaled, index, dataclasses.replace(spec, shape=shape))
    return scaled


def _by_numbers(specs: Specs, text: str, given: Optional[Tensor]) -> Iterator[Specs]:
    """Any size in the text that is one of an input becomes any other number in the text."""
    match = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", text)
    if match:
        columns, rows = int(match.group(2)), int(match.group(3))
        yield from _resized(specs, columns, rows)
        yield from _beside(specs, columns, rows)
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    # (batch · channels) folds as well
    numbers += [n // BATCH for n in numbers if n % BATCH == 0 and n > BATCH]
    sizes = {size for spec in specs for _, size in _axes(spec)}
    sizes |= {s for spec in specs for i in spec.items for _, s in _axes(i)}
    for actual in dict.fromkeys(n for n in numbers if n in sizes):
        for wanted in dict.fromkeys(numbers):
            yield from _resized(specs, actual, wanted)
    products = [n for n in numbers if n not in sizes and n > 64]
    for index, spec in enumerate(specs):
        for place, size in _axes(spec):
            for a in products[:2]:
                for b in numbers[:4]:
                    if a != b and b and (size * b) % a == 0 and 0 < size * b // a <= LARGEST:
                        yield replaced(specs, index, spec.resized(place, size * b // a))
    # a size that only the model knows: (224, 224) in "doesn't match model (224*224)"
    large = [n for n in numbers if 8 <= n <= 512]
    for wanted in dict.fromkeys(large):
        for index, spec in enumerate(specs):
            if len(spec.shape) >= 4:
                shape = (*spec.shape[:2], *(wanted for _ in spec.shape[2:]))
                yield replaced(specs, index, dataclasses.replace(spec, shape=shape))


def _beside(specs: Specs, columns: int, rows: int) -> Iterator[Specs]:
    """Features of one input, more or fewer by what all that is joined with them lacks."""
    for index, spec in enumerate(specs):
        if len(specs) > 1 and spec.kind == FLOAT and len(spec.shape) > 1:
            own = spec.shape[-1]
            # a part of what is joined is less than the whole
            if own < columns and 0 < own + rows - columns < rows != columns:
                yield replaced(
                    specs, index, spec.resized(len(spec.shape) - 1, own + rows - columns)
                )


_SIDES = (28, 64, 16, 224, 96)
"""Sides of images that models are made for."""


def _sides(specs: Specs) -> Iterator[Specs]:
    """All images of another usual size."""
    for side in _SIDES:
        changed = tuple(
            dataclasses.replace(s, shape=(*s.shape[:2], side, side))
            if s.kind == FLOAT and len(s.shape) == 4 and s.shape[2] == s.shape[3]
            else s
            for s in specs
        )
        if changed != specs:
            yield changed


def _alternatives(specs: Specs, facts: Facts) -> Iterator[Specs]:
    """One argument at a time in another shape or of another kind."""
    for index, spec in enumerate(specs):
        if spec.kind in (FLOAT, LONG):
            for shape in facts.shapes(spec.name):
                if shape != spec.shape:
                    changed = dataclasses.replace(spec, kind=FLOAT, shape=shape)
                    yield replaced(specs, index, changed)
            if spec.kind == FLOAT and facts.embeddings:
                yield from _tokens((spec,), facts.vocabulary)
    if len(specs) > 1:
        # inputs that must agree with the first
        for index, spec in enumerate(specs[1:], 1):
            if spec.kind == FLOAT and specs[0].kind == FLOAT and spec.shape != specs[0].shape:
                yield replaced(specs, index, dataclasses.replace(spec, shape=specs[0].shape))
    for factor in (2, 7):
        yield _scaled(specs, factor)
