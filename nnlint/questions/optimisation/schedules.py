"""Learning-rate schedules, whichever way they are written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nnlint.questions.optimisation.simulation import (
    EPOCH,
    STEP,
    Clock,
    depends_on_time,
    holds,
    is_finite,
    is_former_rate,
    number_at,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default, taken_by_default, words
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    OWNER,
    Arithmetic,
    Built,
    Choice,
    Condition,
    Constant,
    Items,
    Site,
    Unknown,
    Value,
    options,
)
from nnlint.syntax.statements import enclosing_statements

HORIZON = 130
"""Epochs over which schedules are simulated: the ImageNet recipe ends at 90."""
LATER = tuple(m * 10**k for k in range(2, 6) for m in (2, 5, 10))
"""Moments at which a decay that is counted in batches shows."""
TEN = 0.1
ANY_TIME = re.compile(f"{EPOCH.pattern}|{STEP.pattern}", re.IGNORECASE)
_CHOOSES_SCHEDULE = re.compile(r"sched|policy|lr|decay", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drop:
    """A fall of the learning rate from one epoch to the next."""

    epoch: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Decay:
    """A learning rate that falls as training goes on."""

    site: Site
    form: str
    """The scheduler's class, or `by hand`."""
    drops: tuple[Drop, ...] = ()
    """Where it falls by steps, as far as literals say."""
    period: int | None = None
    """Epochs between two drops, when written as a literal."""
    default_factor: bool = False
    """The factor of ten is the library's own default, not chosen by the program."""
    conditions: tuple[Condition, ...] = ()
    scheduler: Built | None = None
    """The scheduler, where it is one."""

    @property
    def is_imagenet_recipe(self) -> bool:
        """Decay by ten every thirty epochs, or left at its default."""
        return (self.default_factor and self.period is not None) or _is_imagenet(self.drops)

    @property
    def is_configured(self) -> bool:
        """Whether an option chooses this schedule among others, or turns it on."""
        return any(
            c.soft
            and taken_by_default(c) is not True
            and any(_CHOOSES_SCHEDULE.search(w) for w in words(c.site.node))
            for c in self.conditions
        )


def _is_imagenet(drops: Sequence[Drop]) -> bool:
    if len(drops) < 2 or any(abs(d.ratio - TEN) > TEN / 100 for d in drops):
        return False
    # counting from 0 or from 1, and comparing with > or >=, move a drop by one
    wanted = ((29, 31), (59, 61), (79, 91))
    return all(low <= d.epoch <= high for d, (low, high) in zip(drops, wanted, strict=False))


def decays(program: Program) -> Iterator[Decay]:
    """Every learning-rate decay of a program: schedulers built and rates set by hand.

    None in tests: what they build trains nothing that matters.
    """
    for event in program.events("build"):
        if isinstance(event.subject, Built) and event.subject.entry.kind == "scheduler":
            found = _scheduler(event.subject)
            if found is not None:
                yield found
    yield from _set_by_hand(program)


def training_decays(program: Program) -> Iterator[Decay]:
    """The learning-rate decays that may serve a training, not those of schedules that are only
    drawn or saved."""
    return (decay for decay in decays(program) if _may_serve_training(program, decay.scheduler))


def _may_serve_training(program: Program, scheduler: Built | None) -> bool:
    """Whether a program trains with a scheduler, or hands it on to what may.

    A script that does neither trains nothing, and what only steps a scheduler draws its rates;
    a function or class that builds one may be there for others.
    """
    # a step without gradients only keeps a scheduler from warning
    if program.events("backward", "set_grad", "fit", "given_up"):
        return True
    if scheduler is None:
        return program.name != "__main__"
    used = (scheduler, scheduler.arguments.get("optimizer"))
    for event in program.events("opaque", "forward", "returned_loss"):
        if any(operand is not None and operand in used for operand in event.operands):
            return True
    stepped = any(e.subject is scheduler for e in program.events("scheduler_step"))
    around = enclosing_statements(scheduler.site.module, scheduler.site.node)
    # a class may train in what it inherits
    in_class = any(isinstance(placed.node, ast.ClassDef) for placed in around)
    return program.name != "__main__" and (in_class or not stepped)


def trainer_decays(program: Program) -> Iterator[Site]:
    """Arguments of a trainer that let the learning rate decay, as they do by default."""
    if not program.trains:
        return
    for event in program.events("build"):
        given = event.subject
        if isinstance(given, Built) and given.entry.options.get("schedule_parameter"):
            kind = given.arguments.get(str(given.entry.options["schedule_parameter"]))
            if isinstance(kind, Constant) and not str(kind.value).startswith("constant"):
                yield given.site


def _scheduler(built: Built) -> Decay | None:
    entry = built.entry
    form = entry.name.rpartition(".")[2]
    if not falls(built) or off_by_default(built.conditions):
        return None
    drops: tuple[Drop, ...] = ()
    period: int | None = None
    if entry.schedule == "step":
        period = _whole(_literal(_argument(built, "step_size", "decay_t")))
        drops = _steps(_multiples(period), _factor(built))
    elif entry.schedule == "multistep":
        drops = _steps(_milestones(_argument(built, "milestones", "decay_t")), _factor(built))
    elif entry.schedule == "lambda":
        counter = built.state.get("counter")
        drops = _simulated_drops(built.state.get("factor"), counter)
    default = entry.schedule == "step" and "gamma" in built.arguments.keys() - built.explicit
    return Decay(built.site, form, drops, period, default, built.conditions, built)


def falls(scheduler: Built) -> bool:
    """Whether a scheduler lowers the learning rate below where it has been."""
    match scheduler.entry.schedule:
        case "" | "constant" | "constant_warmup" | "warmup" | "chained" | "sequential":
            return False
        case "step" | "multistep" | "exponential":
            factor = _argument(scheduler, "gamma", "decay_rate")
            return not (isinstance(factor, Constant) and _is_at_least(factor.value, 1))
        case "linear":
            ends = [_literal(scheduler.arguments.get(n)) for n in ("start_factor", "end_factor")]
            return isinstance(ends[0], float | int) and _is_at_least(ends[0], ends[1], strict=True)
        case "cyclic":
            return _literal(scheduler.arguments.get("mode")) in ("triangular2", "exp_range")
        case "named":
            kind = _argument(scheduler, "name", "sched")
            return isinstance(kind, Constant) and not str(kind.value).startswith("constant")
        case "lambda":
            counter = scheduler.state.get("counter")
            return _falls_in_time(scheduler.state.get("factor"), counter)
        case "multiplicative":
            return _is_below_one(scheduler.state.get("factor"), scheduler.state.get("counter"))
        case _:
            return True


def _is_at_least(left: object, right: object, strict: bool = False) -> bool:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    return left > right if strict else left >= right


def _argument(built: Built, *names: str) -> Value | None:
    return next((built.arguments[n] for n in names if n in built.arguments), None)


def _factor(built: Built) -> float | None:
    value = _argument(built, "gamma", "decay_rate")
    number = value.value if isinstance(value, Constant) and not value.soft else None
    return float(number) if isinstance(number, int | float) else None


def _literal(value: Value | None) -> object:
    """A constant as written: neither configured nor computed from the run's length."""
    known = isinstance(value, Constant) and not value.soft and value.site is not None
    return value.value if known and isinstance(value, Constant) else None


def _whole(number: object) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _milestones(value: Value | None) -> tuple[int, ...]:
    if isinstance(value, Items) and not value.open:
        numbers = [_whole(_literal(v)) for v in value.items]
        if all(n is not None for n in numbers):
            return tuple(n for n in numbers if n is not None)
    return ()


def _multiples(period: int | None) -> tuple[int, ...]:
    return tuple(range(period, HORIZON, period)) if period and period > 0 else ()


def _steps(epochs: Sequence[int], factor: float | None) -> tuple[Drop, ...]:
    return () if factor is None else tuple(Drop(e, factor) for e in epochs if e <= HORIZON)


def _simulated_drops(value: object, counter: Value | None) -> tuple[Drop, ...]:
    if not isinstance(value, Value):
        return ()
    rates: list[float] = []
    for epoch in range(HORIZON + 1):
        found = number_at(value, Clock(epoch, counter=counter))
        if found is None or not is_finite(found.value):
            return ()
        rates.append(float(found.value))
    return _drops(rates)


def _drops(rates: Sequence[float]) -> tuple[Drop, ...]:
    pairs = pairwise(rates)
    return tuple(
        Drop(epoch, after / before)
        for epoch, (before, after) in enumerate(pairs, start=1)
        if before and after != before
    )


def _falls_in_time(value: object, counter: Value | None = None) -> bool:
    """Whether a value gets smaller at some moment, with typical lengths of the run."""
    if isinstance(value, Items):
        return any(_falls_in_time(v, counter) for v in value.items)
    if not isinstance(value, Value):
        return False
    before: float | None = None
    for time in (*range(HORIZON + 1), *LATER):
        found = number_at(value, Clock(time, ANY_TIME, counter, guess=True))
        now = float(found.value) if found is not None and is_finite(found.value) else None
        if now is not None and before is not None and now < before * (1 - 1e-9):
            return True
        before = now
    return False


def _set_by_hand(program: Program) -> Iterator[Decay]:
    """Rates written into the parameter groups, one decay for each optimizer."""
    for group in set_together(program):
        found = _by_hand(group)
        if found is not None:
            yield found


def set_together(program: Program) -> list[list[Event]]:
    """The assignments of rates to parameter groups, those of one optimizer together."""
    groups: dict[object, dict[object, Event]] = {}
    for event in program.events("set_lr"):
        if off_by_default(event.conditions):
            continue
        subject = event.subject
        owner = subject.state.get(OWNER) if isinstance(subject, Unknown) else None
        key = id(owner) if owner is not None else event.site.key
        groups.setdefault(key, {}).setdefault(event.site.key, event)
    return [list(group.values()) for group in groups.values()]


def _by_hand(events: Sequence[Event]) -> Decay | None:
    drops = _simulated_group(events)
    falling = [e for e in events if _event_falls(e)]
    if not drops and not falling:
        return None
    shown = next((e for e in events if _computes(e.operands[0])), events[0])
    return Decay(place_of_rate(shown), "by hand", drops, conditions=shown.conditions)


def _simulated_group(events: Sequence[Event]) -> tuple[Drop, ...]:
    """The drops that a group of assignments makes together, as far as literals say."""
    rates = rates_by_hand(events, range(HORIZON + 1))
    return _drops(rates) if rates else ()


def rates_by_hand(
    events: Sequence[Event], epochs: Sequence[int], start: float = 1.0
) -> list[float] | None:
    """The rates that a group of assignments makes together in these epochs, in proportion where
    they come from outside; None where literals do not say.

    Parameters:
        start: the rate that they go on from.
    """
    rate, rates = start, []
    for epoch in epochs:
        clock = Clock(epoch)
        for event in events:
            timed = [c for c in event.conditions if depends_on_time(c.test, clock)]
            outcomes = [holds(c, clock) for c in timed]
            if False in outcomes:
                continue
            found = number_at(event.operands[0], clock)
            if None in outcomes or found is None or not is_finite(found.value):
                return None
            relative = _continues(event.operands[0])
            rate = rate * float(found.value) if relative else float(found.value)
        rates.append(rate)
    return rates


def _event_falls(event: Event) -> bool:
    value = event.operands[0]
    return _is_below_one(value) if _continues(value) else _falls_in_time(value)


def _is_below_one(value: object, counter: Value | None = None) -> bool:
    """Whether a factor that is applied again and again lowers what it is applied to."""
    if not isinstance(value, Value):
        return False
    found = number_at(value, Clock(1.0, ANY_TIME, counter, guess=True))
    return found is not None and is_finite(found.value) and 0 < found.value < 1


def _continues(value: Value) -> bool:
    """Whether a new rate is computed from the one before it."""
    if is_former_rate(value):
        return True
    if isinstance(value, Constant) and value.made is not None:
        return _continues(value.made)
    if isinstance(value, Arithmetic):
        return any(_continues(v) for v in value.operands)
    return isinstance(value, Choice) and any(_continues(v) for v in value.options)


def _computes(value: Value) -> bool:
    if isinstance(value, Constant):
        return value.made is not None
    return isinstance(value, Arithmetic) or (
        isinstance(value, Choice) and any(_computes(v) for v in value.options)
    )


def place_of_rate(event: Event) -> Site:
    """Where the new rate is computed, else where it is set."""
    places: list[Site] = []
    for option in options(event.operands[0]):
        made = option.made if isinstance(option, Constant) else option
        if isinstance(made, Arithmetic) and made.site is not None:
            # of a warm-up and a decay, the decay is shown
            places.insert(0 if _falls_in_time(option) else len(places), made.site)
    return places[0] if places else event.site
