"""Layers: what they keep of their input's axes, and which axis they make anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnlint.semantics.axes import (
    DIRECTIONS,
    PERHAPS_GONE,
    Axis,
    Dimension,
    Shape,
    new_axis,
    one_axis,
    size_of,
    with_role,
)
from nnlint.semantics.axes.sizes import ONE, Size, Symbol, Symbols, product, size
from nnlint.semantics.axes.transfer.call import (
    Call,
    UnknownShape,
    as_integer,
    as_size,
    dimension,
)

SPATIAL = {
    1: (("L", "time"),),
    2: (("H", "height"), ("W", "width")),
    3: (("D", ""), ("H", "height"), ("W", "width")),
}
"""Names and roles of the axes behind batch and channels."""


def same(call: Call) -> Shape:
    """Activations, normalisation, dropout."""
    return call.first


def linear(call: Call) -> Shape:
    """`nn.Linear`, on the last axis: what a network goes on with is a batch."""
    kept = (with_role(d, "batch") if _is_perhaps_gone(d) else d for d in call.first[:-1])
    return (*kept, call.axis("out_features"))


def _is_perhaps_gone(whole: Dimension) -> bool:
    return any(axis.role == PERHAPS_GONE for axis in whole)


def functional(call: Call) -> Shape:
    """`F.linear`: the weight says how wide the result is."""
    weight = call.inputs[1] if len(call.inputs) > 1 else None
    wide = weight[0] if weight else (new_axis("", "channel"),)
    return (*call.first[:-1], wide)


def convolution(call: Call) -> Shape:
    """`nn.Conv1d` to `nn.Conv3d`."""
    return _spatial(call, call.axis("out_channels"), _convolved)


def functional_convolution(call: Call) -> Shape:
    """`F.conv2d`: the weight says how many channels there are, if its shape is known."""
    weight = call.inputs[1] if len(call.inputs) > 1 else None
    channels = with_role(weight[0], "channel") if weight else (new_axis("", "channel"),)
    unsized = Call(call.inputs, {**call.arguments, "kernel_size": None}, call.symbols)
    return _spatial(unsized, channels, _convolved)


def transposed_convolution(call: Call) -> Shape:
    """`nn.ConvTranspose1d` to `nn.ConvTranspose3d`."""
    return _spatial(call, call.axis("out_channels"), _upscaled)


def pool(call: Call) -> Shape:
    """`nn.MaxPool2d` and kin."""
    rank = call.integer("dimensions")
    if len(call.first) <= rank:
        raise UnknownShape
    return _spatial(call, call.first[-rank - 1], _pooled)


Resize = Any
"""From (call, index, size) to the new size of one spatial axis, None when unknown."""


def _spatial(call: Call, channels: Dimension, resize: Resize) -> Shape:
    rank = call.integer("dimensions")
    first = call.inputs[0] if call.inputs else None
    if first is None:
        batch: Dimension = (vague_axis("", "batch"),)
        return (batch, channels, *((vague_axis(n, r),) for n, r in SPATIAL[rank]))
    if len(first) not in (rank + 1, rank + 2):
        raise UnknownShape
    kept = first[: len(first) - rank - 1]
    resized = []
    for i, old in enumerate(first[len(first) - rank :]):
        new = resize(call, i, size_of(old))
        label, role = SPATIAL[rank][i]
        if new is None:
            new = size(Symbol("", role, small=True))
        resized.append(old if new == size_of(old) else one_axis(new, label, role))
    return (*kept, channels, *resized)


def _each(call: Call, name: str, index: int, default: int | None = None) -> int | None:
    """A number given for all spatial axes, or one for each."""
    value = call.arguments.get(name, default)
    if isinstance(value, tuple):
        value = value[index] if index < len(value) else None
    return as_integer(value)


def _convolved(call: Call, index: int, old: Size) -> Size | None:
    stride = _each(call, "stride", index, 1)
    if call.arguments.get("padding") == "same":
        return old
    padding = 0 if call.arguments.get("padding") == "valid" else _each(call, "padding", index, 0)
    kernel = _kernel(call, index)
    dilation = _each(call, "dilation", index, 1)
    if kernel is not None and kernel == old and padding == 0:
        return ONE
    width = None if kernel is None else kernel.integer
    return _shrunk(call.symbols, old, width, stride, padding, dilation)


def _kernel(call: Call, index: int) -> Size | None:
    value = call.arguments.get("kernel_size")
    if isinstance(value, tuple):
        value = value[index] if index < len(value) else None
    return as_size(value)


def _shrunk(
    symbols: Symbols,
    old: Size,
    kernel: int | None,
    stride: int | None,
    padding: int | None,
    dilation: int | None,
) -> Size | None:
    if None in (kernel, stride, padding, dilation):
        return None
    assert kernel and stride is not None and padding is not None and dilation is not None
    loss = dilation * (kernel - 1) - 2 * padding
    if old.integer is not None:
        return Size(max(1, (old.integer - loss - 1) // stride + 1))
    if loss == 0 and stride == 1:
        return old
    if stride == 1 and not any(s.small for s in old.symbols):
        return symbols.plus(old, -loss)
    even = old.divided(Size(stride)) is not None
    if loss == stride - 1 or (even and 0 <= loss < stride):
        return symbols.quotient(old, Size(stride), small=True)
    return symbols.derived(("conv", old, loss, stride), small=True)


def _pooled(call: Call, index: int, old: Size) -> Size | None:
    if call.arguments.get("ceil_mode"):
        return None
    kernel = _kernel(call, index)
    if kernel is not None and kernel == old:
        return ONE
    width = None if kernel is None else as_integer(kernel)
    stride = width if call.arguments.get("stride") is None else _each(call, "stride", index)
    padding = _each(call, "padding", index, 0)
    dilation = _each(call, "dilation", index, 1)
    return _shrunk(call.symbols, old, width, stride, padding, dilation)


def _upscaled(call: Call, index: int, old: Size) -> Size | None:
    kernel, stride = _each(call, "kernel_size", index), _each(call, "stride", index, 1)
    padding = _each(call, "padding", index, 0)
    extra = _each(call, "output_padding", index, 0)
    dilation = _each(call, "dilation", index, 1)
    if not kernel or not stride or dilation is None or None in (padding, extra):
        return None
    gain = dilation * (kernel - 1) - stride + 1 - 2 * (padding or 0) + (extra or 0)
    return call.symbols.plus(old * Size(stride), gain)


def adaptive_pool(call: Call) -> Shape:
    """`nn.AdaptiveAvgPool2d` and kin: the output size is what is asked for."""
    rank = call.integer("dimensions")
    first = call.first
    if len(first) <= rank:
        raise UnknownShape
    wanted = call.get("output_size")
    sizes = wanted if isinstance(wanted, tuple) else (wanted,) * rank
    if len(sizes) != rank:
        raise UnknownShape
    pairs = zip(sizes, first[len(first) - rank :], strict=True)
    return (*first[: len(first) - rank], *(_resized(s, old) for s, old in pairs))


def _resized(wanted: Any, old: Dimension) -> Dimension:
    role = old[0].meaning if len(old) == 1 else ""
    label = old[0].name if len(old) == 1 else ""
    return old if wanted is None else dimension(wanted, role, label)


def upsample(call: Call) -> Shape:
    """`F.interpolate`: to a size, or by a factor."""
    first = call.first
    rank = len(first) - 2
    if rank < 1:
        raise UnknownShape
    wanted, factor = call.get("size"), call.get("scale_factor")
    spatial = first[2:]
    if wanted not in (None, ()) and as_size(wanted) is None and not isinstance(wanted, tuple):
        return (*first[:2], *((new_axis("", d[0].meaning if d else ""),) for d in spatial))
    if wanted is not None:
        sizes = wanted if isinstance(wanted, tuple) else (wanted,) * rank
        if len(sizes) != rank:
            raise UnknownShape
        return (*first[:2], *(_resized(s, old) for s, old in zip(sizes, spatial, strict=True)))
    factors = factor if isinstance(factor, tuple) else (factor,) * rank
    return (*first[:2], *(_scaled(d, f) for d, f in zip(spatial, factors, strict=False)))


def _scaled(old: Dimension, factor: Any) -> Dimension:
    role = old[0].meaning if len(old) == 1 else ""
    if isinstance(factor, float) and factor.is_integer():
        factor = int(factor)
    whole = as_integer(factor)
    if whole is None or whole < 1:
        return (new_axis("", role),)
    return one_axis(size_of(old) * Size(whole), old[0].name if old else "", role)


def pad(call: Call) -> Shape:
    """Padding of the last axes, or of the spatial axes by one number."""
    first = call.first
    amounts = call.get("pad", "padding")
    rank = as_integer(call.arguments.get("dimensions"))
    if isinstance(amounts, int) and rank:
        amounts = (amounts,) * (2 * rank)
    if not isinstance(amounts, tuple) or len(amounts) > 2 * len(first):
        raise UnknownShape
    result = list(first)
    for i in range(0, len(amounts) - 1, 2):
        before, after = as_integer(amounts[i]), as_integer(amounts[i + 1])
        at = len(first) - 1 - i // 2
        old = result[at]
        role = old[0].meaning if len(old) == 1 else ""
        if before is None or after is None:
            result[at] = (new_axis("", role),)
        elif before + after:
            result[at] = one_axis(call.symbols.plus(size_of(old), before + after), "", role)
    return tuple(result)


def pixel_shuffle(call: Call) -> Shape:
    """`nn.PixelShuffle` and its inverse."""
    first = call.first
    factor = as_size(call.get("upscale_factor", "downscale_factor"))
    if factor is None or len(first) < 3:
        raise UnknownShape
    square = factor * factor
    channels, height, width = (size_of(d) for d in first[-3:])
    if call.arguments.get("inverse"):
        new = (
            channels * square,
            call.symbols.quotient(height, factor),
            call.symbols.quotient(width, factor),
        )
    else:
        new = (call.symbols.quotient(channels, square), height * factor, width * factor)
    names = (("", "channel"), *SPATIAL[2])
    return (*first[:-3], *(one_axis(s, n, r) for s, (n, r) in zip(new, names, strict=True)))


def gated(call: Call) -> Shape:
    """`F.glu`: halves an axis."""
    first = call.first
    at = call.at("dim")
    half = call.symbols.quotient(size_of(first[at]), Size(2))
    return (*first[:at], one_axis(half, "", _only_role(first[at])), *first[at + 1 :])


def _only_role(whole: Dimension) -> str:
    return whole[0].meaning if len(whole) == 1 else ""


def image_patches(call: Call) -> Shape:
    """`F.unfold`: channels times kernel, then positions."""
    first = call.first
    if len(first) != 4:
        raise UnknownShape
    kernel = call.get("kernel_size")
    sizes: Sequence[Any] = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    parts = [as_size(k) for k in sizes]
    inner: Dimension = (
        (new_axis("patch"),)
        if None in parts
        else one_axis(product(*(p for p in parts if p is not None)), "patch")
    )
    return (first[0], (*first[1], *inner), (new_axis("positions"),))


def recurrent(call: Call) -> tuple[Shape, Any]:
    """`nn.LSTM` and kin: the outputs, and the last state of each layer and direction.

    The last state is (directions of layers, batch, hidden), whatever `batch_first` says.
    """
    batch_first = call.arguments.get("batch_first")
    if not isinstance(batch_first, bool):
        raise UnknownShape
    first = call.inputs[0] if call.inputs else None
    if first is not None and len(first) != 3:
        raise UnknownShape
    if first is None:
        first = ((new_axis("", "batch"),), (new_axis("", "time"),), (new_axis(),))
        first = first if batch_first else (first[1], first[0], first[2])
    batch, time = (first[0], first[1]) if batch_first else (first[1], first[0])
    batch, time = with_role(batch, "batch"), with_role(time, "time")
    hidden = call.axis("hidden_size", label="hidden")
    if as_integer(call.arguments.get("proj_size", 0)) != 0:
        hidden = call.axis("proj_size", label="hidden")
    directions = _directions(call)
    output = (batch, time, (*directions, *hidden))
    layers = call.axis("num_layers", "layer", "layers")
    state = ((*layers, *directions), batch, hidden)
    cell = call.axis("hidden_size", label="hidden")
    states = (state, (state[0], batch, cell)) if call.arguments.get("cell") == "lstm" else state
    return output if batch_first else (time, batch, output[2]), states


def cell(call: Call) -> Shape | list[Shape | None]:
    """`nn.GRUCell`: one step; the LSTM's also gives its memory."""
    hidden = (*call.first[:-1], call.axis("hidden_size", label="hidden"))
    return [hidden, hidden] if call.arguments.get("cell") == "lstm" else hidden


def packed(call: Call) -> Shape:
    """`pack_padded_sequence`: whatever its layout is called, examples come first here."""
    first = call.first
    if len(first) < 2:
        raise UnknownShape
    return first if call.arguments.get("batch_first") is True else (first[1], first[0], *first[2:])


def unpacked(call: Call) -> list[Shape | None]:
    """`pad_packed_sequence`: the padded sequences, and their lengths."""
    first = call.first
    padded = first if call.arguments.get("batch_first") is True else (first[1], first[0], first[2])
    return [padded, (first[0],)]


def decoder(call: Call) -> Shape:
    """`nn.Transformer`: as long as the target."""
    target = call.inputs[1] if len(call.inputs) > 1 else None
    if target is None:
        raise UnknownShape
    return target


def _directions(call: Call) -> Dimension:
    both = call.arguments.get("bidirectional")
    if isinstance(both, bool):
        return one_axis(2, DIRECTIONS, "layer") if both else ()
    # one or two: nothing can be said that depends on it
    return (vague_axis(DIRECTIONS, "layer"),)


def vague_axis(name: str, role: str) -> Axis:
    """An axis of which nothing is known, not even that it is more than one."""
    return Axis(size(Symbol("", role, vague=True)), name, role)


def attention(call: Call) -> list[Shape | None]:
    """`nn.MultiheadAttention`: its output is as long as the query; and the weights."""
    query = _sequences(call)
    key = call.inputs[1] if len(call.inputs) > 1 else None
    output = (*query[:-1], call.axis("embed_dim"))
    batch_first = call.arguments.get("batch_first")
    if key is None or len(key) != 3 or not isinstance(batch_first, bool):
        return [output, None]
    batch, time = (0, 1) if batch_first else (1, 0)
    return [output, (query[batch], query[time], key[time])]


def _sequences(call: Call) -> Shape:
    """The first input, its axes in the roles that `batch_first` gives them."""
    first = call.first
    batch_first = call.arguments.get("batch_first")
    if len(first) != 3 or not isinstance(batch_first, bool):
        return first
    roles = ("batch", "time") if batch_first else ("time", "batch")
    return (with_role(first[0], roles[0]), with_role(first[1], roles[1]), first[2])


def transformer(call: Call) -> Shape:
    """Encoder and decoder layers, and stacks of them, keep the shape of their input."""
    return _sequences(call)


def embedding(call: Call) -> Shape:
    """`nn.Embedding`: a new last axis."""
    return (*call.first, call.axis("embedding_dim"))


def functional_embedding(call: Call) -> Shape:
    """`F.embedding`: the weight says how wide the vectors are, if its shape is known."""
    weight = call.inputs[1] if len(call.inputs) > 1 else None
    return (*call.first, (new_axis("", "channel"),) if weight is None else weight[-1])
