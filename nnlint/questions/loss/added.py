"""What a loop over batches adds up: how many examples are right, or the mean of a batch's losses."""

from __future__ import annotations

import re

from nnlint.questions.loss.losses import averages_over_all_elements
from nnlint.questions.training.measuring import COMPARISONS
from nnlint.semantics.dataflow import SCALES, tensor_of
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE_OF,
    RECEIVER,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Extent,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
    is_size,
)

COUNT, MEAN, SCALED = "count", "mean", "scaled"
"""What is added up for a batch: how many examples are right, the mean of its losses or of another
metric, or that mean times the size of a full batch."""
_LOSS = re.compile(r"loss|criterion|cost|objective", re.IGNORECASE)
_ARRAY_SUMS = frozenset({"torch.sum", "numpy.sum"})
_SQUEEZES = frozenset({"squeeze", "numpy_squeeze", "view", "reshape", "flatten"})
_WHOLE = frozenset({"torch.all"})
"""What says of each example whether all of it is right, given an axis."""
_MEANS = frozenset({"numpy.mean", "numpy.average", "torch.mean"})
"""Functions and methods that give a mean."""
_AXES = frozenset({"dim", "axis", "weights", "where"})
"""Arguments of means that are not of all that is given, or not of all alike."""
_SHARES = frozenset(
    f"sklearn.metrics.{name}"
    for name in (
        *("accuracy_score", "balanced_accuracy_score", "f1_score", "fbeta_score"),
        *("precision_score", "recall_score", "jaccard_score", "mean_squared_error"),
        *("mean_absolute_error", "roc_auc_score", "average_precision_score"),
    )
)
"""Functions that give one number for all the examples they are given, which is no sum over them."""


def added(value: Value | None, loader: Value) -> tuple[str, Operation | None]:
    """What is added up: `count`, `mean`, `scaled` or nothing that is known, and the loss."""
    bare = number_of(value)
    if isinstance(bare, Arithmetic) and bare.operator == "*" and len(bare.operands) == 2:
        mean, size = bare.operands
        if _is_batch_size(mean, loader):
            mean, size = size, mean
        kind, loss = added(mean, loader)
        return (SCALED, loss) if kind == MEAN and _is_batch_size(size, loader) else ("", None)
    if is_metric_mean(value):
        return MEAN, None
    producer = _producer(bare)
    while isinstance(producer, Operation) and is_whole_mean(producer) and producer.inputs:
        # of losses by device, or of one number
        producer = producer.inputs[0].producer
    if isinstance(producer, Operation):
        if counted(bare) is not None:
            return COUNT, None
        if producer.entry.kind == "loss":
            return (MEAN, producer) if averages_over_all_elements(producer) else ("", None)
        return "", None
    if isinstance(bare, Unknown) or isinstance(producer, Source):
        name = bare.name if isinstance(bare, Unknown) else getattr(producer, "name", "")
        return (MEAN, None) if _LOSS.search(name.rpartition(".")[2]) else ("", None)
    return "", None


def _is_batch_size(value: Value, loader: Value) -> bool:
    """Whether a value is the size of a loader's full batches."""
    if isinstance(loader, Built):
        size = loader.arguments.get("batch_size")
        number = constant(size)
        return value is size or (number not in (None, 1) and constant(value) == number)
    named = isinstance(value, Unknown) and value.name.rpartition(".")[2] == "batch_size"
    return named and isinstance(value, Unknown) and value.state.get(RECEIVER) is loader


def is_metric_mean(value: Value | None) -> bool:
    """Whether a value is the share of a batch's examples that are right, or a multiple of it."""
    bare = number_of(value)
    match bare:
        case Arithmetic(operator="/", operands=(number, Extent() | Unknown(origin="length"))):
            match number:
                case Arithmetic(operator="*", operands=(Constant(), part) | (part, Constant())):
                    return counted(part) is not None
                case _:
                    return counted(number) is not None
        case Unknown(name=name, origin="call") if name in _SHARES:
            # a count of right examples is asked for by `normalize=False`
            given = bare.state.get(ARGUMENTS) or ()
            return not any(isinstance(v, Constant) and v.value is False for v in given)
        case Arithmetic(operator="*" | "/", operands=(inner, Constant())):
            return is_metric_mean(inner)
        case Arithmetic(operator="*", operands=(Constant(), inner)):
            return is_metric_mean(inner)
        case Tensor(producer=Operation() as made) if made.entry.name in _MEANS:
            given = next(iter(made.arguments.values()), None)
            return is_whole_mean(made) and _comparison(given) is not None
        case Tensor(producer=Operation() as made) if made.entry.name == "torch.div":
            below = made.arguments.get("other")
            if is_size(below):
                return counted(made.arguments.get("input")) is not None
            if isinstance(below, Constant):
                return is_metric_mean(made.arguments.get("input"))
            return is_ratio(made)
        case Tensor(producer=Operation() as made) if made.entry.name in SCALES:
            other = made.arguments.get("other")
            return isinstance(other, Constant) and is_metric_mean(made.arguments.get("input"))
        case _:
            return False


def is_whole_mean(operation: Operation) -> bool:
    """Whether an operation gives the mean of all that it is given."""
    return operation.entry.name in _MEANS and not _AXES & operation.explicit


def is_ratio(division: Operation) -> bool:
    """Whether one sum over all of a batch is divided by another one, as for an overlap."""
    sides = (division.arguments.get("input"), division.arguments.get("other"))
    return all(_holds_sum(side) for side in sides)


def _holds_sum(value: Value | None, depth: int = 6) -> bool:
    """Whether a number is made of sums over whole tensors, by sums, products and constants."""
    tensor = tensor_of(value) if value is not None else None
    made = tensor.producer if tensor is not None else None
    if not isinstance(made, Operation) or depth == 0:
        return False
    if made.entry.name in _ARRAY_SUMS:
        axis = made.arguments.get("dim", made.arguments.get("axis"))
        return axis is None or (isinstance(axis, Constant) and axis.value is None)
    if made.entry.name not in SCALES and made.entry.name not in ("torch.add", "torch.sub"):
        return made.entry.family in ("detach", "item", "cast") and any(
            _holds_sum(inner, depth - 1) for inner in made.inputs
        )
    given = [v for v in made.arguments.values() if not isinstance(v, Constant)]
    return bool(given) and all(_holds_sum(v, depth - 1) for v in given)


def loss_of(value: Value | None) -> Operation | None:
    """The loss that a number comes of, if it is known."""
    producer = _producer(number_of(value))
    if isinstance(producer, Operation) and producer.entry.kind == "loss":
        return producer
    return None


def _producer(bare: Value | None) -> Operation | Source | Join | None:
    """What a tensor comes of, where it is one tensor and not one of several."""
    tensor = tensor_of(bare) if not isinstance(bare, Choice) else None
    return tensor.producer if tensor is not None else None


def number_of(value: Value | None) -> Value | None:
    """The tensor behind `x.item()`, `int(x)`, `x.detach()`."""
    while True:
        match value:
            case Unknown(name="item()" | "numpy()"):
                value = value.state.get(MADE_OF)
            case Arithmetic(operator="int" | "float"):
                value = value.operands[0]
            case Arithmetic(operator="*", operands=(inner, Constant(value=1))):
                value = inner
            case Tensor(producer=Operation(inputs=(inner, *_)) as operation) if (
                operation.entry.family in ("detach", "item", "cast")
                or (operation.entry.family == "index" and inner.shape in (None, ()))
            ):
                value = inner
            case _:
                return value


def _comparison(value: Value | None, depth: int = 12) -> Operation | None:
    """The comparison by which a tensor says for each example whether it is right, if it does."""
    tensor = tensor_of(number_of(value))
    producer = tensor.producer if tensor is not None else None
    if isinstance(producer, Join):
        found = [_comparison(t, depth - 1) for t in producer.inputs if depth]
        return found[0] if all(found) and found else None
    if isinstance(producer, Source):
        array = producer.of
        if depth == 0 or not isinstance(array, Unknown) or array.name != "numpy()":
            return None
        return _comparison(array.state.get(MADE_OF), depth - 1)
    if not isinstance(producer, Operation):
        return None
    whole = producer.entry.name in _WHOLE and "dim" in producer.explicit
    if (producer.entry.family in _SQUEEZES or whole) and producer.inputs and depth:
        return _comparison(producer.inputs[0], depth - 1)
    return producer if producer.entry.name in COMPARISONS else None


def counted(value: Value | None) -> Operation | None:
    """The comparison whose outcomes are summed up, if a value is such a sum."""
    bare = number_of(value)
    tensor = tensor_of(bare) if not isinstance(bare, Choice) else None
    summed = tensor.producer if tensor is not None else None
    if not isinstance(summed, Operation) or summed.entry.name not in _ARRAY_SUMS:
        return None
    if constant(summed.arguments.get("dim")) is not None:
        return None
    return _comparison(next(iter(summed.arguments.values()), None))
