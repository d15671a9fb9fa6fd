"""Questions about scores: how are they summed up over the batches of a data set?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.losses import averages_over_all_elements
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.dataflow import keeps_examples, tensor_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    MADE_OF,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Extent,
    Join,
    Maybe,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.statements import enclosing_statements
from nnlint.syntax.walking import walk

COUNT, MEAN = "count", "mean"
"""What is added up for a batch: how many examples are right, or its mean loss."""
MOST = 200
"""Values that are looked at behind one."""
_BATCHES = re.compile(r"load|_dl$|^dl|dl$|batch|_iter$|iterator$", re.IGNORECASE)
_LOSS = re.compile(r"loss|criterion|cost|objective", re.IGNORECASE)
_ARRAY_SUMS = frozenset({"torch.sum", "numpy.sum"})
_SQUEEZES = frozenset({"squeeze", "numpy_squeeze", "view", "reshape", "flatten"})
_COMPARISONS = frozenset({"torch.eq", "torch.ne"})
_MAXIMA = frozenset({"torch.argmax", "torch.max", "numpy.argmax"})


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """A sum over batches that is divided by the number of batches."""

    site: Site
    gather: Event
    kind: str
    loader: Value
    evaluates: bool
    """Whether it is a score of an evaluation, not a training log."""
    loss: Operation | None = None

    @property
    def is_of_examples(self) -> bool:
        """Whether what is counted are examples of the batch, and not all elements of them."""
        compared = _counted(self.gather.subject)
        return compared is not None and all(map(keeps_examples, compared.inputs))


def averages(program: Program) -> Iterator[Average]:
    """Sums over the batches of a loader that are divided by the number of its batches."""
    placed = [(e, b) for e, b in program.walk() if e.kind in ("gather", "average")]
    divisions = [e for e, _ in placed if e.kind == "average" and not _goes_on(e.site)]
    evaluating = _evaluation_loops(program) if divisions else set()
    seen: set[object] = set()
    yield from _means_of_lists(program, placed)
    dividing = _by_terms(divisions)
    for gather, blocks in placed if divisions else ():
        kind, loss = _added(gather.subject) if gather.kind == "gather" else ("", None)
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if not kind or loop is None:
            continue
        for division in dividing.get(id(gather.subject), ()):
            assert isinstance(division.operands[0], Unknown)
            loader = division.operands[0].state.get(MADE_OF)
            if not isinstance(loader, Value) or not _goes_over(loop, loader):
                continue
            if division.site.key in seen:
                continue
            if _has_several_batches(loader, division.site) and not _is_given_sum(program, gather):
                seen.add(division.site.key)
                evaluates = id(loop) in evaluating
                yield Average(division.site, gather, kind, loader, evaluates, loss)


def _means_of_lists(
    program: Program, placed: list[tuple[Event, tuple[Block, ...]]]
) -> Iterator[Average]:
    """`np.mean(losses)` of the mean losses that a loop over batches has collected."""
    means = [o for o in program.operations if o.entry.name == "numpy.mean" and o.arguments]
    evaluating = _evaluation_loops(program) if means else set()
    seen: set[object] = set()
    for gather, blocks in placed if means else ():
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        kind, loss = _added(gather.subject) if gather.kind == "gather" else ("", None)
        loader = _subject(loop) if loop is not None else None
        if kind != MEAN or loop is None or loader is None or id(loop) not in evaluating:
            continue
        for mean in means:
            if next(iter(mean.arguments.values())) is not gather.operands[0]:
                continue
            if mean.site.key in seen or not _has_several_batches(loader, loop.site or mean.site):
                continue
            if not _is_given_sum(program, gather):
                seen.add(mean.site.key)
                yield Average(mean.site, gather, kind, loader, True, loss)


def _evaluation_loops(program: Program) -> set[int]:
    return {id(b) for p in passes(program) if p.role == "eval" for b in p.region}


def _goes_on(division: Site) -> bool:
    """Whether a quotient is divided or multiplied further, by more than a constant."""
    chain = enclosing_statements(division.module, division.node)
    if not chain:
        return False
    for node in walk(chain[-1].node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult):
            for inside, outside in ((node.left, node.right), (node.right, node.left)):
                if division.node in walk(inside) and not isinstance(outside, ast.Constant):
                    return True
    return False


def _goes_over(loop: Block, loader: Value) -> bool:
    return _subject(loop) is loader


def _subject(loop: Block) -> Value | None:
    """What a loop goes over, whatever counts its rounds."""
    subject = loop.subject
    while isinstance(subject, Arithmetic) and subject.operands:
        subject = subject.operands[0]
    return subject


def _has_several_batches(loader: Value, division: Site) -> bool:
    """Whether something that a loop goes over yields batches of several examples.

    What is not known is taken to do so where it is called so.
    """
    if isinstance(loader, Built):
        size = loader.arguments.get("batch_size")
        if loader.entry.kind != "loader":
            return False
        return not (isinstance(size, Constant) and size.value in (None, 1))
    length = getattr(division.node, "right", getattr(division.node, "iter", None))
    written = [loader.name.rpartition(".")[2]] if isinstance(loader, Unknown) else []
    written += words(length) if length is not None else []
    return isinstance(loader, Unknown) and any(_BATCHES.search(word) for word in written)


def _added(value: Value | None) -> tuple[str, Operation | None]:
    """What is added up: `count`, `mean` or nothing that is known, and the loss."""
    bare = _number_of(value)
    producer = _producer(bare)
    if isinstance(producer, Operation):
        if _counted(bare) is not None:
            return COUNT, None
        if producer.entry.kind == "loss":
            return (MEAN, producer) if averages_over_all_elements(producer) else ("", None)
        return "", None
    if isinstance(bare, Unknown) or isinstance(producer, Source):
        name = bare.name if isinstance(bare, Unknown) else getattr(producer, "name", "")
        return (MEAN, None) if _LOSS.search(name.rpartition(".")[2]) else ("", None)
    return "", None


def _is_given_sum(program: Program, gather: Event) -> bool:
    """Whether what is added is a loss that the project's other files give, and that sums up its
    batch wherever they do."""
    if _loss_of(gather.subject) is not None:
        return False
    known = [_loss_of(other.subject) for _, other in program.elsewhere(gather)]
    losses = [loss for loss in known if loss is not None]
    return bool(losses) and not any(map(averages_over_all_elements, losses))


def _loss_of(value: Value | None) -> Operation | None:
    """The loss that a number comes of, if it is known."""
    producer = _producer(_number_of(value))
    if isinstance(producer, Operation) and producer.entry.kind == "loss":
        return producer
    return None


def _producer(bare: Value | None) -> Operation | Source | Join | None:
    """What a tensor comes of, where it is one tensor and not one of several."""
    tensor = tensor_of(bare) if not isinstance(bare, Choice) else None
    return tensor.producer if tensor is not None else None


def _number_of(value: Value | None) -> Value | None:
    """The tensor behind `x.item()`, `int(x)`, `x.detach()`."""
    while True:
        match value:
            case Unknown(name="item()"):
                value = value.state.get(MADE_OF)
            case Arithmetic(operator="int" | "float"):
                value = value.operands[0]
            case Tensor(producer=Operation(inputs=(inner, *_)) as operation) if (
                operation.entry.family in ("detach", "item", "cast")
                or (operation.entry.family == "index" and inner.shape in (None, ()))
            ):
                value = inner
            case _:
                return value


def _comparison(value: Value | None, depth: int = 12) -> Operation | None:
    """The comparison by which a tensor says for each example whether it is right, if it does."""
    tensor = tensor_of(_number_of(value))
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
    if producer.entry.family in _SQUEEZES and producer.inputs and depth:
        return _comparison(producer.inputs[0], depth - 1)
    return producer if producer.entry.name in _COMPARISONS else None


def _counted(value: Value | None) -> Operation | None:
    """The comparison whose outcomes are summed up, if a value is such a sum."""
    bare = _number_of(value)
    tensor = tensor_of(bare) if not isinstance(bare, Choice) else None
    summed = tensor.producer if tensor is not None else None
    if not isinstance(summed, Operation) or summed.entry.name not in _ARRAY_SUMS:
        return None
    if constant(summed.arguments.get("dim")) is not None:
        return None
    return _comparison(next(iter(summed.arguments.values()), None))


def _by_terms(divisions: list[Event]) -> dict[int, list[Event]]:
    """Divisions by the identities of what the sum that is divided has among its terms."""
    found: dict[int, list[Event]] = {}
    for division in divisions:
        for identity in _terms(division.subject):
            found.setdefault(identity, []).append(division)
    return found


def _terms(value: Value | None) -> set[int]:
    """The identities of what is added up in a sum or a multiple of one, itself included."""
    seen: set[int] = set()
    terms: set[int] = set()
    waiting = [value]
    while waiting and len(seen) <= MOST:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        terms |= {id(current), id(tensor_of(current) or current)}
        waiting += reversed(_summands(current))
    return terms


def _summands(value: Value) -> tuple[Value, ...]:
    match value:
        case Arithmetic(operator="+" | "*" | "float" | "int"):
            return value.operands
        case Extent(made=Arithmetic() as made):
            return made.operands
        case Choice():
            return value.options
        case Maybe():
            return (value.value,)
        case Tensor(producer=Join() as join):
            return join.inputs
        case Unknown(name="item()"):
            inner = value.state.get(MADE_OF)
            return (inner,) if isinstance(inner, Value) else ()
        case Tensor(producer=Operation() as operation) if operation.entry.name in (
            "torch.add",
            "torch.mul",
        ) or operation.entry.family in ("detach", "item", "cast"):
            return tuple(operation.arguments.values())
        case _:
            return ()


def is_uneven(loader: Value) -> bool:
    """Whether the last batch of a loader may be smaller than the others."""
    if not isinstance(loader, Built):
        return True
    if constant(loader.arguments.get("drop_last")) is True:
        return False
    size, dataset = constant(loader.arguments.get("batch_size")), loader.arguments.get("dataset")
    if not isinstance(size, int) or not isinstance(dataset, Built):
        return True
    split = constant(dataset.arguments.get(dataset.entry.split_parameter or "train"))
    number = dataset.entry.options.get("train_examples" if split is True else "test_examples")
    return not (isinstance(number, int) and number % size == 0)


def maxima_over_batch(program: Program) -> Iterator[tuple[Operation, Operation]]:
    """Predictions taken as the largest over the examples of a batch, not over the classes.

    Yields the maximum, and the comparison with the labels.
    """
    seen: set[object] = set()
    for summed in program.operations:
        if summed.entry.family not in ("reduce", "numpy_reduce") or not summed.inputs:
            continue
        compared = _number_of(summed.inputs[0])
        comparison = compared.producer if isinstance(compared, Tensor) else None
        if not isinstance(comparison, Operation) or comparison.entry.name not in _COMPARISONS:
            continue
        for side in comparison.inputs:
            found = _number_of(side)
            largest = found.producer if isinstance(found, Tensor) else None
            if isinstance(largest, Operation) and _is_over_batch(largest):
                if largest.site.key not in seen:
                    seen.add(largest.site.key)
                    yield largest, comparison


def _is_over_batch(largest: Operation) -> bool:
    if largest.entry.name not in _MAXIMA or not largest.inputs:
        return False
    axis = largest.arguments.get("dim", largest.arguments.get("axis"))
    number = constant(axis, soft=False)
    return number == 0 and number is not False and _is_model_output(largest.inputs[0])


def _is_model_output(tensor: Tensor, depth: int = 10) -> bool:
    """Whether a tensor is all that a model has put out for a batch, scaled at most."""
    producer = tensor.producer
    if isinstance(producer, Source):
        return bool(producer.name) and not producer.name.endswith("]")
    if not isinstance(producer, Operation) or depth == 0:
        return False
    if producer.entry.family == "linear":
        shape = tensor.shape
        return shape is None or len(shape) == 2
    keeps = producer.entry.axes == "same" and (producer.entry.activation or producer.entry.family)
    return bool(keeps) and bool(producer.inputs) and _is_model_output(producer.inputs[0], depth - 1)
