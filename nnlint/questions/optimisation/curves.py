"""The learning rates that schedules give, round by round, as PyTorch computes them.

Source: `torch.optim.lr_scheduler`, of which each form's `_get_closed_form_lr` or `get_lr` is
followed, and `transformers.optimization` for its factor functions.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

from nnlint.questions.optimisation.counts import Count, count_of
from nnlint.questions.optimisation.simulation import Clock, is_finite, number_at
from nnlint.semantics.values import Built, Constant, Items, Value

Curve = Callable[[int, float], float | None]
"""The rate after so many steps, of the rate that the optimizer is built with."""

MOST_STEPS = 20_000
"""How many steps are followed one by one, where a rate is made of the one before."""
_NOTHING_COUNTS = re.compile(r"(?!)")


def curve_of(scheduler: Built) -> Curve | None:
    """The rates of a scheduler; None where its arguments leave them open.

    Lengths that the program leaves open have the value that `Count.tried` gives them.
    """
    make = _FORMS.get(scheduler.entry.schedule)
    if make is None or not scheduler.entry.name.startswith(("torch.", "transformers.")):
        return None
    of_parts = scheduler.entry.schedule in ("chained", "sequential")
    begins = of_parts or literal(scheduler.arguments.get("last_epoch")) == -1
    return make(scheduler) if begins else None


def literal(value: Value | None) -> float | None:
    """A number that the program itself gives, which no option sets otherwise."""
    settled = isinstance(value, Constant) and not value.soft
    return number_by_default(value) if settled else None


def number_by_default(value: Value | None) -> float | None:
    """A number that the program gives, or leaves to an option with a default."""
    if not isinstance(value, Constant) or isinstance(value.value, bool):
        return None
    return float(value.value) if isinstance(value.value, int | float) else None


def length(value: Value | None) -> float | None:
    """How many steps a parameter gives, with a typical number for what is open."""
    found = count_of(value)
    return None if found is None else found.tried


_LENGTHS = (
    "step_size",
    "total_iters",
    "T_max",
    "T_0",
    "total_steps",
    "epochs",
    "num_training_steps",
)
_BY_ROUNDS = frozenset({"exponential", "lambda", "multiplicative", "cyclic"})
"""Forms whose rate depends on the number of rounds, and on nothing that is as long as the run."""


def fits(scheduler: Built, steps: Count) -> bool:
    """Whether the rates of a scheduler follow over so many steps, whatever the program leaves open:
    all its lengths are numbers where that is one, else multiples of it.

    The steps of a warm-up may be others: they say nothing of how a schedule ends.
    """
    parts = parts_of(scheduler)
    if parts:
        milestones = milestones_of(scheduler, literally=True)
        whole = scheduler.entry.schedule == "chained" or milestones is not None
        return steps.is_known and whole and all(fits(part, steps) for part in parts)
    if scheduler.entry.schedule in _BY_ROUNDS:
        return steps.is_known
    if scheduler.entry.schedule == "multistep":
        return steps.is_known and milestones_of(scheduler, literally=True) is not None
    said = [scheduler.arguments[n] for n in _LENGTHS if n in scheduler.arguments]
    given = [count_of(v) for v in said if not isinstance(v, Constant) or v.value is not None]
    if {"epochs", "steps_per_epoch"} <= scheduler.explicit:
        given = [steps_of_epochs(scheduler)]
    return all(n is not None and steps.over(n) is not None for n in given)


def steps_of_epochs(scheduler: Built) -> Count | None:
    """The steps of all epochs that a one-cycle schedule is told."""
    arguments = scheduler.arguments
    epochs, each = (count_of(arguments.get(n)) for n in ("epochs", "steps_per_epoch"))
    return epochs.times(each) if epochs and each else None


def one_after_another(schedulers: Sequence[Built]) -> Curve | None:
    """The rates of schedulers of one optimizer that are all stepped in each round, each of which
    goes on from what the one before has made of the rate."""
    curves = [(s, curve_of(s)) for s in schedulers]
    if any(s.entry.schedule in ("chained", "sequential", "one_cycle", "cyclic") for s, _ in curves):
        return None
    known = [(s, curve) for s, curve in curves if curve is not None]
    if len(known) < len(curves) or not known:
        return None
    rates: dict[float, list[float]] = {}

    def rate(steps: int, start: float) -> float | None:
        if steps > MOST_STEPS:
            return None
        followed = rates.setdefault(start, [])
        while len(followed) <= steps:
            now = len(followed)
            value: float | None = followed[-1] if followed else start
            for scheduler, curve in known:
                value = None if value is None else _go_on(scheduler, curve, value, now, start)
            if value is None:
                return None
            followed.append(value)
        return followed[steps]

    return rate


def _go_on(scheduler: Built, curve: Curve, rate: float, step: int, start: float) -> float | None:
    """The rate that one scheduler of several makes of the present one."""
    now = curve(step, start)
    if scheduler.entry.schedule in _SETS or now is None:
        return now
    if step == 0:
        return rate * now / start if start else rate
    before = curve(step - 1, start)
    if before is None:
        return None
    if scheduler.entry.schedule == "cosine":
        lowest = number_by_default(scheduler.arguments.get("eta_min")) or 0.0
        whole = length(scheduler.arguments.get("T_max")) or 1.0
        if (step - 1 - whole) % (2 * whole) == 0:
            return rate + (start - lowest) * (1 - math.cos(math.pi / whole)) / 2
        return lowest + (rate - lowest) * (now - lowest) / (before - lowest)
    return rate if now == before else rate * now / before


_SETS = frozenset({"lambda", "cosine_restarts"})
"""Forms that set the rate, whatever it was."""


def _step(scheduler: Built) -> Curve | None:
    gamma = literal(scheduler.arguments.get("gamma"))
    size = length(scheduler.arguments.get("step_size"))
    if gamma is None or not size or size < 1:
        return None
    return lambda t, base: base * gamma ** (t // size)


def _multistep(scheduler: Built) -> Curve | None:
    gamma = literal(scheduler.arguments.get("gamma"))
    milestones = milestones_of(scheduler)
    if gamma is None or milestones is None:
        return None
    return lambda t, base: base * gamma ** bisect_right(milestones, t)


def milestones_of(scheduler: Built, literally: bool = False) -> list[float] | None:
    """The rounds at which a scheduler changes what it does, in order.

    Parameters:
        literally: none where an option or the length of the run sets one of them.
    """
    given = scheduler.arguments.get("milestones")
    if not isinstance(given, Items) or given.open:
        return None
    counts = [count_of(value) for value in given.items]
    known = [n.tried for n in counts if n is not None and (n.is_known or not literally)]
    return sorted(known) if len(known) == len(counts) else None


def _exponential(scheduler: Built) -> Curve | None:
    gamma = literal(scheduler.arguments.get("gamma"))
    return None if gamma is None else lambda t, base: base * gamma**t


def _constant(scheduler: Built) -> Curve | None:
    factor = literal(scheduler.arguments.get("factor"))
    total = length(scheduler.arguments.get("total_iters"))
    if factor is None or total is None:
        return None
    return lambda t, base: base * (1.0 if t >= total else factor)


def _linear(scheduler: Built) -> Curve | None:
    start = literal(scheduler.arguments.get("start_factor"))
    end = literal(scheduler.arguments.get("end_factor"))
    total = length(scheduler.arguments.get("total_iters"))
    if start is None or end is None or not total:
        return None
    return lambda t, base: base * (start + (end - start) * min(total, t) / total)


def _polynomial(scheduler: Built) -> Curve | None:
    power = literal(scheduler.arguments.get("power"))
    total = length(scheduler.arguments.get("total_iters"))
    if power is None or not total:
        return None
    return lambda t, base: base * (1.0 - min(total, t) / total) ** power


def _cosine(scheduler: Built) -> Curve | None:
    lowest = number_by_default(scheduler.arguments.get("eta_min"))
    whole = length(scheduler.arguments.get("T_max"))
    if lowest is None or not whole:
        return None
    return lambda t, base: lowest + (base - lowest) * (1 + math.cos(math.pi * t / whole)) / 2


def _cosine_restarts(scheduler: Built) -> Curve | None:
    if "T_0" not in scheduler.arguments:
        return None
    first = length(scheduler.arguments.get("T_0"))
    grows = literal(scheduler.arguments.get("T_mult"))
    lowest = literal(scheduler.arguments.get("eta_min"))
    if not first or first < 1 or grows is None or grows < 1 or lowest is None:
        return None

    def rate(t: int, base: float) -> float:
        now, whole = float(t), first
        if grows == 1:
            now %= whole
        else:
            while now >= whole:
                now, whole = now - whole, whole * grows
        return lowest + (base - lowest) * (1 + math.cos(math.pi * now / whole)) / 2

    return rate


def _one_cycle(scheduler: Built) -> Curve | None:
    arguments = scheduler.arguments
    total = _total_of_one_cycle(scheduler)
    highest = literal(arguments.get("max_lr"))
    rising = literal(arguments.get("pct_start"))
    down = literal(arguments.get("div_factor"))
    last = literal(arguments.get("final_div_factor"))
    shape, phases = arguments.get("anneal_strategy"), arguments.get("three_phase")
    if total is None or highest is None or rising is None or not down or not last:
        return None
    if not isinstance(shape, Constant) or not isinstance(phases, Constant):
        return None
    first, lowest = highest / down, highest / down / last
    peak = rising * total - 1
    ends = [(peak, first, highest), (total - 1, highest, lowest)]
    if phases.value:
        ends = [
            (peak, first, highest),
            (2 * rising * total - 2, highest, first),
            (total - 1, first, lowest),
        ]

    def rate(t: int, base: float) -> float | None:
        if t > total:
            return None
        begin = 0.0
        for number, (end, high, low) in enumerate(ends):
            if t <= end or number == len(ends) - 1:
                part = (t - begin) / (end - begin) if end != begin else 1.0
                if shape.value == "linear":
                    return (low - high) * part + high
                return low + (high - low) / 2.0 * (math.cos(math.pi * part) + 1)
            begin = end
        return None

    return rate


def _total_of_one_cycle(scheduler: Built) -> float | None:
    if "total_steps" in scheduler.explicit:
        return length(scheduler.arguments.get("total_steps"))
    found = steps_of_epochs(scheduler)
    return None if found is None else found.tried


def _cyclic(scheduler: Built) -> Curve | None:
    arguments = scheduler.arguments
    lowest, highest = literal(arguments.get("base_lr")), literal(arguments.get("max_lr"))
    up, gamma = length(arguments.get("step_size_up")), literal(arguments.get("gamma"))
    given = arguments.get("step_size_down")
    down = up if isinstance(given, Constant) and given.value is None else length(given)
    mode, own = arguments.get("mode"), arguments.get("scale_fn")
    if lowest is None or highest is None or not up or not down or gamma is None:
        return None
    if not isinstance(mode, Constant) or not isinstance(own, Constant) or own.value is not None:
        return None
    whole, ratio = up + down, up / (up + down)

    def rate(t: int, base: float) -> float:
        cycle = math.floor(1 + t / whole)
        at = 1.0 + t / whole - cycle
        height = (highest - lowest) * (at / ratio if at <= ratio else (at - 1) / (ratio - 1))
        scale = {"triangular2": 1 / 2.0 ** (cycle - 1), "exp_range": gamma**t}
        return lowest + height * scale.get(str(mode.value), 1.0)

    return rate


def _function(scheduler: Built) -> Callable[[int], float | None] | None:
    """What the function of a scheduler gives for each round."""
    factor, counter = scheduler.state.get("factor"), scheduler.state.get("counter")
    if not isinstance(factor, Value) or isinstance(factor, Items):
        return None

    def at(t: int) -> float | None:
        found = number_at(factor, Clock(t, _NOTHING_COUNTS, counter))
        usable = found is not None and not found.free and is_finite(found.value)
        return float(found.value) if usable and found is not None else None

    return at if at(0) is not None and at(1) is not None else None


def _lambda(scheduler: Built) -> Curve | None:
    factor = _function(scheduler)
    if factor is None:
        return None

    def rate(t: int, base: float) -> float | None:
        found = factor(t)
        return None if found is None else base * found

    return rate


def _multiplicative(scheduler: Built) -> Curve | None:
    factor = _function(scheduler)
    if factor is None:
        return None
    products = [1.0]

    def rate(t: int, base: float) -> float | None:
        while len(products) <= t:
            found = factor(len(products)) if len(products) < MOST_STEPS else None
            if found is None:
                return None
            products.append(products[-1] * found)
        return base * products[t]

    return rate


def _linear_warmup(scheduler: Built) -> Curve | None:
    warm, total = _warmup(scheduler)
    if total is None:
        return None

    def rate(t: int, base: float) -> float:
        if t < warm:
            return base * t / max(1.0, warm)
        return base * max(0.0, (total - t) / max(1.0, total - warm))

    return rate


def _cosine_warmup(scheduler: Built) -> Curve | None:
    warm, total = _warmup(scheduler)
    cycles = literal(scheduler.arguments.get("num_cycles"))
    if total is None or cycles is None:
        return None

    def rate(t: int, base: float) -> float:
        if t < warm:
            return base * t / max(1.0, warm)
        progress = (t - warm) / max(1.0, total - warm)
        return base * max(0.0, 0.5 * (1.0 + math.cos(math.pi * cycles * 2.0 * progress)))

    return rate


def _warmup(scheduler: Built) -> tuple[float, float | None]:
    total = length(scheduler.arguments.get("num_training_steps"))
    warm = length(scheduler.arguments.get("num_warmup_steps"))
    if total is None or warm is None or warm >= total:
        return 0.0, None
    return warm, total


def parts_of(scheduler: Built) -> list[Built] | None:
    """The schedulers that a chained or sequential one consists of."""
    given = scheduler.arguments.get("schedulers")
    if not isinstance(given, Items) or given.open:
        return None
    parts = [value for value in given.items if isinstance(value, Built)]
    return parts if parts and len(parts) == len(given.items) else None


def _chained(scheduler: Built) -> Curve | None:
    parts = parts_of(scheduler)
    return one_after_another(parts) if parts else None


def _sequential(scheduler: Built) -> Curve | None:
    parts, milestones = parts_of(scheduler), milestones_of(scheduler)
    if not parts or milestones is None or len(milestones) != len(parts) - 1:
        return None
    curves = [None if part.entry.schedule in _NOT_IN_SEQUENCE else curve_of(part) for part in parts]
    if any(curve is None for curve in curves):
        return None

    def rate(t: int, base: float) -> float | None:
        number = bisect_right(milestones, t)
        curve = curves[number]
        begin = milestones[number - 1] if number else 0
        return None if curve is None else curve(t - int(begin), base)

    return rate


_NOT_IN_SEQUENCE = frozenset({"one_cycle", "cyclic", "chained", "sequential", "multiplicative"})
"""Forms that go on from the rate that they find, or change what others start from."""

_FORMS: dict[str, Callable[[Built], Curve | None]] = {
    "step": _step,
    "multistep": _multistep,
    "exponential": _exponential,
    "constant": _constant,
    "linear": _linear,
    "polynomial": _polynomial,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "one_cycle": _one_cycle,
    "cyclic": _cyclic,
    "lambda": _lambda,
    "multiplicative": _multiplicative,
    "linear_warmup": _linear_warmup,
    "cosine_warmup": _cosine_warmup,
    "chained": _chained,
    "sequential": _sequential,
}


_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24


def sparkline(rates: Sequence[float]) -> str:
    """A curve as a row of bars, from its first to its last value."""
    at = [rates[round(i * (len(rates) - 1) / (_WIDTH - 1))] for i in range(_WIDTH)]
    shown = list(rates) if len(rates) < _WIDTH else at
    low, high = min(0.0, *shown), max(shown)
    if high <= low:
        return _BARS[0] * len(shown)
    return "".join(_BARS[round((r - low) / (high - low) * (len(_BARS) - 1))] for r in shown)
