"""Between abstract values and the axes layer: names of axes, sizes, reshape targets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from nnlint.semantics.axes import UNKNOWN, Axis, Dimension, Shape
from nnlint.semantics.axes.regroup import ViewResult, classify_view
from nnlint.semantics.values import (
    Arithmetic,
    Constant,
    Extent,
    Items,
    Operation,
    ShapeOf,
    Unknown,
    Value,
)

_identities = count(1_000_000)

ROLES = {
    "batch": "b bs bsz batch batch_size nbatch nbatches n_batch num_batch batchsize bz",
    "time": "t l s seq seq_len seqlen seq_length time steps length timesteps n_steps tgt_len src_len",
    "channel": "c ch channels d dim e emb embed_dim d_model hidden features feat feature f in_channels",
    "height": "height rows img_h",
    "width": "w width cols img_w",
    "heads": "heads num_heads n_heads nhead n_head nheads",
}
_ROLE_OF = {name: role for role, names in ROLES.items() for name in names.split()}


def axis_named(name: str, index: int, rank: int) -> Axis:
    """The axis that a name in `B, T, C = x.shape` stands for.

    The first axis is the batch when it is called so, or when nothing contradicts it and
    the tensor has at least two axes.
    """
    role = _ROLE_OF.get(name.lower(), "")
    if name in ("N", "n", "m", "_", "") and index == 0 and rank > 1:
        role = "batch"
    if name in ("H", "h") and rank >= 4 and index >= 2:
        role = "height"
    return Axis(next(_identities), name if name != "_" else "", None, role)


def fresh_axis(name: str = "", size: int | None = None, role: str = "") -> Axis:
    """A new axis, equal to no other."""
    return Axis(next(_identities), name, size, role)


def name_axis(dimension: Dimension, name: str) -> Dimension:
    """`dimension` under the name that the program gives its size."""
    if len(dimension) != 1 or dimension[0].name:
        return dimension
    axis = dimension[0]
    return (Axis(axis.identity, name, axis.size, axis.role or _ROLE_OF.get(name.lower(), "")),)


def combine_extents(symbol: str, left: Value, right: Value) -> Extent | None:
    """`left * right` or `left // right` as an extent, where it stays one."""
    if symbol == "*":
        factors = [_factor(left), _factor(right)]
        if all(f is not None for f in factors):
            return Extent(tuple(axis for f in factors if f is not None for axis in f))
    if symbol in ("//", "/") and isinstance(left, Extent):
        divisor = _factor(right)
        if divisor:
            kept = list(left.dimension)
            for axis in divisor:
                matching = [k for k in kept if k.identity == axis.identity]
                if not matching:
                    return Extent((_quotient(left.dimension, divisor),))
                kept.remove(matching[0])
            return Extent(tuple(kept))
    return None


_quotients: dict[tuple[Dimension, Dimension], Axis] = {}


def _quotient(dimension: Dimension, divisor: Dimension) -> Axis:
    """The one axis that stands for a size divided by another that is no factor of it yet."""
    key = (dimension, divisor)
    if key not in _quotients:
        sizes = [a.size for a in (*dimension, *divisor)]
        size = None
        if all(sizes) and len(dimension) == len(divisor) == 1:
            size = (dimension[0].size or 0) // (divisor[0].size or 1) or None
        _quotients[key] = fresh_axis("", size, "channel")
    return _quotients[key]


def _factor(value: Value) -> Dimension | None:
    match value:
        case Extent():
            return value.dimension
        case Constant(value=bool()):
            return None
        case Constant(value=int() as number) if number >= 1:
            return () if number == 1 else (_axis_of(value, str(number), number),)
        case Unknown() if value.origin in ("parameter", "attribute", "option", "extent"):
            return (_axis_of(value, value.name.rpartition(".")[2], None),)
        case _:
            return None


_axes: dict[int, tuple[Value, Axis]] = {}


def _axis_of(value: Value, name: str, size: int | None) -> Axis:
    """The one axis that stands for the size `value`, whatever it is."""
    if isinstance(value, Constant) and not value.soft:
        return Axis(-size if size else 0, name, size, "")
    known = _axes.get(id(value))
    if known is None or known[0] is not value:
        if len(_axes) > 50_000:
            _axes.clear()
        known = _axes[id(value)] = (value, fresh_axis(name, size, _ROLE_OF.get(name.lower(), "")))
    return known[1]


def axis_of_extent(value: Value, role: str) -> Axis:
    """The axis whose size `value` is, from now on with a role."""
    axis = _axis_of(value, "", None)
    if axis.role == role or not role:
        return axis
    named = Axis(axis.identity, axis.name, axis.size, role)
    _axes[id(value)] = (value, named)
    return named


def size_of(value: Value) -> Any:
    """A size argument for the axes layer: an int, a dimension, or `UNKNOWN`."""
    match value:
        case Constant(value=bool()):
            return UNKNOWN
        case Constant(value=int() as number):
            return number if not value.soft or number in (-1, 1) else (_axis_of(value, "", number),)
        case Extent():
            return value.dimension
        case Unknown():
            factor = _factor(value)
            return UNKNOWN if factor is None else factor
        case _:
            return UNKNOWN


def plain(machine: Any, value: Value) -> Any:
    """An argument as the axes layer takes it: plain Python, dimensions, or `UNKNOWN`."""
    match value:
        case Constant():
            return value.value
        case Extent():
            return value.dimension
        case Items() if not value.open:
            return tuple(plain(machine, v) for v in value.items)
        case ShapeOf() if value.tensor.shape is not None:
            return value.tensor.shape[value.start : value.stop]
        case Unknown() if value.origin in ("parameter", "attribute", "option", "extent"):
            return size_of(value)
        case _:
            return UNKNOWN


def view_result(machine: Any, operation: Operation, given: Sequence[Value]) -> ViewResult | None:
    """How a `view`/`reshape` regroups the axes of its input, if its shape is known."""
    source = operation.inputs[0].shape if operation.inputs else None
    if source is None:
        return None
    sizes: list[Any] = []
    for value in given[1:]:
        spread = value.items if isinstance(value, Items) else (value,)
        if isinstance(value, Items) and value.open:
            return None
        if isinstance(value, ShapeOf):
            if value.tensor.shape is None:
                return None
            sizes += value.tensor.shape[value.start : value.stop]
            continue
        for item in spread:
            if isinstance(item, Items):
                sizes += [size_of(v) for v in item.items]
            elif isinstance(item, Arithmetic):
                sizes.append(UNKNOWN)
            else:
                sizes.append(size_of(item))
    return classify_view(source, sizes) if sizes else None


__all__ = [
    "Shape",
    "axis_named",
    "combine_extents",
    "fresh_axis",
    "name_axis",
    "plain",
    "size_of",
    "view_result",
]
