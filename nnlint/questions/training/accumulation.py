"""Questions about gradients that are accumulated over batches: is their sum made a mean?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.losses import averages_over_all_elements
from nnlint.questions.loss.scores import batches_of
from nnlint.questions.participants import gives_more, is_optimizer, steps_optimizer
from nnlint.questions.training.gradients import GRADIENT_EVENTS, may_clear
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import producers, tensor_of
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, innermost_loop, loops_around
from nnlint.semantics.values import (
    Arithmetic,
    Built,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_A_LOSS = re.compile(r"crit|loss(_?f(n|unc)?|_function)?$|mean$|objective", re.IGNORECASE)
_MAY_DIVIDE = re.compile(r"compute|calc|get|step", re.IGNORECASE)
_ACCUMULATED = re.compile(r"acc|micro|virtual", re.IGNORECASE)
LEAST_SHARE = 0.5
"""The share of each of two batches, the fewest that are accumulated: a loss that is multiplied
by no more may have been divided by their number."""
LENGTH_MATTERS = frozenset({"sgd"})
"""Families of optimizers whose steps are as long as the gradients; others rescale them."""


@dataclass(frozen=True, slots=True, eq=False)
class Undivided:
    """A backward pass of a mean over one batch, of several that are summed up for a step."""

    backward: Event
    step: Event
    count: str
    """What the program calls the number of batches of one step."""


def undivided_losses(program: Program) -> Iterator[Undivided]:
    """Losses of accumulated batches that are means, and are not divided by the batches' number."""
    seen: set[object] = set()
    for step, blocks in program.walk():
        if step.kind != "step" or not steps_optimizer(step) or gives_more(step):
            continue
        loop = innermost_loop(blocks, "backward")
        count = _batches_per_step(step, loop) if loop else None
        if loop is None or count is None or not _length_matters(step, loop) or not loop.known:
            continue
        backwards = loop.events("backward")
        first = backwards[0]
        if first.site.key in seen or not _accumulates(loop, step):
            continue
        given = [e for _, e in program.elsewhere(step) if isinstance(e.subject, Built)]
        if given and not any(_length_matters(e, loop) for e in given):
            continue
        if _is_divided_by(first, count):
            continue
        if all(
            _is_mean(e.subject) or _is_called_loss(e) for e in backwards
        ) and not _sets_gradients(loop, first.site):
            seen.add(first.site.key)
            yield Undivided(first, step, count)


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten:
    """Gradients that each batch clears, though a step is taken for several batches only."""

    clear: Event
    backward: Event
    step: Event
    count: str
    """What the program calls the number of batches of one step."""
    at_once: bool = False
    """Whether the gradients are cleared right before the batch that is stepped on, not for each."""


def forgotten_batches(program: Program) -> Iterator[Forgotten]:
    """Steps for every so many batches, of which only the last one's gradients are left."""
    seen: set[object] = set()
    for step, blocks in program.walk():
        if step.kind != "step" or not steps_optimizer(step) or gives_more(step):
            continue
        loop = innermost_loop(blocks, "backward")
        if loop is None or not loop.known or len({e.site.key for e in loop.events("step")}) > 1:
            continue
        backward, count = loop.events("backward")[0], _rounds_of_step(step, loop)
        if count is None or len(loop.events("backward")) > 1 or backward.site.key in seen:
            continue
        clears = loop.events("zero_grad")
        own = loops_around(next(b for e, b in loop.walk() if e is backward))
        every_batch = [
            event
            for event, around in loop.walk()
            if event.kind == "zero_grad"
            and event.conditions == backward.conditions
            and loops_around(around) == own
        ]
        alone = len(clears) == len(every_batch) and own == [loop]
        if not every_batch:
            # the same test around both decides both: what is summed up in between is cleared
            every_batch = _with_step(loop, step, backward)
            alone = len(clears) == len(every_batch) == 1 and own == [loop]
        if every_batch and alone and may_clear(every_batch[0], step.subject):
            if not _sets_gradients(loop, step.site):
                seen.add(backward.site.key)
                yield Forgotten(every_batch[0], backward, step, count, bool(clears[0].conditions))


def _with_step(loop: Block, step: Event, backward: Event) -> list[Event]:
    """The clearings before a backward pass that stand under the very test of the step behind it."""
    order = [*loop.events("zero_grad", "backward", "step")]
    tests = _tests(step)
    if not tests or order.index(step) < order.index(backward):
        return []
    before = order[: order.index(backward)]
    return [e for e in before if e.kind == "zero_grad" and _tests(e) == tests]


def _tests(event: Event) -> list[tuple[str, bool]]:
    """The tests that an event stands under, as they are written, and how they come out."""
    return [(condition.site.text, condition.taken) for condition in event.conditions]


@dataclass(frozen=True, slots=True, eq=False)
class Leftover:
    """Gradients of the last batches of an epoch, too few for a step, that the next one adds to."""

    step: Event
    test: Site
    """What decides that a step is taken."""
    backward: Event
    count: str


def leftover_batches(program: Program) -> Iterator[Leftover]:
    """Steps for every so many batches of an epoch, behind which nothing is done about the rest."""
    seen: set[object] = set()
    for step, blocks in program.walk():
        loops = loops_around(blocks)
        if step.kind != "step" or not steps_optimizer(step) or gives_more(step) or len(loops) < 2:
            continue
        loop, epochs = innermost_loop(blocks, "backward"), loops[-2]
        if loop is None or loop is not loops[-1] or not epochs.known or step.site.key in seen:
            continue
        count, test = _rounds_of_step(step, loop), _test_of_rounds(step, loop)
        if count is None or test is None or len({e.site.key for e in loop.events("step")}) > 1:
            continue
        inside = {id(event) for event, _ in loop.walk()}
        around = [e for e, _ in epochs.walk() if id(e) not in inside]
        if any(e.kind == "step" or may_clear(e, step.subject) for e in around):
            continue
        clears = [e for e, _ in loop.walk() if e.kind != "forward" and may_clear(e, step.subject)]
        if not clears or any(_tests(event) != _tests(step) for event in clears):
            continue
        if not _divides_evenly(loop, count):
            seen.add(step.site.key)
            yield Leftover(step, test, loop.events("backward")[0], count)


def _test_of_rounds(step: Event, loop: Block) -> Site | None:
    """The test `(i + 1) % n == 0` of what counts the rounds of a loop anew in each epoch, if nothing
    else is a part of it."""
    target = getattr(loop.site.node, "target", None) if loop.site else None
    index = target.elts[0] if isinstance(target, ast.Tuple) else None
    if not isinstance(index, ast.Name) or _subject_counts(loop) is None:
        return None
    for condition in step.conditions:
        match condition.site.node:
            case ast.Compare(left=ast.BinOp(op=ast.Mod(), left=counted)) if condition.taken:
                named = {n.id for n in walk(counted) if isinstance(n, ast.Name)}
                if named == {index.id}:
                    return condition.site
            case _:
                pass
    return None


def _subject_counts(loop: Block) -> Value | None:
    """What an `enumerate` goes over, where a loop is one of it."""
    match loop.subject:
        case Arithmetic(operator="enumerate", operands=[counted, *_]):
            return counted
        case _:
            return None


def _divides_evenly(loop: Block, count: str) -> bool:
    """Whether a loader is known to give a multiple of so many batches."""
    loader = _subject_counts(loop)
    batches = batches_of(loader) if loader is not None else None
    return batches is not None and count.isdigit() and batches % int(count) == 0


def _batches_per_step(step: Event, loop: Block) -> str | None:
    """How the program writes the number of batches of a step, if it is more than one."""
    return _rounds_of_step(step, loop) or _rounds_of_inner_loop(loop, loop.events("backward")[0])


def _rounds_of_step(step: Event, loop: Block) -> str | None:
    """`n` of the `if i % n == 0` around a step, of which its backward pass is not a part, or of the
    `if i >= n` where `i` starts again behind it."""
    backward = loop.events("backward")[0]
    own = {condition.site.key for condition in backward.conditions}
    for condition in step.conditions:
        if condition.taken and condition.site.key not in own:
            for node in walk(condition.site.node):
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
                    return _written(node.right)
            match condition.site.node:
                case ast.Compare(left=counter, ops=[ast.GtE() | ast.Eq()], comparators=[most]):
                    if _counts_anew(loop, counter):
                        return _written(most)
                case _:
                    pass
    return None


def _counts_anew(loop: Block, counter: ast.expr) -> bool:
    """Whether a loop adds one to a counter in each round, and sets it back to zero in some."""
    if loop.site is None or not isinstance(counter, ast.Name | ast.Attribute):
        return False
    name, adds, resets = ast.unparse(counter), False, False
    for node in walk(loop.site.node):
        match node:
            case ast.AugAssign(target=target, op=ast.Add(), value=ast.Constant(value=1)):
                adds = adds or ast.unparse(target) == name
            case ast.Assign(targets=[target], value=ast.Constant(value=0)):
                resets = resets or ast.unparse(target) == name
            case _:
                pass
    return adds and resets


def _rounds_of_inner_loop(loop: Block, backward: Event) -> str | None:
    """`n` of the `for _ in range(n)` around a backward pass, where it says that it accumulates."""
    chain = next((blocks for event, blocks in loop.walk() if event is backward), ())
    inner = next((b for b in reversed(chain) if b.kind == "loop"), None)
    node = inner.site.node if inner is not None and inner is not loop and inner.site else None
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call):
        return None
    ranged = isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range"
    count = _written(node.iter.args[-1]) if ranged and node.iter.args else None
    return count if count and _ACCUMULATED.search(count) else None


def _written(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, int) and node.value > 1 else None
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else None


def _length_matters(step: Event, loop: Block) -> bool:
    """Whether gradients that are longer by a factor lead to other steps."""
    optimizer = step.subject
    if isinstance(optimizer, Built) and optimizer.entry.family not in LENGTH_MATTERS:
        return bool(loop.events("clip"))
    return True


def _accumulates(loop: Block, step: Event) -> bool:
    """Whether a step follows several backward passes of one loss, with nothing else in play."""
    optimizers = {id(e.subject) for e in loop.events("step") if is_optimizer(e.subject)}
    if len(optimizers) != 1 or loop.events("fit"):
        return False
    passes = {event.site.key for event in loop.events("backward")}
    if len(passes) != 1:
        return False

    def count(event: Event, summed: int) -> int:
        if event.kind == "backward":
            return min(summed + 1, 2)
        return 0 if event.kind != "forward" and may_clear(event, step.subject) else summed

    body = loop.only(lambda event: event.kind in GRADIENT_EVENTS)
    return 2 in Paths(count, {0}).follow(body).before(step)


def _is_mean(value: Value | None) -> bool:
    """Whether a loss is known, or called, a mean over the batch, and nothing has divided it."""
    if isinstance(value, Arithmetic):
        return value.operator == "+" and any(_is_mean(v) for v in value.operands)
    if isinstance(value, Unknown) and value.origin == "call":
        called = value.name.rpartition(".")[2]
        return bool(_A_LOSS.search(called)) and not _MAY_DIVIDE.search(called)
    tensor = tensor_of(value)
    made = producers(tensor) if tensor is not None else None
    return bool(made) and all(_gives_mean(operation) for operation in made or ())


def _is_called_loss(backward: Event) -> bool:
    """Whether what goes backward is a model's output, as it comes, that is called a loss."""
    value = backward.subject
    if not isinstance(value, Unknown) or value.origin != "call":
        return False
    func = backward.site.node.func if isinstance(backward.site.node, ast.Call) else None
    written = func.value if isinstance(func, ast.Attribute) else None
    named = isinstance(written, ast.Name) and bool(_A_LOSS.search(written.id))
    return named and not _MAY_DIVIDE.search(value.name.rpartition(".")[2])


def _is_divided_by(backward: Event, count: str) -> bool:
    """Whether the code around a backward pass divides what is called a loss by the number of
    batches, which by default may be 1 and leave the branch out in which it does."""
    module, number = backward.site.module, count.rpartition(".")[2]
    around = function_around(module, backward.site.node) or module.tree
    for node in walk(around):
        match node:
            case ast.AugAssign(target=whole, op=ast.Div(), value=divisor):
                pass
            case ast.BinOp(left=whole, op=ast.Div(), right=divisor):
                pass
            case _:
                continue
        if last_name(divisor) == number and _A_LOSS.search(last_name(whole)):
            return True
    return False


def _gives_mean(operation: Operation) -> bool:
    if operation.entry.kind == "loss":
        return averages_over_all_elements(operation)
    last = operation.entry.name.rpartition(".")[2]
    if last in ("add", "sub"):
        return any(_is_mean(tensor) or _is_weighted_mean(tensor) for tensor in operation.inputs)
    if last == "mul":
        return _weight(operation) > LEAST_SHARE and _is_mean(operation.inputs[0])
    return last == "mean"


def _is_weighted_mean(term: Tensor) -> bool:
    """Whether a term of a sum is a mean by half or more, as that of squares often is."""
    made = producers(term)
    return bool(made) and all(
        _weight(operation) >= LEAST_SHARE and _is_mean(operation.inputs[0])
        for operation in made or ()
    )


def _weight(operation: Operation) -> float:
    """The number that an operation multiplies a tensor by; 0 where it does something else."""
    if operation.entry.name.rpartition(".")[2] != "mul" or len(operation.inputs) != 1:
        return 0.0
    weights = [constant(value) for value in operation.arguments.values()]
    return next((float(w) for w in weights if isinstance(w, int | float)), 0.0)


def _sets_gradients(loop: Block, site: Site) -> bool:
    """Whether the code around a loop handles gradients itself, so that it may divide them."""
    if loop.site is None or loop.site.module is not site.module:
        return True
    return "grad" in site.module.words(loop.site.node).attributes
