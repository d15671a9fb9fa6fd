"""What operations do to axes: one function per transfer name of the library data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnlint.semantics.axes import HIGHEST_RANK, Shape
from nnlint.semantics.axes.sizes import Symbols
from nnlint.semantics.axes.transfer import arithmetic, joining, layers, movement, notation
from nnlint.semantics.axes.transfer.call import (
    UNKNOWN,
    Call,
    Outcome,
    Transfer,
    UnknownShape,
)


def transfer(
    name: str,
    inputs: Sequence[Shape | None],
    arguments: Mapping[str, Any],
    symbols: Symbols | None = None,
) -> Outcome:
    """The shape that an operation gives its output, a tuple of shapes for several.

    Parameters:
        name: the transfer name of the operation's library entry.
        inputs: shapes of the tensors it takes, None where unknown.
        arguments: constructor and call arguments; see `Call`.
        symbols: where equal expressions find equal symbols.
    """
    function = TRANSFERS.get(name)
    if function is None:
        return None
    try:
        found = function(Call(inputs, arguments, symbols or Symbols()))
    except UnknownShape:
        return None
    return None if isinstance(found, tuple) and len(found) > HIGHEST_RANK else found


TRANSFERS: dict[str, Transfer] = {
    "same": layers.same,
    "like": layers.same,
    "linear": layers.linear,
    "functional_linear": layers.functional,
    "conv": layers.convolution,
    "functional_conv": layers.functional_convolution,
    "conv_transpose": layers.transposed_convolution,
    "pool": layers.pool,
    "adaptive_pool": layers.adaptive_pool,
    "upsample": layers.upsample,
    "pad": layers.pad,
    "pixel_shuffle": layers.pixel_shuffle,
    "glu": layers.gated,
    "patches": layers.image_patches,
    "rnn": layers.recurrent,
    "cell": layers.cell,
    "pack": layers.packed,
    "unpack": layers.unpacked,
    "attention": layers.attention,
    "decoder": layers.decoder,
    "transformer": layers.transformer,
    "embedding": layers.embedding,
    "functional_embedding": layers.functional_embedding,
    "flatten": movement.flatten,
    "ravel": movement.ravel,
    "unflatten": movement.unflatten,
    "permute": movement.permute,
    "transpose": movement.transpose,
    "matrix_transpose": movement.matrix_transpose,
    "movedim": movement.movedim,
    "squeeze": movement.squeeze,
    "unsqueeze": movement.unsqueeze,
    "expand": movement.expand,
    "expand_as": movement.expand_as,
    "repeat": movement.repeat,
    "tile": movement.tile,
    "repeat_interleave": movement.repeat_interleave,
    "cat": joining.concatenate,
    "stack": joining.stack,
    "chunk": joining.chunk,
    "split": joining.split,
    "tensor_split": joining.tensor_split,
    "unbind": joining.unbind,
    "select": joining.select,
    "narrow": joining.narrow,
    "index_select": joining.index_select,
    "gather": joining.gather,
    "topk": joining.topk,
    "unfold": joining.unfold,
    "scalar": arithmetic.scalar,
    "reduce": arithmetic.reduce,
    "spectrum": arithmetic.spectrum,
    "matmul": arithmetic.matmul,
    "added_matmul": arithmetic.added_matmul,
    "outer": arithmetic.outer,
    "meshgrid": arithmetic.meshgrid,
    "distances": arithmetic.distances,
    "similarity": arithmetic.similarity,
    "broadcast": arithmetic.broadcast,
    "create": arithmetic.create,
    "eye": arithmetic.eye,
    "arange": arithmetic.arange,
    "row": arithmetic.row,
    "one_hot": arithmetic.one_hot,
    "multinomial": arithmetic.multinomial,
    "diagonal": arithmetic.diagonal,
    "einsum": notation.einsum,
    "einops": notation.rearrange,
}

__all__ = ["TRANSFERS", "UNKNOWN", "transfer"]
