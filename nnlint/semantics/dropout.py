"""Questions about dropout: is it active, and which layers does it reach."""

from __future__ import annotations

from collections.abc import Iterable

from nnlint.semantics.dataflow import behind, in_one_module, upstream
from nnlint.semantics.values import Choice, Constant, Items, Operation, Value, constant

ELEMENTWISE = frozenset({"dropout"})
DROPPING = frozenset({"dropout", "dropout_channel"})
RESCALING = frozenset(
    "batch_norm norm normalize rnn attention transformer embedding softmax log_softmax sigmoid "
    "argmax compare create one_hot size sort".split()
)
"""Families whose output has a scale of its own, whatever dropout did to their input."""
CONVOLUTION = frozenset({"conv", "conv_transpose"})
KEEPS_FEATURE_MAP = frozenset(
    "activation sigmoid batch_norm norm dropout dropout_channel alpha_dropout dropout_path pool "
    "padding upsample arithmetic elementwise cat contiguous cast clone clamp pixel_shuffle "
    "mask".split()
)
"""Families that give back a map of features where they are given one."""


def is_active(operation: Operation, families: frozenset[str]) -> bool:
    """Whether `operation` is a dropout that is known to drop something in training."""
    if operation.entry.family not in families:
        return False
    training = operation.arguments.get("training")
    return _is_positive(operation.arguments.get("p")) and constant(training, True) is not False


def _is_positive(rate: Value | None) -> bool:
    if isinstance(rate, Choice):
        return all(_is_positive(option) for option in rate.options)
    return isinstance(rate, Constant) and isinstance(rate.value, int | float) and rate.value > 0


def dropouts_behind(norm: Operation) -> Iterable[Operation]:
    """Dropouts whose output reaches a batch norm of the same module, not normalised again.

    Only running statistics go wrong: a batch norm that keeps none is reached by nothing.
    """
    if not norm.inputs or constant(norm.arguments.get("track_running_stats"), True) is False:
        return ()

    def drops_here(operation: Operation) -> bool:
        return is_active(operation, DROPPING) and in_one_module(operation, norm)

    return behind(norm.inputs[0], drops_here, lambda o: o.entry.family in RESCALING).values()


def elementwise_dropouts_behind(convolution: Operation) -> Iterable[Operation]:
    """Elementwise dropouts on feature maps that a 2-D or 3-D convolution takes in."""
    if not _looks_around(convolution) or not convolution.inputs:
        return ()
    return behind(convolution.inputs[0], _drops_elements_of_map, _leaves_feature_map).values()


def _drops_elements_of_map(operation: Operation) -> bool:
    return (
        is_active(operation, ELEMENTWISE)
        and bool(operation.inputs)
        and any(map(_looks_around, upstream(operation.inputs[0], _leaves_feature_map)))
    )


def _leaves_feature_map(operation: Operation) -> bool:
    """Whether what lies behind `operation` says nothing of its output as a feature map."""
    if operation.entry.family in CONVOLUTION and operation.entry.dimensions >= 2:
        return _looks_around(operation)
    return operation.entry.family not in KEEPS_FEATURE_MAP


def _looks_around(convolution: Operation) -> bool:
    """Whether a convolution is 2-D or 3-D, and sees more than one position at a time."""
    if convolution.entry.family not in CONVOLUTION or convolution.entry.dimensions < 2:
        return False
    kernel = convolution.arguments.get("kernel_size")
    sizes = kernel.items if isinstance(kernel, Items) else (kernel,)
    return any(constant(size) not in (1, (1, 1), (1, 1, 1)) for size in sizes)
