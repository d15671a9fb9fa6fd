"""How a program runs a learning-rate schedule: from which rate, and over how many rounds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnlint.questions.optimisation.advancing import advance_of
from nnlint.questions.optimisation.schedules import place_of_rate
from nnlint.questions.training.passes import goes_over_data
from nnlint.questions.training.scheduler_order import is_counted
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Constant, Items, Site, Value, constant


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """One schedule in one program."""

    site: Site
    """Where the scheduler is built, or the rate computed."""
    rate: float | None = None
    """The rate that its optimizer is built with."""
    rounds: int | None = None
    """How often it is stepped."""
    unknown: str = ""
    """Why the rounds are not known, as a clause."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the scheduler that are plain values, by parameter."""
    positional: tuple[str, ...] = ()
    """Names of the scheduler's parameters, in order."""


def schedule_runs(program: Program, path: str, row: int, column: int) -> Iterator[ScheduleRun]:
    """The schedules that a place builds, steps or sets by hand."""

    def here(site: Site) -> bool:
        node: Any = site.node
        at = (os.path.abspath(site.module.source.path), node.lineno, node.col_offset + 1)
        return at == (path, row, column)

    schedulers: dict[int, Built] = {}
    for event in program.events("build", "scheduler_step"):
        built = event.subject
        if isinstance(built, Built) and built.entry.kind == "scheduler":
            if here(event.site) or here(built.site):
                schedulers[id(built)] = built
    for built in schedulers.values():
        steps = [w for w in program.walk() if _steps(w[0], built)]
        rounds, unknown = _rounds_of_steps(program, steps)
        names = tuple(p.name for p in built.entry.signature)
        plain = _plain_arguments(built)
        yield ScheduleRun(built.site, _rate(built), rounds, unknown, plain, names)
    for event, blocks in program.walk():
        if event.kind == "set_lr" and event.operands and here(place_of_rate(event)):
            known = (n for n in map(_rounds, _loops(blocks)) if n is not None)
            yield ScheduleRun(place_of_rate(event), rounds=next(known, None), unknown=_NO_LOOP)


_NO_LOOP = "the loop that it is in goes over nothing of a known length"


def _steps(event: Event, scheduler: Built) -> bool:
    return event.kind == "scheduler_step" and event.subject is scheduler


def _rounds_of_steps(
    program: Program,
    steps: Sequence[tuple[Event, tuple[Block, ...]]],
) -> tuple[int | None, str]:
    """How often a scheduler is stepped, or why that is not known."""
    if not steps:
        return None, "nothing that was followed steps it"
    if len({event.site.key for event, _ in steps}) > 1:
        return None, "it is stepped at several places"
    event, blocks = steps[-1]
    loops = _loops(blocks)
    advance = advance_of(program, event, blocks)
    if advance is not None and advance.steps.is_known:
        return round(advance.steps.tried), ""
    if is_counted(event):
        return None, "a condition keeps it from being stepped in some rounds"
    if any(_rounds(loop) is None and goes_over_data(loop) for loop in loops):
        return None, "it is stepped for each batch, and how many there are is not known"
    total = 1
    for loop in loops:
        rounds = _rounds(loop)
        if rounds is None:
            return None, _NO_LOOP
        total *= rounds
    return (total, "") if loops else (None, "it is stepped outside any loop")


def _loops(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block.kind == "loop"]


def _rounds(loop: Block) -> int | None:
    """How often a loop goes round, where that is written."""
    subject = loop.subject
    if isinstance(subject, Constant) and isinstance(subject.value, range | tuple | list):
        return len(subject.value)
    return len(loop.children) if loop.unrolled else None


def _rate(scheduler: Built) -> float | None:
    optimizer = scheduler.arguments.get("optimizer")
    if not isinstance(optimizer, Built):
        return None
    given = optimizer.arguments.get("lr")
    rate = given.value if isinstance(given, Constant) else None
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None


def _plain_arguments(scheduler: Built) -> dict[str, Any]:
    found = {}
    for name in scheduler.explicit:
        value = scheduler.arguments.get(name)
        if value is not None and _is_plain(value):
            found[name] = _plain(value)
    return found


def _is_plain(value: Value) -> bool:
    match value:
        case Constant(value=None | bool() | int() | float() | str()):
            return True
        case Items() if not value.open:
            return all(_is_plain(v) for v in value.items)
    return False


def _plain(value: Value) -> Any:
    return [_plain(v) for v in value.items] if isinstance(value, Items) else constant(value)
