"""Questions about scores: how are they summed up over the batches of a data set?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nnlint.questions.data.loaders import examples_of
from nnlint.questions.loss.added import (
    MEAN,
    added,
    counted,
    is_metric_mean,
    is_whole_mean,
    loss_of,
    number_of,
)
from nnlint.questions.loss.divisors import (
    BATCHES,
    BUT_LAST,
    EXAMPLES,
    FULL_BUT_LAST,
    LAST,
    divisor_of,
)
from nnlint.questions.loss.losses import averages_over_all_elements
from nnlint.questions.training.measuring import COMPARISONS
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.dataflow import depends_on, keeps_examples, tensor_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    MADE,
    MADE_OF,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Extent,
    Items,
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

MOST = 200
"""Values that are looked at behind one."""
_BATCHES = re.compile(r"load|_dl$|^dl|dl$|batch|_iter$|iterator$", re.IGNORECASE)
_COUNTS = frozenset({"sum", "mean", "count_nonzero", "average", "nansum", "nanmean"})
"""Sums and means, by which a score is computed of comparisons."""
_MAXIMA = frozenset({"torch.argmax", "torch.max", "numpy.argmax"})

Placed = tuple[Event, tuple[Block, ...]]
"""An event with the blocks that it stands in."""


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """A sum over batches that is divided by some number."""

    site: Site
    gather: Event
    kind: str
    by: str
    """What it is divided by: see `divisors`."""
    loader: Value
    evaluates: bool
    """Whether it is a score of an evaluation, not a training log."""
    loss: Operation | None = None

    @property
    def is_of_examples(self) -> bool:
        """Whether what is counted are examples of the batch, and not all elements of them."""
        compared = counted(self.gather.subject)
        return compared is not None and all(map(keeps_examples, compared.inputs))

    @property
    def is_known_mean(self) -> bool:
        """Whether what is added is known to be a mean, and not only called a loss."""
        return self.loss is not None or is_metric_mean(self.gather.subject)


def averages(program: Program) -> tuple[Average, ...]:
    """Sums over the batches of a loader that are divided."""
    return program.once(_averages)


def _averages(program: Program) -> tuple[Average, ...]:
    placed = [(e, b) for e, b in program.walk() if e.kind in ("gather", "average")]
    evaluating = evaluation_loops(program) if placed else set()
    return (
        *_means_of_lists(program, placed, evaluating),
        *_divided_sums(program, placed, evaluating),
        *_of_last_batches(program, placed, evaluating),
    )


def _divided_sums(
    program: Program, placed: list[Placed], evaluating: set[int]
) -> Iterator[Average]:
    """Divisions of what a loop over batches has added up or collected."""
    divisions = [(e, b) for e, b in placed if e.kind == "average" and not _goes_on(e.site)]
    found: dict[object, Average] = {}
    dividing, listed = _by_terms(divisions), _by_lists(divisions)
    for gather, blocks in placed if divisions else ():
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        loader = gone_over(loop) if loop is not None else None
        if gather.kind != "gather" or loop is None or loader is None:
            continue
        kind, loss = added(gather.subject, loader)
        total, subject = gather.operands[0], id(gather.subject)
        # what goes into a list is no term of another sum, though both may be made of one loss
        own = (
            listed.get(subject if total.items else id(total), ())
            if isinstance(total, Items)
            else dividing.get(subject, ())
        )
        for division, around in own if kind else ():
            site = _kept_at(gather, division, blocks[blocks.index(loop) :]) or division.site
            by_trainer = isinstance(loader, Items) and loader.collected
            evaluates = id(loop) in evaluating or by_trainer
            known = found.get(site.key)
            if known is not None and known.evaluates >= evaluates:
                continue
            by = divisor_of(division, gather, loop, loader)
            if not by or (loop in around and by in (BUT_LAST, FULL_BUT_LAST)):
                continue
            if has_several_batches(loader, site, loop) and not _is_given_sum(program, gather):
                found[site.key] = Average(site, gather, kind, by, loader, evaluates, loss)
    yield from found.values()


def _of_last_batches(
    program: Program, placed: list[Placed], evaluating: set[int]
) -> Iterator[Average]:
    """Divisions of what the last round of an evaluation has left, as if it was the sum of all."""
    loops: dict[int, dict[int, Block]] = {}
    for _, blocks in program.walk():
        for block in blocks:
            if id(block) in evaluating and block.kind == "loop" and not block.unrolled:
                if block.site is not None:
                    loops.setdefault(id(block.site.node), {})[id(block)] = block
    seen: set[object] = set()
    for division, around in placed:
        if division.kind != "average" or division.site.key in seen or _goes_on(division.site):
            continue
        made = _made_at(division.subject)
        if made is None:
            continue
        for statement in enclosing_statements(made.module, made.node):
            for loop in loops.get(id(statement.node), {}).values():
                loader = gone_over(loop)
                if loader is None or loop in around:
                    continue
                if divisor_of(division, division, loop, loader) in (BATCHES, EXAMPLES):
                    seen.add(division.site.key)
                    last = replace(division, site=made)
                    yield Average(division.site, last, MEAN, LAST, loader, True)


def _made_at(value: Value | None) -> Site | None:
    """Where the mean loss of a batch is computed that a value is, or a multiple of."""
    while isinstance(value, Extent) and value.made is not None:
        value = value.made
    if isinstance(value, Arithmetic) and value.operator == "*":
        return next((at for part in value.operands if (at := _made_at(part))), None)
    # what is multiplied by the size of a batch is no mean, whatever the batches are
    kind, loss = added(value, Unknown())
    if kind != MEAN:
        return None
    if loss is not None:
        return loss.site
    bare = number_of(value)
    made = getattr(tensor_of(bare), "producer", None) if bare is not None else None
    unresolved = (value, bare, made.of if isinstance(made, Source) else None)
    sites = (v.state.get(MADE, ())[-1:] for v in unresolved if isinstance(v, Unknown))
    return next((site for found in sites for site in found), None)


def _kept_at(gather: Event, division: Event, inside: Sequence[Block]) -> Site | None:
    """Where a loop hands a number to what keeps a mean of its own, if that adds it up.

    Parameters:
        inside: the loop and the blocks in it, down to where the number is added.
    """
    call = next((b for b in inside if b.kind == "call"), None)
    keeps = (
        call is not None and call.site is not None and division.site.module is gather.site.module
    )
    return call.site if keeps and call is not None else None


def _means_of_lists(
    program: Program, placed: list[Placed], evaluating: set[int]
) -> Iterator[Average]:
    """`np.mean(losses)` of the means that a loop over batches has collected."""
    means = [o for o in program.operations if is_whole_mean(o) and o.arguments]
    seen: set[object] = set()
    for gather, blocks in placed if means else ():
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        loader = gone_over(loop) if loop is not None else None
        if gather.kind != "gather" or loop is None or loader is None or id(loop) not in evaluating:
            continue
        kind, loss = added(gather.subject, loader)
        for mean in means if kind == MEAN else ():
            if listed_in(mean) is not gather.operands[0] or mean.site.key in seen:
                continue
            if not has_several_batches(loader, loop.site or mean.site, loop):
                continue
            if not _is_given_sum(program, gather):
                seen.add(mean.site.key)
                yield Average(mean.site, gather, kind, BATCHES, loader, True, loss)


def listed_in(mean: Operation) -> Value | None:
    """The list that a mean is taken of, also as a tensor of its elements."""
    given = next(iter(mean.arguments.values()))
    made = given.producer if isinstance(given, Tensor) else None
    if isinstance(made, Operation) and made.entry.family in ("stack", "tensor", "numpy_array"):
        return next(iter(made.arguments.values()), None)
    return given


def evaluation_loops(program: Program) -> set[int]:
    """The identities of the blocks in which a model is evaluated."""
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


def gone_over(loop: Block) -> Value | None:
    """What a loop goes over, whatever counts its rounds."""
    subject = loop.subject
    while isinstance(subject, Arithmetic) and subject.operands:
        subject = subject.operands[0]
    return subject


def has_several_batches(loader: Value, division: Site, loop: Block) -> bool:
    """Whether something that a loop goes over yields batches of several examples.

    What is not known is taken to do so where it is called so.
    """
    if isinstance(loader, Items):
        return loader.collected
    if isinstance(loader, Built):
        size = loader.arguments.get("batch_size")
        if loader.entry.kind != "loader":
            return False
        return not (isinstance(size, Constant) and size.value in (None, 1))
    written = [loader.name.rpartition(".")[2]] if isinstance(loader, Unknown) else []
    over = getattr(loop.site.node, "iter", None) if loop.site else None
    for length in (getattr(division.node, "right", None), over):
        written += words(length) if length is not None else []
    return isinstance(loader, Unknown) and any(_BATCHES.search(word) for word in written)


def _is_given_sum(program: Program, gather: Event) -> bool:
    """Whether what is added is a loss that the project's other files give, and that sums up its
    batch wherever they do."""
    if loss_of(gather.subject) is not None:
        return False
    known = [loss_of(other.subject) for _, other in program.elsewhere(gather)]
    losses = [loss for loss in known if loss is not None]
    return bool(losses) and not any(map(averages_over_all_elements, losses))


def _by_terms(divisions: list[Placed]) -> dict[int, list[Placed]]:
    """Divisions by the identities of what the sum that is divided has among its terms."""
    found: dict[int, list[Placed]] = {}
    for division in divisions:
        for identity in _terms(division[0].subject):
            found.setdefault(identity, []).append(division)
    return found


def _by_lists(divisions: list[Placed]) -> dict[int, list[Placed]]:
    """Divisions of the sum of a list, by the identities of the list and of what is in it."""
    found: dict[int, list[Placed]] = {}
    for division in divisions:
        for summed in division[0].operands[1:]:
            kept = summed.items if isinstance(summed, Items) else ()
            for one in (summed, *kept):
                found.setdefault(id(one), []).append(division)
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
    size, number = constant(loader.arguments.get("batch_size")), examples_of(loader)
    return not (isinstance(size, int) and number is not None and number % size == 0)


def batches_of(loader: Value) -> int | None:
    """The number of batches that a loader gives, where the size of its data set is known."""
    if not isinstance(loader, Built) or constant(loader.arguments.get("drop_last")) is None:
        return None
    size, number = constant(loader.arguments.get("batch_size")), examples_of(loader)
    if not isinstance(size, int) or number is None or size < 1:
        return None
    whole = bool(constant(loader.arguments.get("drop_last")))
    return number // size if whole else -(-number // size)


def maxima_over_batch(program: Program) -> Iterator[tuple[Operation, Operation]]:
    """Predictions taken as the largest over the examples of a batch, not over the classes.

    Yields the maximum, and the comparison with the labels.
    """
    seen: set[object] = set()
    for summed in program.operations:
        if summed.entry.family not in ("reduce", "numpy_reduce") or not summed.inputs:
            continue
        if summed.entry.name.rpartition(".")[2] not in _COUNTS:
            # whether any is the largest, and not how many
            continue
        compared = number_of(summed.inputs[0])
        comparison = compared.producer if isinstance(compared, Tensor) else None
        if not isinstance(comparison, Operation) or comparison.entry.name not in COMPARISONS:
            continue
        for side in comparison.inputs:
            found = number_of(side)
            largest = found.producer if isinstance(found, Tensor) else None
            others = [other for other in comparison.inputs if other is not side]
            if isinstance(largest, Operation) and _is_over_batch(largest):
                if any(depends_on(other, largest.inputs[0]) for other in others):
                    # drawn or sorted by the same numbers: no labels
                    continue
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
