"""Questions about the last layer of a classifier: does it fit the data set?"""

from __future__ import annotations

from dataclasses import dataclass

from nnlint.questions.loss.losses import operands
from nnlint.questions.loss.raw_outputs import LINEAR
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.values import (
    LABELS_OF,
    MADE_BY,
    Built,
    Constant,
    Operation,
    Tensor,
    Unknown,
    choices_of,
    constant,
)

WIDTHS = ("out_features", "out_channels")


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """A classifier with another number of outputs than its data set has classes."""

    outputs: int
    classes: int
    dataset: Built
    head: Built
    """The layer or model that decides the number of outputs."""


def mismatch_of(loss: Operation) -> Mismatch | None:
    """How the classes that a loss is given differ from those of the data set it is computed on.

    One output more than classes is left alone: it may stand for none of them.
    """
    if not loss.grad or any(c.soft for c in loss.conditions):
        return None
    dataset = _labels_of(operands(loss)[1])
    head = _head_of(loss)
    if dataset is None or head is None:
        return None
    outputs, built = head
    classes = dataset.entry.options.get("classes")
    if not isinstance(classes, int) or outputs in (classes, classes + 1):
        return None
    return Mismatch(outputs, classes, dataset, built)


def _labels_of(target: Tensor | None, depth: int = 8) -> Built | None:
    """The data set whose labels a target is, taken as they are; None where a branch chose it."""
    while target is not None and depth:
        dataset = target.state.get(LABELS_OF)
        if isinstance(dataset, Built):
            chosen = any(c.soft for c in dataset.conditions) or choices_of(dataset)
            return None if chosen else dataset
        producer = target.producer
        if not isinstance(producer, Operation) or producer.entry.family not in ("cast", "squeeze"):
            return None
        target, depth = producer.inputs[0] if producer.inputs else None, depth - 1
    return None


def _head_of(loss: Operation) -> tuple[int, Built] | None:
    """The number of outputs of the layer or library model whose outputs a loss takes."""
    given = next((loss.arguments[n] for n in ("input", "inputs") if n in loss.arguments), None)
    model = given.state.get(MADE_BY) if isinstance(given, Unknown) else None
    if isinstance(model, Built):
        number = _classes_of(model)
        return None if number is None else (number, model)
    tensor = tensor_of(given)
    made = makers(tensor) if tensor is not None else None
    while made and len(made) == 1 and made[0].entry.activation == "log_softmax" and made[0].inputs:
        made = makers(made[0].inputs[0])
    if not made or len({o.site.key for o in made}) != 1 or made[0].entry.family not in LINEAR:
        return None
    layer = made[0].layer
    width = next((v for n in WIDTHS if (v := made[0].arguments.get(n)) is not None), None)
    number = constant(width)
    if layer is None or not isinstance(number, int) or any(c.soft for c in layer.conditions):
        return None
    return number, layer


def _classes_of(model: Built) -> int | None:
    """The number of classes of a library model whose last layer is its own."""
    if any(isinstance(v, Built | Unknown) for v in model.state.values()):
        # a part of it was looked at, and may have been replaced
        return None
    given = model.arguments.get("num_classes")
    number = given.value if isinstance(given, Constant) else None
    if given is None:
        number = model.entry.options.get("classes")
    return number if isinstance(number, int) and "**" not in model.arguments else None
