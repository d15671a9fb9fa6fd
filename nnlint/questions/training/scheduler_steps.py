"""Questions about the steps of learning-rate schedulers: are they taken, when, and how often?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nnlint.questions.participants import is_library_call, is_optimizer, steps_optimizer
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import (
    exclude,
    handles_failure,
    may_be_another,
    off_by_default,
    words,
)
from nnlint.semantics.holding import Indexed, covers, distinct
from nnlint.semantics.timeline import Block, Event, entered, loops_around
from nnlint.semantics.values import (
    Built,
    Choice,
    Class,
    Constant,
    External,
    Instance,
    Items,
    Table,
    Value,
    names_of,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statement, enclosing_statements, targets_of
from nnlint.syntax.walking import walk

_ONLY_READS = re.compile(
    r"^(?:load_)?state_dict$|^get_(?:last_)?lr$|^print_lr$|print|log|info|debug|isinstance|hasattr|"
    r"getattr|type|repr|^str$|save",
    re.IGNORECASE,
)
"""Calls that are given a scheduler, or are its methods, and do not step it."""
_REFUSED = frozenset({"TypeError", "Exception", "BaseException"})
_PLAIN_BASES = ("torch.nn.", "builtins.", "abc.", "typing.")


@dataclass(frozen=True, slots=True, eq=False)
class UnsteppedScheduler:
    """A scheduler of an optimizer that trains in a loop, and that nothing ever steps."""

    scheduler: Built
    step: Event
    """A step of its optimizer."""


def unstepped_schedulers(program: Program) -> Iterator[UnsteppedScheduler]:
    """Schedulers that are built for an optimizer and never stepped."""
    seen: set[int] = set()
    unknown = _last_given_up(program)
    for number, (event, blocks) in enumerate(program.walk()):
        scheduler = event.subject if event.kind == "build" else None
        if not isinstance(scheduler, Built) or not _is_schedule(scheduler):
            continue
        if number < unknown or not all(loop.known for loop in loops_around(blocks)):
            continue
        steps = program.once(_Steps).in_loops(scheduler.arguments.get("optimizer"))
        # of several for one optimizer one is told
        cause = id(scheduler.arguments.get("optimizer"))
        if not steps or cause in seen:
            continue
        if off_by_default(event.conditions) and _is_handed_on(scheduler):
            # what gets it was followed with the default in its place
            continue
        if not _may_be_stepped(program, scheduler) and not _is_named_in_step(program, scheduler):
            if all(_is_round(step, blocks) for step in steps):
                # who calls it goes through the epochs, and may step what it holds
                continue
            if _is_stepped_by_users(program, event):
                continue
            seen.add(cause)
            yield UnsteppedScheduler(scheduler, steps[0].event)


@dataclass(frozen=True, slots=True, eq=False)
class UnreturnedScheduler:
    """A scheduler that a method builds for a trainer, and does not hand it."""

    scheduler: Built
    method: Event
    """Where the trainer gets what it steps."""


def unreturned_schedulers(program: Program) -> Iterator[UnreturnedScheduler]:
    """Schedulers that the method which configures a trainer's optimizers keeps to itself."""
    seen: set[int] = set()
    for method, blocks in program.walk():
        if method.kind != "configured" or not _is_settled(method.operands[0]):
            continue
        for event in entered(blocks).events("build"):
            scheduler = event.subject
            if not isinstance(scheduler, Built) or not _is_schedule(scheduler):
                continue
            optimizer = scheduler.arguments.get("optimizer")
            if covers(method.operands[0], scheduler) or off_by_default(event.conditions):
                continue
            if _may_be_stepped(program, scheduler, method.subject):
                continue
            if _is_named_in_step(program, scheduler) or _is_put_elsewhere(
                method.site.node, scheduler
            ):
                continue
            if id(optimizer) not in seen and covers(method.operands[0], optimizer):
                seen.add(id(optimizer))
                yield UnreturnedScheduler(scheduler, method)


def _is_put_elsewhere(function: ast.AST, scheduler: Built) -> bool:
    """Whether a function does more with the name of a scheduler than to read its attributes: it
    may be put into what is returned."""
    names = _names(scheduler)
    read = {id(n.value) for n in walk(function) if isinstance(n, ast.Attribute)}
    return any(
        isinstance(node, ast.Name | ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and id(node) not in read
        and last_name(node) in names
        for node in walk(function)
    )


def _is_settled(returned: Value, depth: int = 4) -> bool:
    """Whether all that a method returns is known."""
    match returned:
        case Built() | Constant():
            return True
        case Items() if not returned.open and depth:
            return all(_is_settled(value, depth - 1) for value in returned.items)
        case Table() if ... not in returned.state and depth:
            return all(_is_settled(value, depth - 1) for value in returned.state.values())
        case Choice() if depth:
            return all(_is_settled(value, depth - 1) for value in returned.options)
        case _:
            return False


def _last_given_up(program: Program) -> int:
    """The place of the last event before which something happened that was not interpreted."""
    places = (n for n, (event, _) in enumerate(program.walk()) if event.kind == "given_up")
    return max(places, default=-1)


def steps_without_metric(program: Program) -> Iterator[Event]:
    """Steps of PyTorch's plateau scheduler, and of no other, that are not told the metric."""
    steps: dict[object, list[Event]] = {}
    for event in program.events("scheduler_step"):
        steps.setdefault(event.site.key, []).append(event)
    told = [e for events in steps.values() for e in events if not _is_bare(e)]
    for events in steps.values():
        if _is_bare(events[0]) and all(
            _is_plateau(event.subject) and not _is_allowed_for(event, told) for event in events
        ):
            yield events[0]


def _is_bare(step: Event) -> bool:
    """Whether a step is given nothing."""
    node = step.site.node
    return isinstance(node, ast.Call) and not (node.args or node.keywords)


def _is_allowed_for(step: Event, told: list[Event]) -> bool:
    """Whether a program asks first what it steps, or goes on where that is refused.

    Parameters:
        told: the steps that are told a metric.
    """
    if handles_failure(step.conditions):
        return True
    if any(e.subject is step.subject and exclude(e.conditions, step.conditions) for e in told):
        # some test settles which of the two a scheduler wants
        return True
    node = step.site.node
    stepped = getattr(getattr(node, "func", None), "value", None)
    if isinstance(stepped, ast.expr) and may_be_another(step.conditions, stepped):
        return True
    around = (placed.node for placed in enclosing_statements(step.site.module, node))
    return any(isinstance(s, ast.Try) and any(map(_catches, s.handlers)) for s in around)


def _catches(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is for a call that is given too few arguments."""
    return handler.type is None or not _REFUSED.isdisjoint(words(handler.type))


def _is_plateau(value: Value | None) -> bool:
    if not isinstance(value, Built) or value.entry.schedule != "plateau":
        return False
    return value.entry.name.startswith("torch.")


def _is_schedule(built: Built) -> bool:
    """Whether what is built is a scheduler that would ever change the rate."""
    entry = built.entry
    if entry.kind != "scheduler" or entry.options.get("returns_pair"):
        return False
    return entry.schedule != "constant" or "factor" in built.arguments


class _Placed(NamedTuple):
    """A step of an optimizer, and the blocks that it stands in."""

    event: Event
    blocks: tuple[Block, ...]


def _is_round(step: _Placed, build: tuple[Block, ...]) -> bool:
    """Whether a step is in one pass over the data, which is entered on its own.

    Parameters:
        build: the blocks that its optimizer's scheduler is built in.
    """
    loops = [block for block in step.blocks if block.kind == "loop"]
    apart = entered(step.blocks) is not entered(build)
    return apart and len(loops) == 1 and goes_over_data(loops[0])


class _Steps:
    """The steps of optimizers in loops and those of schedulers, found by what is stepped."""

    def __init__(self, program: Program) -> None:
        self._in_loops = Indexed(
            (event.subject, _Placed(event, blocks))
            for event, blocks in program.walk()
            if event.kind == "step" and any(b.kind == "loop" for b in blocks)
        )
        self._of_schedulers = Indexed((e.subject, e) for e in program.events("scheduler_step"))

    def in_loops(self, optimizer: Value | None) -> list[_Placed]:
        """The steps of an optimizer in loops."""
        return list(self._in_loops.of(optimizer)) if optimizer else []

    def of(self, scheduler: Built) -> bool:
        """Whether a step is or may be a scheduler's own."""
        return bool(self._of_schedulers.perhaps(scheduler))


def _may_be_stepped(program: Program, scheduler: Built, owner: Value | None = None) -> bool:
    """Whether something steps a scheduler, or is given it and may.

    Parameters:
        owner: an object that keeps it and certainly does not.
    """
    return program.once(_Steps).of(scheduler) or any(
        _may_step(event, scheduler)
        for event, _ in program.walk()
        if owner is None or event.subject is not owner
    )


def _may_step(event: Event, scheduler: Built) -> bool:
    match event.kind:
        case "scheduler_step":
            # of several for one optimizer, the program may choose one
            return not distinct(event.subject, scheduler) or _is_of_same(event.subject, scheduler)
        case "step":
            if steps_optimizer(event) or is_library_call(event):
                return False
            return not distinct(event.subject, scheduler)
        case "opaque" | "forward" | "fit" | "launch":
            called = event.name.rpartition(".")[2]
            if event.kind == "opaque" and _ONLY_READS.search(called):
                return False
            return any(covers(v, scheduler) for v in (event.subject, *event.operands))
        case "build":
            if event.subject is scheduler or is_optimizer(event.subject):
                # an optimizer is given parameters, whose module may keep the scheduler
                return False
            return _takes_over(event, scheduler)
        case _:
            return False


def _is_stepped_by_users(program: Program, build: Event) -> bool:
    """Whether other files of the project use what builds a scheduler, and step it there."""
    return any(
        isinstance(other.subject, Built)
        and (_may_be_stepped(user, other.subject) or _is_named_in_step(user, other.subject))
        for user, other in program.elsewhere(build)
    )


def _is_of_same(value: Value | None, scheduler: Built) -> bool:
    optimizer = value.arguments.get("optimizer") if isinstance(value, Built) else None
    return optimizer is not None and optimizer is scheduler.arguments.get("optimizer")


def _takes_over(event: Event, scheduler: Built) -> bool:
    """Whether an object that is built gets hold of a scheduler and has code not in sight."""
    if not any(covers(v, scheduler) for v in (event.subject, *event.operands)):
        return False
    if not isinstance(event.subject, Instance):
        return True
    return not all(_is_in_sight(base) for base in event.subject.cls.ancestry()) or (
        not event.subject.cls.known
    )


def _is_in_sight(base: Class | External) -> bool:
    return isinstance(base, Class) or base.name.startswith(_PLAIN_BASES)


def _is_named_in_step(program: Program, scheduler: Built) -> bool:
    """Whether code that has not been run says `name.step`, or returns it to who enters it."""
    names = _names(scheduler)
    return any(_says_step(part, names) for part in _where_named(program, scheduler, names)) or any(
        _returns(block.site.node, names)
        for block in program.timeline.children
        if isinstance(block, Block) and block.kind == "entry" and block.site
    )


def _where_named(program: Program, scheduler: Built, names: set[str]) -> list[ast.AST]:
    """The function that builds a scheduler if it keeps it to itself: others mean something
    else by the same name. Otherwise the modules that may know it."""
    site = scheduler.site
    for node in site.module.tree.body:
        if isinstance(node, ast.FunctionDef) and stands_in(site.node, node):
            stored = site.module.words(node).set_attributes & names
            if not stored and not _returns(node, names) and not _passes_on(node, names):
                return [node]
    return [site.module.tree, program.module.tree]


def _says_step(part: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr.startswith("step")
        and last_name(node.value) in names
        for node in walk(part)
    )


def _returns(function: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Return | ast.Yield)
        and node.value is not None
        and not names.isdisjoint(words(node.value))
        for node in walk(function)
    )


def _is_handed_on(scheduler: Built) -> bool:
    """Whether a scheduler leaves the code that builds it: it is returned, or given to a call."""
    names = _names(scheduler)
    tree = scheduler.site.module.tree
    return not names or _returns(tree, names) or any(_gives(c, names) for c in walk(tree))


def _names(scheduler: Built) -> set[str]:
    """The names of a scheduler; those of its place where the default has taken its own."""
    placed = enclosing_statement(scheduler.site.module, scheduler.site.node)
    own = names_of(scheduler)
    if own or not placed or not isinstance(placed.node, ast.Assign | ast.AnnAssign):
        return set(own)
    return {last_name(target) for target in targets_of(placed.node)}


def _gives(call: ast.AST, names: set[str]) -> bool:
    """Whether a call that may do more than read is given something of a name."""
    if not isinstance(call, ast.Call) or _ONLY_READS.search(ast.unparse(call.func)):
        return False
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return any(not names.isdisjoint(words(argument)) for argument in given)


def _passes_on(function: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call)
        and any(
            isinstance(argument, ast.Name) and argument.id in names
            for argument in (*node.args, *(k.value for k in node.keywords))
        )
        for node in walk(function)
    )
