"""Operations that join tensors, or take parts of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnlint.semantics.axes import PARTS, Axis, Dimension, Shape, new_axis, one_axis, size_of
from nnlint.semantics.axes.sizes import Size, Symbols
from nnlint.semantics.axes.transfer.call import (
    Call,
    UnknownShape,
    as_integer,
    as_size,
)
from nnlint.semantics.records import record

MOST_PARTS = 16
INTEGER = object()
"""An index that is some integer."""


@record(frozen=True)
class Rows:
    """An index that is a list of integers."""

    count: int | None
    """How many, where that is known."""


@record(frozen=True)
class Mask:
    """An index that is a tensor of truths."""

    rank: int
    """How many axes it picks from."""


def concatenate(call: Call) -> Shape:
    """`torch.cat(tensors, dim)`: the tensors follow each other along the axis."""
    first, at = call.first, call.at("dim", "axis")
    count = as_integer(call.get("count"))
    if count is not None and count != len(call.inputs):
        raise UnknownShape
    shapes = [_like(shape, first) for shape in call.inputs]
    joined = _joined([shape[at] for shape in shapes], call.get("count"), call.symbols)
    kept = [_called([shape[i] for shape in shapes]) for i in range(len(first))]
    return (*kept[:at], joined, *kept[at + 1 :])


def _called(alike: Sequence[Dimension]) -> Dimension:
    """The first of dimensions, under what another one of its size says that it is."""
    first = alike[0]
    if len(first) != 1 or first[0].meaning:
        return first
    return next((d for d in alike if _role(d) and size_of(d) == size_of(first)), first)


def _like(shape: Shape | None, first: Shape) -> Shape:
    if shape is None or len(shape) != len(first):
        raise UnknownShape
    return shape


def _joined(parts: Sequence[Dimension], count: Any, symbols: Symbols) -> Dimension:
    sizes = [size_of(part) for part in parts]
    role = _role(parts[0])
    if all(s == sizes[0] for s in sizes):
        many = as_size(count)
        outer = (new_axis(PARTS),) if many is None else one_axis(many, PARTS)
        return (*outer, *parts[0])
    if as_size(count) is None:
        return (new_axis("", role),)
    numbers = [s.integer for s in sizes]
    whole = sum(n for n in numbers if n is not None)
    symbolic = [s for s in sizes if s.integer is None]
    if len(symbolic) < 2:
        return one_axis(symbols.plus(symbolic[0], whole) if symbolic else whole, "", role)
    key = ("sum", whole, *sorted(symbolic, key=lambda s: [i.serial for i in s.symbols]))
    label = "+".join(map(str, sizes))
    name = label if len(label) < 24 else ""
    vague = any(symbol.vague for s in symbolic for symbol in s.symbols)
    return one_axis(symbols.derived(key, name, vague=vague), "", role)


def _role(whole: Dimension) -> str:
    return whole[0].meaning if len(whole) == 1 else ""


def stack(call: Call) -> Shape:
    """`torch.stack(tensors, dim)`."""
    first = call.first
    at = call.at("dim", "axis", rank=len(first) + 1)
    count = as_size(call.get("count"))
    new = (new_axis("stacked"),) if count is None else one_axis(count, "stacked")
    return (*first[:at], new, *first[at:])


def chunk(call: Call) -> list[Shape]:
    """`x.chunk(3, dim=-1)`."""
    first, at, count = call.first, call.at("dim"), call.integer("chunks")
    if not 0 < count <= MOST_PARTS:
        raise UnknownShape
    part = call.symbols.quotient(size_of(first[at]), Size(count))
    return [_replaced(first, at, part)] * count


def split(call: Call) -> list[Shape]:
    """`x.split(width, dim=-1)`, or sections of given widths."""
    first, at = call.first, call.at("dim")
    wanted = call.get("split_size_or_sections", "split_size", "indices_or_sections")
    if isinstance(wanted, tuple):
        return [_replaced(first, at, as_size(w)) for w in wanted]
    part = as_size(wanted)
    count = None if part is None else size_of(first[at]).divided(part)
    if part is None or count is None or count.integer is None or count.integer > MOST_PARTS:
        raise UnknownShape
    return [_replaced(first, at, part)] * count.integer


def tensor_split(call: Call) -> list[Shape]:
    """`x.tensor_split(3, dim=-1)`."""
    arguments = {"chunks": call.get("indices_or_sections"), "dim": call.get("dim")}
    return chunk(Call(call.inputs, arguments, call.symbols))


def some_part(call: Call) -> Shape:
    """One of the parts that `x.split(width, dim=-1)` or `x.chunk(n)` gives, the last one included."""
    return _replaced(call.first, call.at("dim"), None)


def _replaced(shape: Shape, at: int, part: Size | None) -> Shape:
    old = shape[at]
    if part is None:
        return (*shape[:at], (new_axis("", _role(old)),), *shape[at + 1 :])
    if part == size_of(old):
        return shape
    inner: Size = Size()
    for index in range(len(old) - 1, -1, -1):
        # a part that is whole inner axes keeps them: half of (2, hidden) is hidden
        inner = old[index].size * inner
        if inner == part:
            return (*shape[:at], old[index:], *shape[at + 1 :])
    return (*shape[:at], one_axis(part, "", _role(old)), *shape[at + 1 :])


def unbind(call: Call) -> list[Shape]:
    """`x.unbind(0)`."""
    first, at = call.first, call.at("dim")
    count = size_of(first[at]).integer
    if count is None or count > MOST_PARTS:
        raise UnknownShape
    return [(*first[:at], *first[at + 1 :])] * count


def select(call: Call) -> Shape:
    """`x.select(1, 0)`."""
    first, at = call.first, call.at("dim")
    return (*first[:at], *first[at + 1 :])


def narrow(call: Call) -> Shape:
    """`x.narrow(1, 0, length)`."""
    return _replaced(call.first, call.at("dim"), as_size(call.get("length")))


def index_select(call: Call) -> Shape:
    """`x.index_select(0, rows)`."""
    return _replaced(call.first, call.at("dim"), None)


def gather(call: Call) -> Shape:
    """`x.gather(1, index)` has the shape of the index."""
    other = call.inputs[1] if len(call.inputs) > 1 else None
    if other is None:
        raise UnknownShape
    return other


def topk(call: Call) -> Shape:
    """`x.topk(5)`: values and indices alike."""
    return _replaced(call.first, call.at("dim"), as_size(call.get("k")))


def unfold(call: Call) -> Shape:
    """`x.unfold(1, size, step)`: windows, their elements in a new last axis."""
    first, at = call.first, call.at("dimension")
    width, step = as_size(call.get("size")), as_size(call.get("step"))
    old = size_of(first[at])
    count = old.divided(step) if width is not None and width == step and step else None
    if count is None and width is not None and width == step:
        count = call.symbols.quotient(old, width)
    windows = (new_axis("windows"),) if count is None else one_axis(count, "windows")
    inner = (new_axis("window"),) if width is None else one_axis(width, "window")
    return (*first[:at], windows, *first[at + 1 :], inner)


def index_shape(shape: Shape, indices: Sequence[Any], symbols: Symbols) -> Shape:
    """The shape of `tensor[indices]`.

    Indices are integers, `INTEGER`, `Rows`, `Mask`, None, `...`, slices of numbers and sizes, or
    the shape of a tensor of integers.

    Raises:
        UnknownShape: an index is not known.
    """
    result: list[Dimension] = []
    at = 0
    indices = _matched(indices)
    masked = sum(i.rank - 1 for i in indices if isinstance(i, Mask))
    taken = sum(1 for i in indices if i is not None and i is not Ellipsis) + masked
    tensors: list[Shape] = [i for i in indices if isinstance(i, tuple)]
    placed = False
    for index in indices:
        if index is None:
            result.append(())
            continue
        if index is Ellipsis:
            skip = len(shape) - taken
            result += shape[at : at + skip]
            at += skip
            continue
        if at >= len(shape):
            raise UnknownShape
        if isinstance(index, slice):
            result.append(_sliced(shape[at], index, symbols))
        elif isinstance(index, Rows):
            role = _role(shape[at])
            # examples in another order are still as many as the batch has
            count = None if role == "batch" else index.count
            result.append((new_axis("", role),) if count is None else one_axis(count, "", role))
        elif isinstance(index, Mask):
            role = _role(shape[at]) if index.rank == 1 else ""
            result.append((new_axis("", role),))
            at += index.rank - 1
            if at >= len(shape):
                raise UnknownShape
        elif isinstance(index, tuple):
            if not placed:
                result += sorted(tensors, key=len)[-1]
            placed = True
        elif index is not INTEGER and (isinstance(index, bool) or as_integer(index) is None):
            raise UnknownShape
        at += 1
    return (*result, *shape[at:])


def _matched(indices: Sequence[Any]) -> Sequence[Any]:
    """Indices, of which several lists and tensors are matched element by element.

    Raises:
        UnknownShape: where their axis goes, or how many elements it has, is not known.
    """
    places = [n for n, i in enumerate(indices) if isinstance(i, tuple | Rows | Mask)]
    if len(places) < 2:
        return indices
    if places[-1] - places[0] >= len(places) or any(isinstance(indices[n], Mask) for n in places):
        raise UnknownShape
    return [((new_axis(),),) if isinstance(i, Rows) else i for i in indices]


def _sliced(old: Dimension, index: slice, symbols: Symbols) -> Dimension:
    start, stop, step = index.start, index.stop, index.step
    role = _role(old)
    if step not in (None, 1):
        whole = as_size(step)
        if start in (None, 0) and stop is None and whole is not None:
            return one_axis(symbols.quotient(size_of(old), whole), "", role)
        return (new_axis("", role),)
    if start in (None, 0) and stop is None:
        return old
    low = 0 if start is None else as_integer(start)
    high = as_integer(stop)
    if stop is None and low is not None:
        kept = -low if low < 0 else None
        return one_axis(kept or symbols.plus(size_of(old), -low), "", role)
    if low is not None and high is not None and low >= 0:
        if high < 0:
            return one_axis(symbols.plus(size_of(old), high - low), "", role)
        if high > low and not isinstance(stop, Size):
            return one_axis(high - low, "", role)
    if start in (None, 0) and isinstance(stop, Size):
        return old if stop == size_of(old) else one_axis(stop, "", role)
    return (Axis(new_axis("", role).size, "", role),)
