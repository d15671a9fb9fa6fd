"""How often a run steps a scheduler: in which rounds of its loops, and how often in each."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.optimisation.counts import Count, known, rounds_of, values_of
from nnlint.questions.optimisation.simulation import Clock, holds, number_at
from nnlint.questions.participants import builds_of
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    TEST,
    Arithmetic,
    Choice,
    Condition,
    Constant,
    Unknown,
    Value,
)

_CONFIGURES = frozenset({"parameter", "attribute", "option", "config", "setting"})
"""Where values come from that stay what they are for a whole run."""
_MOST_ROUNDS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    """How a run advances one scheduler."""

    step: Event
    loops: tuple[Block, ...]
    """The loops around the step that the scheduler is not built in, outermost first."""
    rounds: Count
    """How often the outermost one goes round."""
    taken: tuple[bool, ...]
    """For each of its rounds whether the scheduler is stepped in it."""
    per_round: Count
    """How often it is stepped in such a round."""

    @property
    def steps(self) -> Count:
        """How often the run steps it."""
        return self.rounds.part(sum(self.taken), len(self.taken)).times(self.per_round)

    @property
    def all_rounds(self) -> Count:
        """How often it would be stepped if no condition kept it from it."""
        total = self.rounds
        for loop in self.loops[1:]:
            total = total.times(rounds_of(loop) or known(1))
        return total

    @property
    def share(self) -> float | None:
        """The part of all rounds in which it is stepped."""
        return self.steps.over(self.all_rounds)

    @property
    def unit(self) -> str:
        """What a round of the outermost loop is called."""
        return "step" if goes_over_data(self.loops[0]) else "epoch"

    def steps_before(self) -> Iterator[int]:
        """How often the scheduler has been stepped at the start of each round."""
        done, each = 0.0, self.per_round.tried
        for taken in self.taken:
            yield round(done)
            done += each if taken else 0.0


def advance_of(program: Program, step: Event, blocks: Sequence[Block]) -> Advance | None:
    """How a run advances the scheduler of a step; None where that is not known.

    Parameters:
        blocks: the blocks that the step stands in.
    """
    builds = builds_of(program, step.subject)
    inside = _blocks_of(program, builds)
    loops = tuple(b for b in blocks if b.kind == "loop" and id(b) not in inside)
    if not loops or len(loops) > 2 or not all(loop.known for loop in loops):
        return None
    apart = any(b.kind == "entry" for b in blocks if id(b) not in inside)
    if apart and goes_over_data(loops[0]):
        # who calls it goes through the epochs
        return None
    rounds = [rounds_of(loop) for loop in loops]
    known_before = {c.site.key for build in builds for c in build.conditions}
    asked = [c for c in step.conditions if c.site.key not in known_before]
    each = [_taken_in(loop, asked, loop is loops[-1]) for loop in loops]
    if any(not _is_settled(c, loops) for c in asked) or rounds[0] is None:
        return None
    if each[0] is None or not any(each[0]):
        return None
    per_round = known(1.0)
    if len(loops) > 1:
        inner, taken = rounds[1], each[1]
        if inner is None or taken is None or not _is_spread_evenly(taken):
            return None
        per_round = inner.part(sum(taken), len(taken))
    return Advance(step, loops, rounds[0], tuple(each[0]), per_round)


def _blocks_of(program: Program, builds: Sequence[Event]) -> set[int]:
    wanted = {id(build) for build in builds}
    return {id(b) for event, blocks in program.walk() if id(event) in wanted for b in blocks}


def counters_in(value: Value | None, depth: int = 8) -> Iterator[Unknown]:
    """The counters of loops that go into a value."""
    match value:
        case Unknown(origin="loop"):
            yield value
        case Unknown() if TEST in value.state and depth:
            yield from counters_in(value.state[TEST], depth - 1)
        case Arithmetic() if depth:
            for operand in value.operands:
                yield from counters_in(operand, depth - 1)


def _counts(loop: Block, counter: Unknown) -> bool:
    """Whether a value is the counter of a loop."""
    node = loop.site.node if loop.site else None
    target = node.target if isinstance(node, ast.For | ast.AsyncFor) else None
    subject = loop.subject
    if isinstance(subject, Arithmetic) and subject.operator == "enumerate":
        return counter.name == "index"
    return isinstance(target, ast.Name) and counter.name == target.id


def _is_settled(condition: Condition, loops: Sequence[Block]) -> bool:
    """Whether a condition is answered by the counter of one of the loops, or by the configuration
    of the run."""
    counters = {id(c): c for c in counters_in(condition.test)}
    if not counters and _runs_along(condition, loops[-1]):
        return True
    if counters:
        (counter, *others) = counters.values()
        return not others and sum(_counts(loop, counter) for loop in loops) == 1
    return _is_configured(condition.test)


def _runs_along(condition: Condition, loop: Block) -> bool:
    """Whether a condition asks for a number that each round of a loop raises by one."""
    node = loop.site.node if loop.site else None
    counted = {
        statement.target.id
        for statement in getattr(node, "body", ())
        if isinstance(statement, ast.AugAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(statement.op, ast.Add)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value == 1
    }
    return not counted.isdisjoint(words(condition.site.node))


def _is_configured(value: Value | None, depth: int = 8) -> bool:
    match value:
        case Constant():
            return not value.carried
        case Unknown() if TEST in value.state and depth:
            return _is_configured(value.state[TEST], depth - 1)
        case Unknown():
            return value.origin in _CONFIGURES
        case Arithmetic() if depth:
            return all(_is_configured(operand, depth - 1) for operand in value.operands)
        case Choice():
            return False
    return False


def _taken_in(loop: Block, conditions: Sequence[Condition], innermost: bool) -> list[bool] | None:
    """For each round of a loop whether the conditions on its counter hold."""
    asked = [(c, [n for n in counters_in(c.test) if _counts(loop, n)]) for c in conditions]
    own = [(c, counters[0]) for c, counters in asked if counters]
    running = [c for c in conditions if innermost and _runs_along(c, loop)]
    values = values_of(loop)
    if values is None:
        counted = rounds_of(loop)
        if own or counted is None:
            return None
        values = range(int(min(counted.tried, _MOST_ROUNDS)))
    if not values or len(values) > _MOST_ROUNDS:
        return None
    if not own and not running:
        return [True] * len(values)
    found: list[bool] = []
    for value in values:
        answers = [holds(c, Clock(value, counter=counter)) for c, counter in own]
        answers += [_holds_at(c, value) for c in running]
        if None in answers:
            return None
        found.append(all(answers))
    return found


def _holds_at(condition: Condition, count: int) -> bool | None:
    """Whether a condition holds when what it asks for has been raised so often."""
    found = number_at(condition.test, Clock(count, guess=True))
    return None if found is None or found.free else bool(found.value) is condition.taken


def _is_spread_evenly(taken: list[bool]) -> bool:
    """Whether something happens in the same part of the rounds, however many there are."""
    half = taken[: len(taken) // 2]
    if not half or not any(taken):
        return False
    return abs(sum(half) / len(half) - sum(taken) / len(taken)) < _SLACK


_SLACK = 0.021
"""How far parts of rounds may be apart for the last rounds that are no whole group."""
