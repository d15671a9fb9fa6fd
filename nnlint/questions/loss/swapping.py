"""Questions about losses whose two sides have changed places."""

from __future__ import annotations

import re

from nnlint.questions.loss.losses import call_parameters
from nnlint.questions.loss.raw_outputs import LINEAR
from nnlint.semantics.conditions import words
from nnlint.semantics.dataflow import (
    depends_on,
    made_up,
    makers,
    source_of,
    tensor_of,
    upstream,
)
from nnlint.semantics.values import CALLEE, ELEMENT_OF, Operation, Source, Tensor, Unknown, Value
from nnlint.syntax.calls import argument_of

TARGETS = re.compile(r"(^|_)(targets?|labels?|y|gt|truth|true|valid|fake|real|masks?)($|_)")
"""Names of data that a loss is to be given as its target."""
TRUTH = re.compile(r"(^|_)(targets?|labels?|gt|truth|true)($|_)")
"""Those of them that stand for nothing else."""
OUTPUTS = re.compile(r"(^|_)(preds?|predictions?|predicted|logits?|outputs?|y_?hat)($|_)")
"""Names of what a model has put out."""
MODELS = re.compile(r"(^|_)(model|net|network|classifier|discriminator|net_?d)($|_)")
REBUILDS = ("bce", "bce_with_logits")
"""Families of losses with which autoencoders compare their input."""


def is_swapped(loss: Operation) -> bool:
    """Whether a loss gets data where its prediction belongs, and a model's output as target."""
    first, second = (loss.arguments.get(name) for name in call_parameters(loss)[:2])
    if not loss.grad or first is None or second is None:
        return False
    prediction, target = tensor_of(first), tensor_of(second)
    if target is not None and _is_trained(target):
        return _is_data(first, prediction, target, loss)
    # between what is not known, names that could hardly be clearer decide
    name, other = name_of(first), name_of(second)
    truth = bool(TRUTH.search(name)) and not OUTPUTS.search(name)
    return truth and not TRUTH.search(other) and _is_output(second, other)


def _is_data(first: Value, prediction: Tensor | None, target: Tensor, loss: Operation) -> bool:
    """Whether what a loss takes for the prediction is data, given that its target is trained."""
    if prediction is None:
        name = name_of(first)
        return bool(TARGETS.search(name)) or _goes_with(first, target)
    if any(o.layer for o in upstream(prediction, _is_made_anew)):
        return False
    if made_up(prediction):
        return True
    data = source_of(prediction)
    name = name_of(data) if data is not None else ""
    if name.startswith("batch["):
        # the place in a batch says less than what the program calls it
        written = argument_of(loss.site.node, call_parameters(loss)[0], 0)
        name = next(iter(words(written)), "").lower() if written is not None else ""
    if TARGETS.search(name) or _goes_with(first, target):
        return True
    # what an autoencoder makes of its own input is the prediction
    return loss.entry.family in REBUILDS and data is not None and depends_on(target, data)


def _goes_with(value: Value, output: Tensor) -> bool:
    """Whether data is a later part of the batch whose first part a model has been given."""
    whole, place = _part_of(value)
    if whole is None or place == 0:
        return False
    for operation in upstream(output, lambda o: False):
        for given in operation.inputs:
            if isinstance(given.producer, Source) and _part_of(given) == (whole, 0):
                return True
    return False


def _part_of(value: Value | None) -> tuple[object, int]:
    """What a value is an element of, and which one; else nothing."""
    data = source_of(value) if isinstance(value, Tensor) else None
    if data is not None and isinstance(data.producer, Source):
        value = data.producer.of
    known: tuple[object, int] = (None, 0)
    return value.state.get(ELEMENT_OF, known) if isinstance(value, Unknown) else known


def _is_trained(target: Tensor) -> bool:
    made = makers(target)
    return bool(made) and all(_trains(operation) for operation in made or ())


def _trains(operation: Operation) -> bool:
    if not operation.grad or _is_made_anew(operation):
        return False
    behind_it = (operation, *(o for t in operation.inputs for o in upstream(t, _is_made_anew)))
    return any(o.layer and o.entry.family in LINEAR for o in behind_it)


def _is_made_anew(operation: Operation) -> bool:
    """Whether a tensor depends on what it is made from in its shape or its values only, without
    gradients: `zeros_like(x)`, `x.detach()`."""
    return operation.entry.family in ("detach", "item", "create")


def _is_output(value: Value, name: str) -> bool:
    """Whether something not known is what a model has put out: by its name, or the model's."""
    source = value
    tensor = tensor_of(value)
    if tensor is not None:
        data = source_of(tensor)
        if data is None or not isinstance(data.producer, Source):
            return False
        source = data.producer.of or data
    if isinstance(source, Unknown) and source.origin == "call":
        callee = source.state.get(CALLEE)
        called = callee.name if isinstance(callee, Unknown) else source.name
        return bool(MODELS.search(called.rpartition(".")[2].lower()))
    return bool(OUTPUTS.search(name))


def name_of(value: Value | Tensor) -> str:
    """The name under which something not known came in, in small letters; else empty."""
    tensor = tensor_of(value)
    if tensor is not None:
        data = source_of(tensor)
        producer = data.producer if data is not None else None
        name = producer.name if isinstance(producer, Source) else ""
    else:
        name = value.name if isinstance(value, Unknown) else ""
    return name.rpartition(".")[2].lower()
