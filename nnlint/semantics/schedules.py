"""Learning-rate schedules, whichever way they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.values import (
    Arithmetic,
    Built,
    Choice,
    Constant,
    Items,
    Site,
    Value,
)

IMAGENET_PERIOD = 30
"""Epochs between decays in the ImageNet example of PyTorch and in He et al. (2015)."""
IMAGENET_MILESTONES = ((30, 60), (30, 60, 90), (30, 60, 80), (60, 120, 160), (150, 225), (100, 150))


@dataclass(frozen=True, slots=True)
class Decay:
    """A learning rate that falls as training goes on."""

    site: Site
    form: str
    """`StepLR`, `MultiStepLR`, `LambdaLR` or `by hand`."""
    period: int | None = None
    """Epochs between two decays, when written as a literal."""
    milestones: tuple[int, ...] = ()
    factor: float | None = None
    factor_defaulted: bool = False
    """The factor is the library's own default, not chosen by the program."""
    subject: Built | None = None

    @property
    def is_imagenet_recipe(self) -> bool:
        """Decay by ten whose factor or epochs were copied rather than chosen."""
        if self.factor is None or abs(self.factor - 0.1) > 1e-9:
            return False
        if self.form == "StepLR":
            return self.period is not None and (
                self.factor_defaulted or self.period == IMAGENET_PERIOD
            )
        if self.form == "MultiStepLR":
            return bool(self.milestones) and (
                self.factor_defaulted or self.milestones in IMAGENET_MILESTONES
            )
        return self.period == IMAGENET_PERIOD or self.milestones in IMAGENET_MILESTONES


def decays(program: Program) -> Iterator[Decay]:
    """Every learning-rate decay of a program: schedulers built and rates set by hand."""
    for event in program.events("build", "set_lr"):
        if event.kind == "build" and isinstance(event.subject, Built):
            if event.subject.entry.kind == "scheduler":
                found = _scheduler(event.subject)
                if found is not None:
                    yield found
        elif event.kind == "set_lr":
            for value in _alternatives(event.operands[0]):
                found = _by_hand(value, event.site)
                if found is not None:
                    yield found


def _scheduler(built: Built) -> Decay | None:
    entry, arguments = built.entry, built.arguments
    factor = arguments.get("gamma")
    rate = _number(_literal(factor))
    defaulted = "gamma" not in built.explicit
    match entry.schedule:
        case "step":
            period = _literal(arguments.get("step_size"))
            return Decay(built.site, "StepLR", _whole(period), (), rate, defaulted, built)
        case "multistep":
            stones = _whole_numbers(arguments.get("milestones"))
            return Decay(built.site, "MultiStepLR", None, stones, rate, defaulted, built)
        case "lambda":
            return _lambda(built)
        case "" | "constant" | "warmup" | "onecycle" | "cyclic" | "chained" | "sequential":
            return None
        case _:
            return Decay(built.site, entry.name.rpartition(".")[2], subject=built)


def _lambda(built: Built) -> Decay | None:
    value = built.state.get("factor")
    found = _by_hand(value, built.site) if isinstance(value, Value) else None
    if found is None:
        return Decay(built.site, "LambdaLR", subject=built) if value is not None else None
    return Decay(built.site, "LambdaLR", found.period, found.milestones, found.factor, False, built)


def _by_hand(value: Value, site: Site) -> Decay | None:
    """`rate * 0.1 ** (epoch // 30)` in any order, or with milestones summed up."""
    for power in _powers(value):
        base, exponent = power.operands
        factor = _literal(base)
        if isinstance(factor, float) and 0 < factor < 1:
            period = _divisor(exponent)
            return Decay(power.site or site, "by hand", period, (), factor)
    return None


def _powers(value: Value) -> Iterator[Arithmetic]:
    if isinstance(value, Arithmetic):
        if value.operator == "**":
            yield value
        for operand in value.operands:
            yield from _powers(operand)


def _divisor(value: Value) -> int | None:
    if isinstance(value, Arithmetic) and value.operator in ("//", "/"):
        return _whole(_literal(value.operands[1]))
    if isinstance(value, Arithmetic):
        return next((d for o in value.operands if (d := _divisor(o)) is not None), None)
    return None


def _alternatives(value: Value) -> tuple[Value, ...]:
    return value.options if isinstance(value, Choice) else (value,)


def _literal(value: Value | None) -> object:
    return value.value if isinstance(value, Constant) and not value.soft else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(number: object) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _whole_numbers(value: Value | None) -> tuple[int, ...]:
    if isinstance(value, Items) and not value.open:
        numbers = [_whole(_literal(v)) for v in value.items]
        if all(n is not None for n in numbers):
            return tuple(n for n in numbers if n is not None)
    return ()


_IMAGENET = re.compile(r"imagenet|ilsvrc", re.IGNORECASE)


def trains_imagenet(program: Program) -> bool:
    """Whether a program says that ImageNet is what it trains on."""
    return bool(_IMAGENET.search(program.module.source.text))
