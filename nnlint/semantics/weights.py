"""How many weights a layer of a library has."""

from __future__ import annotations

from math import prod

from nnlint.semantics.values import Built, Items, Value, constant

_WITHOUT_WEIGHTS = frozenset(
    """activation sigmoid softmax log_softmax dropout dropout_channel alpha_dropout dropout_path
    pool adaptive_pool flatten padding upsample identity pixel_shuffle unflatten""".split()
)
_NORMS = ("num_features", "num_channels", "normalized_shape")


def weights_in(layer: Built) -> int | None:
    """How many weights a layer has, its biases left out; None where that is not known."""
    entry = layer.entry
    match entry.family:
        case "linear":
            return _product(layer, "in_features", "out_features")
        case "conv" | "conv_transpose":
            return _of_convolution(layer)
        case "embedding":
            return _product(layer, "num_embeddings", "embedding_dim")
        case "batch_norm" | "norm":
            given = next((layer.arguments[n] for n in _NORMS if n in layer.arguments), None)
            size = _number(given)
            return None if size is None else 2 * size
        case family:
            return 0 if family in _WITHOUT_WEIGHTS else None


def _of_convolution(layer: Built) -> int | None:
    channels = _product(layer, "in_channels", "out_channels")
    groups = _number(layer.arguments.get("groups"))
    kernel = layer.arguments.get("kernel_size")
    if channels is None or not groups:
        return None
    if isinstance(kernel, Items):
        sides = [_number(side) for side in kernel.items]
    else:
        side = constant(kernel)
        sides = (
            list(side)
            if isinstance(side, tuple)
            else [_number(kernel)] * max(layer.entry.dimensions, 1)
        )
    known = [side for side in sides if isinstance(side, int)]
    return channels // groups * prod(known) if len(known) == len(sides) else None


def _product(layer: Built, *names: str) -> int | None:
    numbers = [_number(layer.arguments.get(name)) for name in names]
    known = [number for number in numbers if number is not None]
    return prod(known) if len(known) == len(numbers) else None


def _number(value: Value | None) -> int | None:
    number = constant(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None
