"""What operations do to axes: one function per transfer name of the library data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnlint.semantics.axes import (
    UNKNOWN,
    Dimension,
    Shape,
    dimension_of,
    feature_dimension,
    new_axis,
)

Inputs = Sequence[Shape | None]
Arguments = Mapping[str, Any]
Outcome = Any
"""A shape, a tuple of shapes, or None when nothing is known."""


def transfer(name: str, inputs: Inputs, arguments: Arguments) -> Outcome:
    """The shape that an operation gives its output.

    Parameters:
        name: the transfer name of the operation's library entry.
        inputs: shapes of the tensors it takes, None where unknown.
        arguments: constructor and call arguments: plain Python, dimensions or `UNKNOWN`.
    """
    function = _TRANSFERS.get(name)
    if function is None:
        return None
    return function(inputs[0] if inputs else None, inputs, arguments)


def _integer(arguments: Arguments, *names: str) -> int | None:
    for name in names:
        value = arguments.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _same(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    return first


def _linear(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    if first is None:
        return None
    return (*first[:-1], feature_dimension(arguments.get("out_features", UNKNOWN)))


def _convolution(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    rank = _integer(arguments, "dimensions")
    if rank is None:
        return None
    channels = feature_dimension(arguments.get("out_channels", UNKNOWN))
    if first is None or len(first) != rank + 2:
        batch: Dimension = (new_axis("B", None, "batch"),) if first is None else first[0]
    else:
        batch = first[0]
    names = (
        (("H", "height"), ("W", "width"))
        if rank == 2
        else (("L", "time"),) * 1
        if rank == 1
        else (("D", ""), ("H", "height"), ("W", "width"))
    )
    return (batch, channels, *((new_axis(n, None, r),) for n, r in names))


def _pool(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    rank = _integer(arguments, "dimensions")
    if first is None or rank is None or len(first) <= rank:
        return None
    kept = first[: len(first) - rank]
    return (*kept, *((new_axis(_name(d), None, _role(d)),) for d in first[len(first) - rank :]))


def _adaptive_pool(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    rank = _integer(arguments, "dimensions")
    if first is None or rank is None or len(first) <= rank:
        return None
    size = arguments.get("output_size", UNKNOWN)
    sizes = size if isinstance(size, tuple) and len(size) == rank else (size,) * rank
    kept = first[: len(first) - rank]
    spatial = first[len(first) - rank :]
    return (
        *kept,
        *(
            old if s is None else dimension_of(s, _name(old), _role(old))
            for s, old in zip(sizes, spatial, strict=True)
        ),
    )


def _name(dimension: Dimension) -> str:
    return dimension[0].name if len(dimension) == 1 else ""


def _role(dimension: Dimension) -> str:
    return dimension[0].role if len(dimension) == 1 else ""


def _flatten(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    start, end = _integer(arguments, "start_dim"), _integer(arguments, "end_dim")
    if first is None or start is None or end is None:
        return None
    rank = len(first)
    start, end = start % rank, end % rank
    joined = tuple(axis for dimension in first[start : end + 1] for axis in dimension)
    return (*first[:start], joined, *first[end + 1 :])


def _unflatten(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim")
    sizes = arguments.get("sizes", arguments.get("unflattened_size"))
    if first is None or dim is None or not isinstance(sizes, tuple):
        return None
    at = dim % len(first)
    return (*first[:at], *(dimension_of(s) for s in sizes), *first[at + 1 :])


def _permute(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    order = arguments.get("dims", arguments.get("shape"))
    if isinstance(order, tuple) and len(order) == 1 and isinstance(order[0], tuple):
        order = order[0]
    if first is None or not isinstance(order, tuple) or len(order) != len(first):
        return None
    if not all(isinstance(i, int) for i in order):
        return None
    return tuple(first[i] for i in order)


def _transpose(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    a = _integer(arguments, "dim0", "axis0")
    b = _integer(arguments, "dim1", "axis1")
    if first is None or a is None or b is None:
        return None
    result = list(first)
    result[a], result[b] = result[b], result[a]
    return tuple(result)


def _matrix_transpose(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    return None if first is None or len(first) < 2 else (*first[:-2], first[-1], first[-2])


def _movedim(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    a, b = arguments.get("source"), arguments.get("destination")
    if first is None or not isinstance(a, int) or not isinstance(b, int):
        return None
    rest = list(first)
    moved = rest.pop(a)
    rest.insert(b % len(first), moved)
    return tuple(rest)


def _squeeze(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim")
    if first is None or dim is None:
        return None
    at = dim % len(first)
    if first[at]:
        # a named axis of unknown size stays or goes, and only the running program knows
        return None
    return (*first[:at], *first[at + 1 :])


def _unsqueeze(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim")
    if first is None or dim is None:
        return None
    at = dim % (len(first) + 1)
    return (*first[:at], (), *first[at:])


def _expand(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    sizes = arguments.get("size", arguments.get("sizes"))
    if (
        isinstance(sizes, tuple)
        and len(sizes) == 1
        and isinstance(sizes[0], tuple)
        and sizes[0]
        and (not hasattr(sizes[0][0], "identity"))
    ):
        sizes = sizes[0]
    if first is None or not isinstance(sizes, tuple) or len(sizes) < len(first):
        return None
    old = ((),) * (len(sizes) - len(first)) + tuple(first)
    return tuple(o if s == -1 or o else dimension_of(s) for s, o in zip(sizes, old, strict=True))


def _concatenate(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim", "axis")
    if first is None or dim is None:
        return None
    at = dim % len(first)
    return (*first[:at], (new_axis("", None, _role(first[at])),), *first[at + 1 :])


def _stack(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim", "axis")
    if first is None or dim is None:
        return None
    at = dim % (len(first) + 1)
    return (*first[:at], (new_axis("stack"),), *first[at:])


def _parts(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim, count = _integer(arguments, "dim"), _integer(arguments, "chunks")
    if first is None or dim is None or count is None or not 0 < count <= 16:
        return None
    at = dim % len(first)
    part = (new_axis("", None, _role(first[at])),)
    return tuple((*first[:at], part, *first[at + 1 :]) for _ in range(count))


def _unbind(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = _integer(arguments, "dim")
    if first is None or dim is None:
        return None
    at = dim % len(first)
    size = first[at][0].size if len(first[at]) == 1 else None
    if size is None or size > 16:
        return None
    return tuple((*first[:at], *first[at + 1 :]) for _ in range(size))


def _reduce(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    dim = arguments.get("dim", arguments.get("axis"))
    if dim is None:
        return ()
    dims = dim if isinstance(dim, tuple) else (dim,)
    if first is None or not all(isinstance(d, int) for d in dims):
        return None
    if not all(-len(first) <= d < len(first) for d in dims):
        return None
    gone = {d % len(first) for d in dims}
    if arguments.get("keepdim") is True:
        return tuple(() if i in gone else d for i, d in enumerate(first))
    return tuple(d for i, d in enumerate(first) if i not in gone)


def _matmul(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    second = inputs[1] if len(inputs) > 1 else None
    if first is None or second is None or len(first) < 2 or len(second) < 2:
        return None
    batch = first[:-2] if len(first) >= len(second) else second[:-2]
    return (*batch, first[-2], second[-1])


def _broadcast(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    if len(inputs) < 2:
        return first
    second = inputs[1]
    if first is None or second is None:
        return None
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    offset = len(longer) - len(shorter)
    return (*longer[:offset], *(a or b for a, b in zip(longer[offset:], shorter, strict=True)))


def _recurrent(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    batch_first = arguments.get("batch_first")
    if not isinstance(batch_first, bool):
        return None
    if first is not None and len(first) != 3:
        return None
    if first is None:
        batch: Dimension = (new_axis("batch", None, "batch"),)
        time: Dimension = (new_axis("time", None, "time"),)
    else:
        batch, time = (first[0], first[1]) if batch_first else (first[1], first[0])
        batch = tuple(a._replace(role="batch") for a in batch)
        time = tuple(a._replace(role="time" if a.role == "batch" else a.role) for a in time)
    layers, two = arguments.get("num_layers"), arguments.get("bidirectional")
    size = layers * (2 if two else 1) if isinstance(layers, int) and isinstance(two, bool) else None
    depth: Dimension = () if size == 1 else (new_axis("layers·directions", size, "layer"),)
    hidden = feature_dimension(arguments.get("hidden_size", UNKNOWN))
    width = hidden if two is False else (new_axis("directions·hidden", None, "channel"),)
    output = (batch, time, width) if batch_first else (time, batch, width)
    state = (depth, batch, hidden)
    options_cell = arguments.get("cell")
    return (output, (state, state)) if options_cell == "lstm" else (output, state)


def _attention(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    return first


def _embedding(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    if first is None:
        return None
    return (*first, feature_dimension(arguments.get("embedding_dim", UNKNOWN)))


def _create(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    sizes = arguments.get("size")
    if (
        isinstance(sizes, tuple)
        and len(sizes) == 1
        and isinstance(sizes[0], tuple)
        and sizes[0]
        and (not hasattr(sizes[0][0], "identity"))
    ):
        sizes = sizes[0]
    if not isinstance(sizes, tuple):
        return None
    batch = [dimension_of(s) for s in sizes]
    return tuple(batch)


def _scalar(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    return ()


def _one_hot(first: Shape | None, inputs: Inputs, arguments: Arguments) -> Outcome:
    return None if first is None else (*first, (new_axis("classes", None, "channel"),))


_TRANSFERS: dict[str, Callable[[Shape | None, Inputs, Arguments], Outcome]] = {
    "same": _same,
    "like": _same,
    "linear": _linear,
    "conv": _convolution,
    "conv_transpose": _convolution,
    "pool": _pool,
    "upsample": _pool,
    "adaptive_pool": _adaptive_pool,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "permute": _permute,
    "transpose": _transpose,
    "matrix_transpose": _matrix_transpose,
    "movedim": _movedim,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "expand": _expand,
    "cat": _concatenate,
    "stack": _stack,
    "chunk": _parts,
    "unbind": _unbind,
    "reduce": _reduce,
    "matmul": _matmul,
    "broadcast": _broadcast,
    "rnn": _recurrent,
    "attention": _attention,
    "transformer": _attention,
    "embedding": _embedding,
    "create": _create,
    "scalar": _scalar,
    "one_hot": _one_hot,
}
