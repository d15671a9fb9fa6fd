"""Questions about schedules over the length of their run: where does the rate end?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.optimisation.advancing import Advance, advance_of
from nnlint.questions.optimisation.counts import Count, count_of, known, values_of
from nnlint.questions.optimisation.curves import (
    curve_of,
    fits,
    literal,
    milestones_of,
    number_by_default,
    one_after_another,
    parts_of,
    sparkline,
)
from nnlint.questions.optimisation.schedules import place_of_rate, rates_by_hand, set_together
from nnlint.questions.optimisation.simulation import Clock
from nnlint.questions.training.scheduler_order import (
    early_steps,
    is_plain_step,
    misplaced_steps,
    optimizer_of,
    rare_steps,
    written_argument,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Constant, Site, Unknown, Value
from nnlint.syntax.walking import walk

Places = dict[int, tuple[Block, ...]]

GONE = 1.001e-3
"""What of a rate is as good as nothing: three decays by ten, and a little for rounding."""
_HIGH = 0.1
"""The part of its way down that a schedule has left where it has certainly not come to its end."""
_SHORT, _LONG = 0.8, 1.25
"""How far the run may be off a schedule's length."""
_MOST_ROUNDS = 1_000
ZERO = Constant(0)
_FEWEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One schedule over one run."""

    scheduler: Built | None
    """The scheduler, where it is one and no more."""
    advance: Advance
    rates: tuple[float, ...]
    """The rate in each round of the outermost loop, or in as many of them as are looked at."""
    stride: int
    """How many rounds there are from one of these to the next."""
    told: bool
    """Whether the rates are those of the run, and not only in proportion."""
    site: Site
    """Where the schedule is written."""

    @property
    def name(self) -> str:
        """What the schedule is called."""
        if self.scheduler is None:
            return self.site.text
        return self.scheduler.entry.name.rpartition(".")[2]

    @property
    def peak(self) -> float:
        """The highest rate."""
        return max(self.rates)

    @property
    def picture(self) -> str:
        """The rate over the run: its curve, its first and last value, and the rounds."""
        rounds, unit = self.advance.rounds, self.advance.unit
        first, last = self.rates[0], self.rates[-1]
        scale = 1.0 if self.told else self.peak or 1.0
        ends = [f"{r / scale:.3g}" if self.told else f"{r / scale:.2%}" for r in (first, last)]
        over = f" over {rounds.tried:g} {unit}s" if rounds.is_known else " over the run"
        return f"{ends[0]} {sparkline(self.rates)} {ends[1]}{over}"


@dataclass(frozen=True, slots=True, eq=False)
class Vanished:
    """A schedule that leaves nothing of the rate for much of the run."""

    run: Run
    since: int
    """The round from which on nothing is left."""
    is_zero: bool

    @property
    def left(self) -> str:
        """What is left of the rate, in words."""
        if min(self.run.rates) < 0:
            return "below 0"
        return "to 0" if self.is_zero else "under a thousandth of its peak"

    @property
    def when(self) -> str:
        """From when on, in words."""
        rounds, counted = self.run.advance.rounds, values_of(self.run.advance.loops[0])
        if rounds.is_known and counted:
            return f"{self.run.advance.unit} {counted[self.since]} of {rounds.tried:g}"
        return f"{self.since / rounds.tried:.0%} of the run"


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """A schedule whose length is not that of its run."""

    run: Run
    said: str
    """What says its length, as it is written."""
    consequence: str
    """What the run gets of it."""


def misjudged_places(program: Program) -> frozenset[object]:
    """The places of the schedules that are told to be wrong for the length of their run."""
    return program.once(_misjudged_places)


def _misjudged_places(program: Program) -> frozenset[object]:
    runs = [found.run for found in vanished_rates(program)]
    runs += [found.run for found in mismatched_lengths(program)]
    return frozenset(run.site.key for run in runs)


def vanished_rates(program: Program) -> Iterator[Vanished]:
    """Schedules that bring the rate to nothing long before the run ends."""
    return (found for run in program.once(_runs) if (found := _vanished(run)) is not None)


def mismatched_lengths(program: Program) -> Iterator[Mismatch]:
    """Schedules that are longer or shorter than their run, where that shows in the rate."""
    for run in program.once(_runs):
        if run.scheduler is not None and _vanished(run) is None:
            found = _mismatch(run, run.scheduler, run.advance.steps)
            if found is not None:
                yield found


def _runs(program: Program) -> tuple[Run, ...]:
    return tuple(_found_runs(program))


def _found_runs(program: Program) -> Iterator[Run]:
    places = {id(event): blocks for event, blocks in program.walk()}
    groups = _stepped_together(program)
    by_hand = set_together(program)
    if groups and not by_hand:
        elsewhere = {id(early.step) for early in early_steps(program)}
        elsewhere |= {id(found.step) for found in misplaced_steps(program)}
        elsewhere |= {id(found.step) for found in rare_steps(program)}
        for steps in groups:
            if elsewhere.isdisjoint(map(id, steps)):
                yield from _run_of(program, steps, places)
    elif not groups and not program.events("scheduler_step"):
        for events in by_hand:
            yield from _run_by_hand(program, events, places)


def _stepped_together(program: Program) -> list[list[Event]]:
    """The steps of the schedulers that belong to one optimizer, each scheduler's once."""
    groups: dict[int, dict[object, Event]] = {}
    for step in program.events("scheduler_step"):
        if isinstance(step.subject, Built):
            key = id(optimizer_of(step.subject) or step.subject)
            groups.setdefault(key, {}).setdefault((step.site.key, id(step.subject)), step)
    return [list(steps.values()) for steps in groups.values()]


def _run_of(program: Program, steps: list[Event], places: Places) -> Iterator[Run]:
    """The run of the schedulers of one optimizer, where each is stepped at one place."""
    schedulers = [step.subject for step in steps if isinstance(step.subject, Built)]
    if len({id(s) for s in schedulers}) < len(steps) or not all(map(is_plain_step, steps)):
        return
    advances = [advance_of(program, step, places[id(step)]) for step in steps]
    first = advances[0]
    if first is None or not _trains(first) or _may_end_early(first.loops[0]):
        return
    if any(a is None or a.loops != first.loops or a.taken != first.taken for a in advances):
        return
    run = _run(schedulers, first)
    if run is not None:
        yield run


def _run_by_hand(program: Program, events: list[Event], places: Places) -> Iterator[Run]:
    """The run of a rule that sets the rate anew in each epoch."""
    around = [_without_groups(places[id(event)]) for event in events]
    advances = [
        advance_of(program, event, blocks) for event, blocks in zip(events, around, strict=True)
    ]
    first = advances[0]
    if first is None or not _trains(first) or _may_end_early(first.loops[0]):
        return
    loop, epochs = first.loops[0], values_of(first.loops[0])
    if any(a is None or a.loops != first.loops for a in advances) or len(first.loops) > 1:
        return
    if not epochs or not first.rounds.is_known or not _counts_epochs(loop):
        return
    if not _FEWEST <= len(epochs) <= _MOST_ROUNDS:
        return
    rates, doubled = (rates_by_hand(events, epochs, start) for start in (1.0, 2.0))
    # what is set only now and then is no part of the rate before
    if rates and doubled in (rates, [2 * rate for rate in rates]):
        yield Run(None, first, tuple(rates), 1, False, place_of_rate(events[0]))


def _without_groups(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks around an assignment but for the loops that go through parameter groups."""
    return tuple(b for b in blocks if b.kind != "loop" or b.events("backward"))


def _counts_epochs(loop: Block) -> bool:
    node = loop.site.node if loop.site else None
    target = node.target if isinstance(node, ast.For | ast.AsyncFor) else None
    return isinstance(target, ast.Name) and Clock(0).counts(Unknown(target.id))


def _trains(advance: Advance) -> bool:
    """Whether the loop that steps a scheduler trains, and does not only draw its rates."""
    return all(advance.loops[0].events(kind) for kind in ("backward", "step"))


def _may_end_early(loop: Block) -> bool:
    """Whether a loop is left before its rounds are over, as early stopping leaves it."""
    node = loop.site.node if loop.site else None
    if not isinstance(node, _LOOPS):
        return True
    inner = {
        id(n)
        for part in walk(node)
        if part is not node and isinstance(part, _LOOPS)
        for n in walk(part)
    }
    return any(
        isinstance(n, ast.Return) or (isinstance(n, ast.Break) and id(n) not in inner)
        for n in walk(node)
    )


_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def _run(schedulers: Sequence[Built], advance: Advance) -> Run | None:
    alone = len(schedulers) == 1
    curve = curve_of(schedulers[0]) if alone else one_after_another(schedulers)
    given = _rate(schedulers[0])
    start = number_by_default(given)
    if curve is None or (start is None and any(map(_is_absolute, schedulers))):
        return None
    if not all(fits(scheduler, advance.steps) for scheduler in schedulers):
        return None
    done = list(advance.steps_before())
    if len(done) < _FEWEST:
        return None
    stride = max(1, len(done) // _MOST_ROUNDS)
    rates = [curve(steps, 1.0 if start is None else start) for steps in done[::stride]]
    followed = [rate for rate in rates if rate is not None]
    form = schedulers[0].entry.schedule
    if len(followed) < len(rates) and form != "one_cycle":
        return None
    told = form == "one_cycle" or (
        literal(given) is not None
        and all(literal(s.arguments.get("eta_min", ZERO)) is not None for s in schedulers)
    )
    site, scheduler = schedulers[-1].site, schedulers[0] if alone else None
    return Run(scheduler, advance, tuple(followed), stride, told, site) if followed else None


def _rate(scheduler: Built) -> Value | None:
    """The rate that the optimizer of a scheduler is built with."""
    optimizer = optimizer_of(scheduler)
    return optimizer.arguments.get("lr") if isinstance(optimizer, Built) else None


def _is_absolute(scheduler: Built) -> bool:
    """Whether a schedule names a lowest rate, which is no part of the first one."""
    given = scheduler.arguments.get("eta_min")
    own = given is not None and number_by_default(given) != 0
    return own or any(map(_is_absolute, parts_of(scheduler) or ()))


def _vanished(run: Run) -> Vanished | None:
    rates, count = run.rates, len(run.rates)
    if run.scheduler and run.scheduler.entry.schedule in _COMES_BACK:
        return None
    start = rates.index(run.peak)
    if run.peak <= 0:
        return None
    zero = _first_of_rest(rates, 0.0, start)
    if zero is not None and count - zero >= max(2, count / 20):
        return Vanished(run, zero * run.stride, True)
    low = _first_of_rest(rates, GONE * run.peak, start)
    if low is not None and low < count / 2:
        return Vanished(run, low * run.stride, False)
    return None


_COMES_BACK = frozenset({"cosine_restarts", "cyclic", "one_cycle"})


def _first_of_rest(rates: Sequence[float], limit: float, start: int) -> int | None:
    """The first round from which on all rates are at most so high."""
    found: int | None = None
    for number in range(len(rates) - 1, start, -1):
        if rates[number] > limit:
            break
        found = number
    return found


def _mismatch(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    """What is wrong with the length of a schedule that is stepped so often."""
    match scheduler.entry.schedule:
        case "cosine":
            return _of_cosine(run, scheduler, steps)
        case "one_cycle":
            return _of_one_cycle(run, scheduler, steps)
        case "polynomial":
            name = "total_iters" if scheduler.entry.name.startswith("torch.") else _TRAINING
            return _cut_short(run, scheduler, steps, name)
        case "linear_warmup" | "cosine_warmup":
            return _cut_short(run, scheduler, steps, _TRAINING)
        case "linear" if _falls(scheduler):
            return _cut_short(run, scheduler, steps, "total_iters")
        case "step":
            return _never_drops(run, scheduler, steps)
        case "multistep":
            return _late_milestones(run, scheduler, steps)
        case "sequential":
            return _of_last_part(run, scheduler, steps)
        case _:
            return None


_TRAINING = "num_training_steps"


def _falls(scheduler: Built) -> bool:
    first, last = (literal(scheduler.arguments.get(n)) for n in ("start_factor", "end_factor"))
    return first is not None and last is not None and last < first


def _length_said(scheduler: Built, name: str) -> tuple[Count, str] | None:
    """A length that the program gives a scheduler, and how it is written."""
    found = count_of(scheduler.arguments.get(name)) if name in scheduler.explicit else None
    node = written_argument(scheduler, name)
    if found is None or node is None:
        return None
    return found, f"{name}={scheduler.site.module.text(node)}"


def _of_cosine(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    said = _length_said(scheduler, "T_max")
    ratio = steps.over(said[0]) if said else None
    if said is None or ratio is None or _is_flat(run):
        return None
    if ratio < _SHORT:
        return _ends_high(run, said[1], ratio)
    cycles = round((ratio - 1) / 2)
    if ratio <= _LONG or (cycles and abs(ratio - 1 - 2 * cycles) < _SLACK):
        # several half waves that end at the bottom may be meant to go up and down
        return None
    climb = "climbs back" if ratio <= 2 else "goes up and down again"
    return Mismatch(
        run,
        said[1],
        f"the run steps it {_often(steps, ratio)}, and the rate {climb} after its lowest point",
    )


_SLACK = 0.06


def _is_flat(run: Run) -> bool:
    """Whether a schedule hardly changes the rate."""
    lowest = min(run.rates)
    return run.peak - lowest < _HIGH * run.peak


def _ends_high(run: Run, said: str, ratio: float) -> Mismatch | None:
    left = run.rates[-1] / run.peak
    if left < _HIGH:
        return None
    return Mismatch(
        run,
        said,
        f"the run ends after {ratio:.0%} of it, at {left:.0%} of the highest rate",
    )


def _often(steps: Count, ratio: float) -> str:
    if steps.is_known:
        return f"{steps.tried:g} times"
    return "twice as often" if ratio == 2 else f"{ratio:.3g} times as often"


def _cut_short(run: Run, scheduler: Built, steps: Count, name: str) -> Mismatch | None:
    """A schedule that falls to its last round, and that the run is too short for."""
    said = _length_said(scheduler, name)
    ratio = steps.over(said[0]) if said else None
    if said is None or ratio is None or ratio >= _SHORT:
        return None
    return _ends_high(run, said[1], ratio)


def _of_one_cycle(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    total, said = _total_of_one_cycle(scheduler)
    ratio = steps.over(total) if total else None
    if ratio is None:
        return None
    if ratio > 1:
        return Mismatch(
            run,
            said,
            f"the run steps it {_often(steps, ratio)}, and stops with a `ValueError` when the "
            "cycle is over",
        )
    return _ends_high(run, said, ratio) if ratio < _SHORT else None


def _total_of_one_cycle(scheduler: Built) -> tuple[Count | None, str]:
    said = _length_said(scheduler, "total_steps")
    if said is not None:
        return said
    epochs = _length_said(scheduler, "epochs")
    each = _length_said(scheduler, "steps_per_epoch")
    if epochs is None or each is None:
        return None, ""
    return epochs[0].times(each[0]), f"{epochs[1]}, {each[1]}"


def _never_drops(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    said = _length_said(scheduler, "step_size")
    ratio = steps.over(said[0]) if said else None
    if said is None or ratio is None or ratio > 1 or not _is_flat(run):
        return None
    return Mismatch(
        run, said[1], f"the run {_ends_after(steps)} before the first drop: the rate never falls"
    )


def _late_milestones(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    node = written_argument(scheduler, "milestones")
    milestones = milestones_of(scheduler, literally=True)
    if node is None or not milestones or not steps.is_known:
        return None
    late = [m for m in milestones if m > steps.tried]
    if not late:
        return None
    never = "the rate never falls"
    if len(late) < len(milestones):
        drops = " and ".join(f"{m:g}" for m in late)
        never = (
            f"the drops at {drops} never come" if late[1:] else f"the drop at {drops} never comes"
        )
    said = f"milestones={scheduler.site.module.text(node)}"
    return Mismatch(run, said, f"the run {_ends_after(steps)}: {never}")


def _ends_after(steps: Count) -> str:
    return f"ends after {steps.tried:g} steps of it" if steps.is_known else "ends"


def _of_last_part(run: Run, scheduler: Built, steps: Count) -> Mismatch | None:
    """What is wrong with the last of several schedules that follow one another."""
    parts, milestones = parts_of(scheduler), milestones_of(scheduler, literally=True)
    if not parts or not milestones or not steps.is_known:
        return None
    left = steps.tried - milestones[-1]
    node = written_argument(scheduler, "milestones")
    if left <= 0 and node is not None:
        return Mismatch(
            run,
            f"milestones={scheduler.site.module.text(node)}",
            f"the run {_ends_after(steps)}: its last schedule never begins",
        )
    return _mismatch(run, parts[-1], known(left)) if parts[-1].entry.schedule == "cosine" else None
