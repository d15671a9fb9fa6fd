"""Reductions, products of matrices, broadcasting, and tensors made from nothing."""

from __future__ import annotations

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis, size_of
from nnlint.semantics.axes.transfer.call import (
    UNKNOWN,
    Call,
    UnknownShape,
    as_integer,
    as_size,
    dimension,
    position,
    sequence,
)


def scalar(call: Call) -> Shape:
    """A single number."""
    return ()


def reduce(call: Call) -> Shape:
    """`x.mean(1)`, `x.sum((2, 3), keepdim=True)`, `x.max()`."""
    dims = call.get("dim", "axis")
    if dims is None or dims is UNKNOWN or dims == ():
        if dims is UNKNOWN and ("dim" in call.arguments or "axis" in call.arguments):
            raise UnknownShape
        return ()
    first = call.first
    given = [as_integer(d) for d in sequence(dims)]
    gone = {position(d, len(first)) for d in given if d is not None}
    if len(gone) != len(given):
        raise UnknownShape
    keep = call.get("keepdim", "keepdims")
    if not isinstance(keep, bool) and keep is not UNKNOWN:
        raise UnknownShape
    if keep is True:
        return tuple(() if i in gone else d for i, d in enumerate(first))
    return tuple(d for i, d in enumerate(first) if i not in gone)


def spectrum(call: Call) -> Shape:
    """`np.fft.rfft(x)`: frequencies in the place of samples."""
    first, at = call.first, call.at("axis")
    return (*first[:at], (new_axis("frequencies"),), *first[at + 1 :])


def matmul(call: Call) -> Shape:
    """`a @ b`: the last two axes multiply, those before broadcast."""
    first, second = call.first, call.second
    if not first or not second:
        raise UnknownShape
    if len(first) == 1 and len(second) == 1:
        return ()
    if len(second) == 1:
        return first[:-1]
    if len(first) == 1:
        return (*second[:-2], second[-1])
    return (*broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])


def added_matmul(call: Call) -> Shape:
    """`torch.baddbmm(x, a, b)`."""
    return matmul(Call(call.inputs[1:], {}, call.symbols))


def outer(call: Call) -> Shape:
    """`torch.outer(a, b)`."""
    return (*call.first, *call.second)


def meshgrid(call: Call) -> list[Shape]:
    """`torch.meshgrid(rows, columns)`: each tensor has an axis for every row that is given."""
    shapes = [shape for shape in call.inputs if shape is not None and len(shape) == 1]
    told = call.get("indexing")
    if not shapes or len(shapes) < len(call.inputs) or told not in (None, UNKNOWN, "ij", "xy"):
        raise UnknownShape
    if "tensors" in call.arguments and call.get("count") is None:
        raise UnknownShape
    grid = [shape[0] for shape in shapes]
    if told == "xy":
        grid[:2] = reversed(grid[:2])
    return [tuple(grid)] * len(grid)


def distances(call: Call) -> Shape:
    """`torch.cdist(a, b)`: one number for each pair of rows."""
    first, second = call.first, call.second
    if len(first) < 2 or len(second) < 2:
        raise UnknownShape
    return (*broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-2])


def similarity(call: Call) -> Shape:
    """`F.cosine_similarity(a, b, dim=1)`."""
    both = broadcast_shapes(call.first, call.second)
    at = position(as_integer(call.arguments.get("dim", 1)) or 0, len(both))
    return (*both[:at], *both[at + 1 :])


def broadcast(call: Call) -> Shape:
    """Elementwise arithmetic.

    An unknown partner is taken to fit one that has an axis for everything, as the arms
    of a residual connection do, and what is not known to be a tensor for a number, except
    beside a single number.
    """
    known = [shape for shape in call.inputs if shape is not None]
    if not known:
        raise UnknownShape
    result = known[0]
    for shape in known[1:]:
        result = broadcast_shapes(result, shape)
    if len(known) < len(call.inputs) and (len(result) < 3 or not all(result)):
        raise UnknownShape
    # the tensors themselves are no numbers either
    others = sum(value is UNKNOWN for value in call.arguments.values()) - len(call.inputs)
    if not result and others > 0:
        raise UnknownShape
    return result


def broadcast_shapes(first: Shape, second: Shape) -> Shape:
    """The shape of elementwise arithmetic between two tensors."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    offset = len(longer) - len(shorter)
    pairs = zip(longer[offset:], shorter, strict=True)
    return (*longer[:offset], *(_stretched(a, b) for a, b in pairs))


def _stretched(a: Dimension, b: Dimension) -> Dimension:
    """The one of two sizes that is not 1; a plain name before a derived size."""
    if not a or not b:
        return a or b
    if len(b) == 1 and (len(a) > 1 or size_of(a) == size_of(b)) and not a[0].meaning:
        return b
    return a


def create(call: Call) -> Shape:
    """`torch.zeros(2, 3)`, `torch.randn((2, 3))`."""
    sizes = sequence(call.get("size", "shape"))
    return tuple(dimension(s) for s in sizes)


def eye(call: Call) -> Shape:
    """`torch.eye(n)`, `torch.eye(n, m)`."""
    rows, columns = call.get("n", "N"), call.get("m", "M")
    return (dimension(rows), dimension(rows if columns in (None, UNKNOWN) else columns))


def arange(call: Call) -> Shape:
    """`torch.arange(n)`."""
    start, end, step = call.get("start"), call.get("end"), call.get("step")
    if end is None and step == 1:
        end = start
        start = 0
    whole = as_size(end)
    if start == 0 and step == 1 and whole is not None:
        return (one_axis(whole),)
    return ((new_axis(),),)


def row(call: Call) -> Shape:
    """A tensor of one axis of unknown size."""
    return ((new_axis(),),)


def one_hot(call: Call) -> Shape:
    """`F.one_hot(labels, classes)`: a new last axis."""
    classes = call.get("num_classes")
    wide = (new_axis("classes", "channel"),) if classes == -1 else dimension(classes, "channel")
    return (*call.first, wide)


def diagonal(call: Call) -> Shape:
    """`x.diagonal(dim1=-2, dim2=-1)`: the two axes become one, the last."""
    first = call.first
    a, b = call.at("dim1"), call.at("dim2")
    return (*(d for i, d in enumerate(first) if i not in (a, b)), first[a])


def multinomial(call: Call) -> Shape:
    """`torch.multinomial(weights, n)`: n draws for each row."""
    return (*call.first[:-1], dimension(call.get("num_samples")))
