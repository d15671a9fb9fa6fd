"""Means of batches' means that somebody else takes: a metric that is told one number for a batch,
and the end of a Lightning module's evaluation."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nnlint.questions.data.trainers_data import EVALUATION_HOOKS
from nnlint.questions.loss.added import MEAN, added, is_whole_mean
from nnlint.questions.loss.divisors import BATCHES
from nnlint.questions.loss.scores import Average, evaluation_loops, has_several_batches, listed_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.trainer_hooks import ENDS
from nnlint.semantics.values import Built, Constant, Items, Operation, Unknown, Value
from nnlint.syntax.statements import function_around

_AGGREGATE = "torchmetrics.MeanMetric"
_TOLD = frozenset({"metric_update", "opaque"})
"""Kinds of events by which a metric is told something."""


def kept_means(program: Program) -> Iterator[Average]:
    """The means of an evaluation's batches' means that a metric or the end of an epoch takes."""
    yield from _of_metrics(program)
    yield from _at_the_end(program)


def _of_metrics(program: Program) -> Iterator[Average]:
    """Means of torchmetrics that are told one number for a batch, and not of how many examples."""
    updates = [(e, b) for e, b in program.walk() if e.kind in _TOLD and _is_mean_metric(e)]
    evaluating = evaluation_loops(program) if updates else set()
    for event, blocks in updates:
        loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
        if loop is None or id(loop) not in evaluating or _says_weight(event.site.node):
            continue
        loader = loop.subject if loop.subject is not None else _evaluated(program)
        kind, loss = added(event.operands[0], loader)
        known = loop.subject is None or has_several_batches(loader, event.site, loop)
        if kind == MEAN and known:
            yield Average(event.site, event, kind, BATCHES, loader, True, loss)


def _is_mean_metric(event: Event) -> bool:
    metric = event.subject
    return isinstance(metric, Built) and metric.entry.name == _AGGREGATE and bool(event.operands)


def _says_weight(call: ast.AST) -> bool:
    return not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) != 1


def _at_the_end(program: Program) -> Iterator[Average]:
    """Means at the end of a Lightning evaluation, over what its step has given for each batch."""
    steps = {e.name: e for e in _entered(program, *ENDS)}
    for end in _entered(program, *(name for ends in ENDS.values() for name in ends)):
        step = next((steps.get(name) for name, ends in ENDS.items() if end.name in ends), None)
        if step is None:
            continue
        filled: dict[int, list[Event]] = {}
        for gather in step.events("gather"):
            filled.setdefault(id(gather.operands[0]), []).append(gather)
        loader = _evaluated(program)
        size = loader.arguments.get("batch_size") if isinstance(loader, Built) else None
        if isinstance(size, Constant) and size.value in (None, 1):
            continue
        for mean in _means_in(program, end):
            values = listed_in(mean)
            own = filled.get(id(values), ())
            given: Sequence[Value | None] = [gather.subject for gather in own]
            told = own[0] if own else next(iter(step.events("eval")), None)
            if not own and isinstance(values, Items) and values.open and values.alike:
                # what the step has returned for every batch
                given = values.items
            kinds = [added(value, loader) for value in given]
            if told is not None and kinds and all(kind == MEAN for kind, _ in kinds):
                yield Average(mean.site, told, MEAN, BATCHES, loader, True, kinds[0][1])


def _means_in(program: Program, end: Block) -> Iterator[Operation]:
    """The means of all that is given that are taken in the end of an evaluation."""
    for operation in program.operations:
        if is_whole_mean(operation) and operation.arguments:
            function = operation.function
            if function is not None and end.site is not None and function.node is end.site.node:
                yield operation


def _entered(program: Program, *names: str) -> list[Block]:
    blocks = [b for b in program.timeline.children if isinstance(b, Block) and b.kind == "entry"]
    return [block for block in blocks if block.name in names]


def _evaluated(program: Program) -> Value:
    """The loader that a trainer evaluates a module on, where the module makes it."""
    for loader in program.builds:
        function = loader.site and function_around(loader.site.module, loader.site.node)
        if loader.entry.kind == "loader" and function and function.name in EVALUATION_HOOKS:
            return loader
    return Unknown("loader", "parameter")
