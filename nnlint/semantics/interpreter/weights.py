"""The axes of the weights that library layers make."""

from __future__ import annotations

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.interpreter.tensors import Sizes
from nnlint.semantics.values import Built

WIDTHS = {
    "linear": ("out_features", "in_features"),
    "embedding": ("num_embeddings", "embedding_dim"),
    "conv": ("out_channels", "in_channels"),
    "conv_transpose": ("in_channels", "out_channels"),
}
"""The arguments that say how large the first two axes of a layer's weight are."""


def weight_shape(layer: Built, name: str, sizes: Sizes) -> Shape | None:
    """The shape of `layer.weight` or `layer.bias`, of the layers that have two widths."""
    widths = WIDTHS.get(layer.entry.axes)
    if widths is None:
        return None
    first, second = (_width(layer, width, sizes) for width in widths)
    if name == "bias":
        outer = second if layer.entry.axes == "conv_transpose" else first
        return None if layer.entry.axes == "embedding" else (outer,)
    if not layer.entry.axes.startswith("conv"):
        return (first, second)
    groups = layer.arguments.get("groups")
    if groups is None or sizes.plain(groups) != 1:
        second = (new_axis("", "channel"),)
    kernel = sizes.plain(layer.arguments["kernel_size"]) if "kernel_size" in layer.arguments else 0
    rank = layer.entry.dimensions
    given = kernel if isinstance(kernel, tuple) and len(kernel) == rank else (kernel,) * rank
    return (first, second, *(_side(one) for one in given))


def _width(layer: Built, name: str, sizes: Sizes) -> Dimension:
    given = layer.arguments.get(name)
    whole = None if given is None else sizes.of(given)
    return (new_axis("", "channel"),) if whole is None else one_axis(whole, "", "channel")


def _side(given: object) -> Dimension:
    known = isinstance(given, Size) or (isinstance(given, int) and given > 0)
    return one_axis(given) if known and isinstance(given, Size | int) else (new_axis(),)
