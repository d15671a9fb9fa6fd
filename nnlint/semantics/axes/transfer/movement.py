"""Operations that move or repeat axes and leave the elements as they are."""

from __future__ import annotations

from nnlint.semantics.axes import PERHAPS_GONE, Dimension, Shape, one_axis, with_role
from nnlint.semantics.axes.defaults import INFERRED
from nnlint.semantics.axes.regroup import classify_view
from nnlint.semantics.axes.transfer.call import (
    Call,
    UnknownShape,
    as_integer,
    as_size,
    dimension,
    position,
    sequence,
)


def permute(call: Call) -> Shape:
    """`x.permute(0, 2, 1)`; of an array, `x.transpose(0, 2, 1)`."""
    order = [as_integer(i) for i in sequence(call.get("dims", "axes"))]
    first = call.first
    if any(i is None for i in order) or len(order) != len(first):
        raise UnknownShape
    return tuple(first[position(i, len(first))] for i in order if i is not None)


def transpose(call: Call) -> Shape:
    """`x.transpose(1, 2)`."""
    a, b = call.at("dim0", "axis0"), call.at("dim1", "axis1")
    result = list(call.first)
    result[a], result[b] = result[b], result[a]
    return tuple(result)


def matrix_transpose(call: Call) -> Shape:
    """`x.mT`, `x.t()`."""
    first = call.first
    return (*first[:-2], first[-1], first[-2]) if len(first) > 1 else first


def movedim(call: Call) -> Shape:
    """`x.movedim(1, -1)`, also of several axes."""
    first = call.first
    rank = len(first)
    sources = [position(as_integer(i) or 0, rank) for i in sequence(call.get("source"))]
    places = [position(as_integer(i) or 0, rank) for i in sequence(call.get("destination"))]
    if len(sources) != len(places):
        raise UnknownShape
    order = [i for i in range(rank) if i not in sources]
    for place, source in sorted(zip(places, sources, strict=True)):
        order.insert(place, source)
    return tuple(first[i] for i in order)


def flatten(call: Call) -> Shape:
    """`x.flatten(1)`."""
    first = call.first
    if not first:
        return ((),)
    start, end = call.at("start_dim"), call.at("end_dim")
    joined = tuple(axis for d in first[start : end + 1] for axis in d)
    return (*first[:start], joined, *first[end + 1 :])


def ravel(call: Call) -> Shape:
    """`x.ravel()`."""
    return (tuple(axis for d in call.first for axis in d),)


def unflatten(call: Call) -> Shape:
    """`x.unflatten(1, (heads, width))`."""
    first, at = call.first, call.at("dim")
    sizes = sequence(call.get("sizes", "unflattened_size"))
    target = [INFERRED if as_integer(s) == INFERRED else as_size(s) for s in sizes]
    parts = classify_view((first[at],), target, call.symbols).shape or ()
    return (*first[:at], *parts, *first[at + 1 :])


def squeeze(call: Call) -> Shape:
    """`x.squeeze(1)`: the author takes an axis of unknown size to be 1."""
    first = call.first
    dims = call.get("dim")
    if dims is None:
        if any(not _surely_many(d) for d in first if d):
            raise UnknownShape
        return tuple(_squeezed(d) for d in first if d)
    gone = {position(as_integer(i) or 0, len(first)) for i in sequence(dims)}
    if any(first[i] and _surely_many(first[i]) for i in gone):
        raise UnknownShape
    return tuple(d for i, d in enumerate(first) if i not in gone)


def _squeezed(whole: Dimension) -> Dimension:
    """A dimension that is taken for more than 1, though a batch may be of one example."""
    return with_role(whole, PERHAPS_GONE) if _is_batch(whole) else whole


def _is_batch(whole: Dimension) -> bool:
    return len(whole) == 1 and whole[0].meaning == "batch" and bool(whole[0].size.symbols)


def _surely_many(whole: Dimension) -> bool:
    """Whether a dimension is more than 1 in any sensible run."""
    return any(
        (symbol := a.size.symbol) is None or symbol.name or a.meaning or (symbol.value or 0) > 1
        for a in whole
    )


def unsqueeze(call: Call) -> Shape:
    """`x.unsqueeze(1)`."""
    first = call.first
    at = call.at("dim", rank=len(first) + 1)
    return (*first[:at], (), *first[at:])


def expand(call: Call) -> Shape:
    """`x.expand(-1, length, -1)`."""
    first = call.first
    sizes = sequence(call.get("size"))
    if len(sizes) < len(first):
        raise UnknownShape
    old = ((),) * (len(sizes) - len(first)) + tuple(first)
    return tuple(
        o if o or as_integer(s) == -1 else dimension(s) for s, o in zip(sizes, old, strict=True)
    )


def expand_as(call: Call) -> Shape:
    """`x.expand_as(y)`, `x.view_as(y)` once it is known to fit."""
    return call.second


def repeat(call: Call) -> Shape:
    """`x.repeat(2, 1)`: copies of the whole axis follow each other."""
    first = call.first
    counts = sequence(call.get("repeats", "dims"))
    missing = len(counts) - len(first)
    if missing < 0:
        raise UnknownShape
    old = ((),) * missing + tuple(first)
    return tuple((*_copies(c), *o) for c, o in zip(counts, old, strict=True))


def tile(call: Call) -> Shape:
    """`x.tile(2)`: like `repeat`, but missing counts are 1."""
    counts = sequence(call.get("dims"))
    missing = max(0, len(call.first) - len(counts))
    return repeat(Call(call.inputs, {"repeats": (1,) * missing + counts}, call.symbols))


def repeat_interleave(call: Call) -> Shape:
    """`x.repeat_interleave(k, dim=0)`: copies of each element follow each other."""
    first = call.first
    if call.get("dim") is None:
        return ((*ravel(call)[0], *_copies(call.get("repeats"))),)
    at = call.at("dim")
    return (*first[:at], (*first[at], *_copies(call.get("repeats"))), *first[at + 1 :])


def _copies(count: object) -> Dimension:
    known = as_size(count)
    return dimension(count, "", "copies") if known is None else one_axis(known)
