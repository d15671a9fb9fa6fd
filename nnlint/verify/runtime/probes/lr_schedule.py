"""What does the learning rate do over the length of the run?

Criterion: the scheduler itself, or the hand-written rule, is stepped over the run's
epochs. CONFIRMED when the rate falls to 1e-3 of its start before half of the run, is 0
before its end, or never changes although a decay was written; REFUTED otherwise, and
INCONCLUSIVE where the run's length is not known, with the curve over a hundred epochs.
Source: "Do not trust learning rate decay defaults", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

from typing import Any

from ..schedule import NoSchedule, step_schedule
from ..subject import Answer, Subject, confirmed, inconclusive, refuted

NAME = "lr-schedule"
LIMIT = 1.001e-3
"""One thousandth, and a little for rounding: three decays by ten count."""
NEEDS_MODEL = False


def run(subject: Subject) -> Answer:
    """Step the schedule and look at the curve."""
    plan = subject.options.schedule
    if not plan:
        return inconclusive("no schedule is known for this target")
    try:
        rates, note = step_schedule(plan)
    except NoSchedule as error:
        return inconclusive(str(error))
    about = subject.options.finding.get("name")
    unit = "steps" if plan.get("unknown") else "epochs"
    decide = _any_decay if about == "early-decay" else judge
    answer = decide(rates, note, unit)
    if plan.get("unknown"):
        text = f"{plan['unknown']}; {answer.summary}"
        return inconclusive(f"the length of the run is not known: {text}", **answer.evidence)
    if about == "scheduler-order" and not _collapses(rates):
        # where it is stepped is another fault than how far it falls
        return inconclusive(answer.summary, **answer.evidence)
    return answer


def _collapses(rates: list[float]) -> bool:
    return rates[-1] <= LIMIT * max(rates)


def _any_decay(rates: list[float], note: str, unit: str) -> Answer:
    """While one batch is overfitted, any decay is one too many."""
    start, lowest = rates[0], min(rates[rates.index(max(rates)) :])
    text = (
        f"over {len(rates)} {unit}{note} the learning rate goes from {start:g} down to {lowest:g}"
    )
    falls = lowest < 0.999 * max(rates)
    return (confirmed if falls else refuted)(text, rates=rates, note=note, unit=unit[:-1])


def judge(rates: list[float], note: str = "", unit: str = "epochs") -> Answer:
    """The verdict on a curve of learning rates, one per epoch or step."""
    evidence: dict[str, Any] = {"rates": rates, "note": note, "unit": unit[:-1]}
    start, count = max(rates[: max(1, len(rates) // 10)]), len(rates)
    early = next((i for i, r in enumerate(rates) if r <= LIMIT * start), None)
    zero = next((i for i, r in enumerate(rates[:-1]) if r <= 0 and i > 0), None)
    low_half = early is not None and early < count / 2 and max(rates[early:]) <= LIMIT * start
    over = f"over {count} {unit}{note}"
    if low_half:
        return confirmed(
            f"{over} the learning rate is under 1/1000 of its start from {unit[:-1]} {early}",
            **evidence,
        )
    if zero is not None and max(rates[zero:]) <= 0:
        return confirmed(f"{over} the learning rate is 0 from {unit[:-1]} {zero}", **evidence)
    if max(rates) - min(rates) <= 1e-12 * start:
        return confirmed(f"{over} the learning rate never changes from {start:g}", **evidence)
    return refuted(f"{over} the learning rate goes from {start:g} to {rates[-1]:g}", **evidence)
