"""Questions about when schedulers are stepped: before the optimizer, or in the wrong loop?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.optimisation.advancing import Advance, advance_of, counters_in
from nnlint.questions.optimisation.counts import Count, count_of
from nnlint.questions.optimisation.curves import curve_of, steps_of_epochs
from nnlint.questions.participants import builds_of, is_optimizer, made_within, steps_optimizer
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.excerpts import excerpts_of
from nnlint.semantics.holding import Indexed, distinct
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, innermost_loop, loops_around
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE_OF,
    Arithmetic,
    Built,
    Choice,
    Constant,
    External,
    Items,
    Unknown,
    Value,
)

_FOR_RATES = re.compile(r"sched|lr", re.IGNORECASE)
_FOR_OTHERS = re.compile(r"beta|\bkl|temp|tau|noise|mask|eps|momentum|dropout|sampling|wd", re.I)
_COUNTED = re.compile(
    r"epoch|step|iter|batch|idx|index|^i$|^n$|^t$|count|warm|first|^it$", re.IGNORECASE
)
"""Names in conditions that hold in some rounds of a loop only."""
_EPOCHS = re.compile(r"epoch(?!_?size|_?len|_?step|_?iter)", re.IGNORECASE)
_BATCHES = re.compile(r"step|iter|batch|\bt_total|update|\blen\b|per_epoch|loader", re.IGNORECASE)
_LENGTHS = {
    "one_cycle": ("total_steps",),
    "cosine": ("T_max",),
    "polynomial": ("total_iters",),
    "linear_warmup": ("num_training_steps",),
    "cosine_warmup": ("num_training_steps",),
    "cosine_restarts": ("T_0", "num_training_steps"),
    "named": ("num_training_steps",),
}
"""For each form of schedule the parameters that say how long it is."""
FEW_BATCHES = 100
"""Fewer batches than an epoch of nearly any training set has."""
COLLAPSE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class EarlyStep:
    """A scheduler's step that comes before the optimizer's first one."""

    step: Event
    optimizer_step: Event
    loop: Block
    """The innermost loop around the scheduler's step."""


@dataclass(frozen=True, slots=True, eq=False)
class MisplacedStep:
    """A scheduler's step in the batch loop that counts epochs, or the other way round."""

    step: Event
    optimizer_step: Event
    scheduler: Built
    unit: str
    """What the schedule counts: `batch` or `epoch`."""
    loop: Block
    """The loop over the batches."""


@dataclass(frozen=True, slots=True, eq=False)
class RareStep:
    """A scheduler's step in some rounds of its loop, though the schedule counts all of them."""

    step: Event
    scheduler: Built
    share: float
    """The part of the rounds in which it is taken."""
    unit: str
    """What the rounds are: `batch` or `epoch`."""


def early_steps(program: Program) -> tuple[EarlyStep, ...]:
    """Steps of schedulers that, in the first round of their loop, no optimizer step precedes."""
    return program.once(_early_steps)


def _early_steps(program: Program) -> tuple[EarlyStep, ...]:
    early: list[EarlyStep] = []
    found: _Steps | None = None
    for event, blocks in program.walk():
        if not is_plain_step(event):
            continue
        loop = innermost_loop(blocks)
        if loop is None or is_counted(event) or not loop.known or _is_overwritten(event, loop):
            continue
        if event.subject is not None and made_within(event.subject, loop):
            # its step sets the rate of this very round, which it is told
            continue
        found = found or _Steps(program)
        own = found.of(event.subject)
        first = next((e for e in loop.events("step") if id(e) in own), None)
        if first is None:
            continue
        body = found.around(event)
        states = Paths(_first_step(event, own), {"fresh"}).follow(body).before(event)
        if "fresh" in states and states <= {"fresh", "done"}:
            early.append(EarlyStep(event, first, loop))
    return tuple(early)


def _is_overwritten(step: Event, loop: Block) -> bool:
    """Whether each round of a scheduler's loop sets the rate itself behind the scheduler's step."""
    events = loop.events("scheduler_step", "set_lr")
    behind = events[next(i for i, e in enumerate(events) if e is step) + 1 :]
    return any(e.kind == "set_lr" and len(e.conditions) <= len(step.conditions) for e in behind)


class _Steps:
    """The optimizer steps of a program, and what else tells whether a scheduler's come first."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps = Indexed((event.subject, event) for event in program.events("step"))
        self._of: dict[int, dict[int, Event]] = {}
        self._unknown = [e for e in program.events(*_MAY_STEP) if _may_step(e)]

    def of(self, scheduler: Value | None) -> dict[int, Event]:
        """The steps that are or may be those of a scheduler's optimizer, by their identities."""
        optimizer = optimizer_of(scheduler)
        if id(optimizer) not in self._of:
            steps = self._steps.perhaps(optimizer)
            own = [e for e in steps if optimizer is not None or steps_optimizer(e)]
            self._of[id(optimizer)] = {id(event): event for event in own}
        return self._of[id(optimizer)]

    def around(self, step: Event) -> Block:
        """What of the program matters to the question whether a scheduler's step comes first."""
        builds = builds_of(self._program, step.subject)
        own = self.of(step.subject).values()
        return self._program.once(excerpts_of).of([step, *builds, *own, *self._unknown])


class _first_step:
    """Whether the optimizer has been stepped: fresh, stepped, unknown, or done when the
    scheduler's step is past."""

    def __init__(self, step: Event, own: dict[int, Event]) -> None:
        self.step = step
        self.own = own

    def __call__(self, event: Event, state: str) -> str:
        if event is self.step:
            return "done" if state == "fresh" else state
        if event.kind == "build":
            return "fresh" if event.subject is self.step.subject else state
        if state != "fresh":
            return state
        if event.kind == "step":
            return "stepped" if id(event) in self.own else state
        return "unknown" if event.kind in _MAY_STEP and _may_step(event) else state


_MAY_STEP = ("given_up", "fit", "opaque", "forward")
"""Kinds of events in which steps may be hidden."""


def _may_step(event: Event) -> bool:
    """Whether an event may step any optimizer."""
    if event.kind in ("given_up", "fit"):
        return True
    return any(_holds_optimizer(value) for value in (event.subject, *event.operands))


def _holds_optimizer(value: Value | None) -> bool:
    if is_optimizer(value):
        return True
    state = getattr(value, "state", None)
    if isinstance(value, Unknown) or not isinstance(state, dict):
        return False
    return any(isinstance(v, Value) and is_optimizer(v) for v in state.values())


def is_plain_step(event: Event) -> bool:
    """Whether an event is `scheduler.step()` of a learning-rate schedule, told no epoch."""
    node = event.site.node
    if event.kind != "scheduler_step" or event.name != "step" or not isinstance(node, ast.Call):
        return False
    if node.args or node.keywords:
        return False
    match event.subject:
        case Built(entry=entry):
            return entry.name.startswith(("torch.", "transformers."))
        case Unknown(name=name):
            called = f"{name.rpartition('.')[2]} {ast.unparse(node.func).rpartition('.')[0]}"
            return bool(_FOR_RATES.search(called)) and not _FOR_OTHERS.search(called)
        case _:
            return False


def _is_its_step(event: Event, scheduler: Value | None) -> bool:
    """Whether a step is or may be that of a scheduler's optimizer."""
    optimizer = optimizer_of(scheduler)
    if optimizer is None:
        return steps_optimizer(event)
    return not distinct(event.subject, optimizer)


def optimizer_of(scheduler: Value | None) -> Value | None:
    """The optimizer that a scheduler is built for, if it is known."""
    return scheduler.arguments.get("optimizer") if isinstance(scheduler, Built) else None


def is_counted(event: Event) -> bool:
    """Whether a condition keeps an event out of some rounds of its loop."""
    return any(
        any(counters_in(condition.test))
        or any(_COUNTED.search(word) for word in words(condition.site.node))
        for condition in event.conditions
    )


def misplaced_steps(program: Program) -> tuple[MisplacedStep, ...]:
    """Steps of schedulers in the batch loop that count epochs, or the other way round."""
    return program.once(_misplaced_steps)


def _misplaced_steps(program: Program) -> tuple[MisplacedStep, ...]:
    misplaced: list[MisplacedStep] = []
    places = {id(event): blocks for event, blocks in program.walk()}
    seen: set[object] = set()
    for event, blocks in program.walk():
        scheduler = event.subject
        if not isinstance(scheduler, Built) or not is_plain_step(event):
            continue
        loops = loops_around(blocks)
        if not loops or event.site.key in seen or not loops[-1].known:
            continue
        for step in loops[-1].events("step"):
            batches = innermost_loop(places[id(step)])
            if not _is_its_step(step, scheduler) or batches is None or not goes_over_data(batches):
                continue
            per = "epoch" if batches is not loops[-1] else "batch" if len(loops) > 1 else ""
            if per == "batch" and is_counted(event):
                # once every so many batches may be once for each epoch
                break
            unit = unit_of(scheduler) if per else ""
            if unit and unit != per:
                seen.add(event.site.key)
                misplaced.append(MisplacedStep(event, step, scheduler, unit, batches))
            break
    return tuple(misplaced)


def rare_steps(program: Program) -> tuple[RareStep, ...]:
    """Steps of schedulers behind a condition on the counter of their loop, where the length of the
    schedule is the number of all rounds."""
    return program.once(_rare_steps)


def _rare_steps(program: Program) -> tuple[RareStep, ...]:
    rare: list[RareStep] = []
    misplaced = {id(found.step) for found in misplaced_steps(program)}
    for event, blocks in program.walk():
        scheduler = event.subject
        if not isinstance(scheduler, Built) or not is_plain_step(event) or not event.conditions:
            continue
        length = _whole_length(scheduler)
        advance = None if length is None else advance_of(program, event, blocks)
        if length is None or advance is None or id(event) in misplaced:
            continue
        share, whole = advance.share, advance.all_rounds.over(length)
        if share is None or whole is None or share > _RARE or abs(whole - 1) > _NEARLY:
            continue
        if _is_trained_in(advance):
            unit = "batch" if goes_over_data(advance.loops[-1]) else "epoch"
            rare.append(RareStep(event, scheduler, share, unit))
    return tuple(rare)


_RARE, _NEARLY = 0.5, 0.25


def _is_trained_in(advance: Advance) -> bool:
    """Whether each round takes steps of the optimizer that no condition keeps from it."""
    steps = advance.loops[-1].events("step")
    conditions = {c.site.key for c in advance.step.conditions}
    return any(conditions.isdisjoint(c.site.key for c in e.conditions) for e in steps)


def _whole_length(scheduler: Built) -> Count | None:
    """The number of rounds that a schedule is told to be long."""
    if {"epochs", "steps_per_epoch"} <= scheduler.explicit:
        return steps_of_epochs(scheduler)
    for name in _LENGTHS.get(scheduler.entry.schedule, ()):
        if name in scheduler.explicit:
            return count_of(scheduler.arguments[name])
    return None


def unit_of(scheduler: Built) -> str:
    """What a schedule counts, `batch` or `epoch`, by its length or by how fast it falls."""
    arguments, form = scheduler.arguments, scheduler.entry.schedule
    if form == "one_cycle" and "steps_per_epoch" in scheduler.explicit:
        per_epoch = arguments["steps_per_epoch"]
        return "" if isinstance(per_epoch, Constant) else "batch"
    for name in _LENGTHS.get(form, ()):
        if name in scheduler.explicit:
            return _unit_of_length(arguments[name], written_argument(scheduler, name))
    if form == "step" and "step_size" in scheduler.explicit:
        # `step_size=epochs // 2`
        period = _unit_of_length(arguments["step_size"], written_argument(scheduler, "step_size"))
        if period == "epoch":
            return period
    if form == "lambda" and _counts_batches(scheduler):
        return "batch"
    return "epoch" if factor_after(scheduler, FEW_BATCHES) <= COLLAPSE else ""


def _counts_batches(scheduler: Built) -> bool:
    """Whether the number of batches goes into what a scheduler's function makes of its rounds,
    which are not turned into batches there."""
    factor, counter = scheduler.state.get("factor"), scheduler.state.get("counter")
    if not isinstance(factor, Value) or not isinstance(counter, Value):
        return False
    parts = list(_parts(factor))
    turned = any(
        isinstance(part, Arithmetic)
        and part.operator == "*"
        and any(_has_length(v) for v in part.operands)
        and any(counter is inner for inner in _parts(part))
        for part in parts
    )
    return not turned and any(_has_length(part) for part in parts)


def _parts(value: Value, depth: int = 12) -> Iterator[Value]:
    """A value, and what it is computed from."""
    yield value
    inner: tuple[Value, ...] = ()
    if isinstance(value, Arithmetic):
        inner = value.operands
    elif isinstance(value, Choice):
        inner = value.options
    for part in inner if depth else ():
        yield from _parts(part, depth - 1)


def _unit_of_length(value: Value, written: ast.AST | None) -> str:
    if _has_length(value):
        return "batch"
    said = list(words(written)) if written is not None else []
    if any(_BATCHES.search(word) for word in said):
        return "batch" if not any(_EPOCHS.search(w) for w in said) and _is_total(said) else ""
    return "epoch" if any(_EPOCHS.search(word) for word in said) else ""


def _is_total(said: list[str]) -> bool:
    return any(re.search(r"total|max|num|n_", word, re.IGNORECASE) for word in said)


def _has_length(value: Value | None, depth: int = 6) -> bool:
    """Whether the number of batches goes into a number."""
    if depth == 0:
        return False
    match value:
        case Unknown(origin="length"):
            over = value.state.get(MADE_OF)
            if isinstance(over, Built):
                return over.entry.kind == "loader"
            name = over.name if isinstance(over, Unknown | External) else ""
            return bool(re.search(r"load|\bdl\b|_dl\b|dl_|batches|iter", name, re.IGNORECASE))
        case Arithmetic(operator="*" | "//" | "/" | "+" | "-", operands=operands):
            return any(_has_length(v, depth - 1) for v in operands)
        case Choice(options=options):
            return all(_has_length(v, depth - 1) for v in options)
        case Unknown():
            made = value.state.get(ARGUMENTS) or ()
            return any(_has_length(v, depth - 1) for v in made)
        case _:
            return False


def written_argument(scheduler: Built, name: str) -> ast.AST | None:
    """The expression that is passed for a parameter."""
    node = scheduler.site.node
    if not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    positional = [p.name for p in scheduler.entry.signature if p.kind == "positional"]
    place = positional.index(name) if name in positional else len(node.args)
    return node.args[place] if place < len(node.args) else None


def factor_after(scheduler: Built, count: int) -> float:
    """What is left of the rate after so many steps of a decay in steps; 1 if not known."""
    if scheduler.entry.schedule in ("lambda", "multiplicative"):
        return _function_after(scheduler, count)
    gamma = _number(scheduler.arguments.get("gamma"))
    if gamma is None or not 0 < gamma < 1:
        return 1.0
    match scheduler.entry.schedule:
        case "step":
            period = _number(scheduler.arguments.get("step_size"))
            return float(gamma ** (count // period)) if period and period >= 1 else 1.0
        case "exponential":
            return float(gamma**count)
        case "multistep":
            milestones = scheduler.arguments.get("milestones")
            if not isinstance(milestones, Items) or milestones.open:
                return 1.0
            numbers = [_number(m) for m in milestones.items]
            return float(gamma ** sum(n is not None and n <= count for n in numbers))
        case _:
            return 1.0


def _function_after(scheduler: Built, count: int) -> float:
    curve = curve_of(scheduler)
    rates = [curve(step, 1.0) for step in range(count + 1)] if curve else []
    known = [rate for rate in rates if rate is not None]
    if len(known) <= count or max(known) <= 0:
        return 1.0
    return max(known[-1], 0.0) / max(known)


def _number(value: Value | None) -> float | None:
    known = isinstance(value, Constant) and isinstance(value.value, int | float)
    return float(value.value) if known and isinstance(value, Constant) else None
