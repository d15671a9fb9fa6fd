"""Numbers of rounds: how often loops go round and how long schedules are, in common terms."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

from nnlint.questions.optimisation.simulation import TYPICAL
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import BOUNDS, MADE_OF, Arithmetic, Constant, Items, Unknown, Value

Key = tuple[str, object]
Term = tuple[Key, ...]

_LARGEST = 1e12
"""What is more is no number of rounds that anyone waits for."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rounds: a sum of products of numbers that the program leaves open.

    Two counts are compared where one is a multiple of the other, whatever these numbers are.
    """

    terms: tuple[tuple[Term, float], ...]
    """The factor of each product of open numbers; of no open number at all where it is known."""
    tried: float
    """The number with a value tried for what is open: the default, where there is one."""

    @property
    def is_known(self) -> bool:
        """Whether it is a number, whatever the program leaves open."""
        return all(not term for term, _ in self.terms)

    def over(self, other: Count) -> float | None:
        """How many times another count it is; None where that depends on what is open."""
        ours, theirs = dict(self.terms), dict(other.terms)
        if not theirs or ours.keys() != theirs.keys():
            return None
        ratios = [ours[term] / theirs[term] for term in theirs]
        alike = all(math.isclose(ratio, ratios[0]) for ratio in ratios)
        return ratios[0] if alike else None

    def times(self, other: Count) -> Count:
        """The product of two counts."""
        found: dict[Term, float] = {}
        for term, factor in self.terms:
            for another, with_it in other.terms:
                both = tuple(sorted((*term, *another), key=repr))
                found[both] = found.get(both, 0.0) + factor * with_it
        return _count(found, self.tried * other.tried)

    def scaled(self, factor: float) -> Count:
        """A multiple of it."""
        return self.times(known(factor))

    def part(self, some: int, of: int) -> Count:
        """What is left of it where only some rounds of so many count."""
        # multiplied first: a whole number of rounds comes out as just that
        terms = tuple((term, factor * some / of) for term, factor in self.terms)
        return Count(terms, self.tried * some / of)


def known(number: float) -> Count:
    """A number as a count."""
    return Count((((), float(number)),), float(number))


def count_of(value: Value | None) -> Count | None:
    """A number of rounds that a program gives; None where it is no sum of products."""
    match value:
        case Constant(value=bool()):
            return None
        case Constant(value=int() | float() as number):
            # what is no number compares as false
            return _constant(value, float(number)) if abs(number) <= _LARGEST else None
        case Unknown(origin="length") if MADE_OF in value.state:
            return _open(("length", id(value.state[MADE_OF])), TYPICAL)
        case Unknown():
            return _open(("number", id(value)), TYPICAL)
        case Arithmetic(operator="int" | "float" | "round" | "ceil" | "floor", operands=[inner]):
            return count_of(inner)
        case Arithmetic(operands=[left, right]):
            found = _computed(value.operator, count_of(left), count_of(right))
            return found if found is not None and abs(found.tried) <= _LARGEST else None
        case _:
            return None


def rounds_of(loop: Block) -> Count | None:
    """How often a loop goes round; None where nothing tells it."""
    if loop.unrolled:
        return known(len(loop.children))
    until = _counted_until(loop)
    return _rounds_over(loop.subject) if until is None else known(until)


def values_of(loop: Block) -> range | None:
    """What the counter of a loop runs through, with the defaults for what is open."""
    subject, until = loop.subject, _counted_until(loop)
    if until is not None:
        return range(until)
    if isinstance(subject, Arithmetic) and subject.operator == "enumerate":
        counted = _rounds_over(subject.operands[0])
        return range(int(counted.tried)) if counted else None
    if isinstance(subject, Constant) and isinstance(subject.value, range):
        return subject.value if _is_short(subject.value) else None
    counted = _rounds_over(subject)
    return range(int(counted.tried)) if counted and _is_range(subject) else None


def _is_short(numbers: range) -> bool:
    return abs(numbers.stop - numbers.start) <= _LARGEST


def _counted_until(loop: Block) -> int | None:
    """The number of rounds of `while n < 100`, whose body counts them from 0."""
    site = loop.site
    match site.node if site else None:
        case ast.While(
            test=ast.Compare(
                left=ast.Name(id=name), ops=[ast.Lt()], comparators=[ast.Constant(value=int(until))]
            ),
            body=body,
        ):
            raised = any(ast.unparse(statement) == f"{name} += 1" for statement in body)
            starts = [
                node.value
                for node in (site.module.nodes if site else ())
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
            ]
            from_zero = all(isinstance(v, ast.Constant) and v.value == 0 for v in starts)
            return until if raised and starts and from_zero and until <= _LARGEST else None
    return None


def _is_range(subject: Value | None) -> bool:
    return isinstance(subject, Unknown) and BOUNDS in subject.state


def _rounds_over(subject: Value | None) -> Count | None:
    match subject:
        case Constant(value=range() as numbers):
            made = subject.made
            if isinstance(made, Arithmetic):
                return _between(made.operands)
            return None if subject.soft or not _is_short(numbers) else known(len(numbers))
        case Constant(value=list() | tuple() as elements):
            return None if subject.soft else known(len(elements))
        case Items() if not subject.open:
            return known(len(subject.items))
        case Unknown() if BOUNDS in subject.state:
            return _between(subject.state[BOUNDS])
        case Unknown(origin="range"):
            return None
        case Arithmetic(operator="enumerate", operands=[inner, *_]):
            return _rounds_over(inner)
        case Arithmetic() | Constant() | Items() | None:
            return None
        case _:
            return _open(("length", id(subject)), TYPICAL)


def _between(bounds: tuple[Value, ...]) -> Count | None:
    """How many numbers are between the bounds of a `range`."""
    counts = [count_of(bound) for bound in bounds]
    if len(counts) == 1:
        return counts[0]
    return _computed("-", counts[1], counts[0]) if len(counts) == 2 else None


def _constant(value: Constant, number: float) -> Count | None:
    if not value.soft:
        return known(number)
    if value.made is not None:
        return count_of(value.made)
    return None if value.site is None else _open(("default", value.site.key), number)


def _open(key: Key, tried: float) -> Count:
    return Count((((key,), 1.0),), tried)


def _count(terms: dict[Term, float], tried: float) -> Count:
    kept = {term: factor for term, factor in terms.items() if factor} or {(): 0.0}
    return Count(tuple(sorted(kept.items(), key=repr)), tried)


def _computed(operator: str, left: Count | None, right: Count | None) -> Count | None:
    if left is None or right is None:
        return None
    match operator:
        case "*":
            return left.times(right)
        case "+" | "-":
            sign = 1.0 if operator == "+" else -1.0
            terms = dict(left.terms)
            for term, factor in right.terms:
                terms[term] = terms.get(term, 0.0) + sign * factor
            return _count(terms, left.tried + sign * right.tried)
        case "/" | "//":
            return _divided(left, right, whole=operator == "//")
        case _:
            return None


def _divided(left: Count, right: Count, whole: bool) -> Count | None:
    """A quotient; where open numbers are rounded to whole ones, it is nearly this."""
    ratio = left.over(right) if right.tried else None
    if ratio is not None:
        return known(math.floor(ratio) if whole else ratio)
    if not right.is_known or not right.tried:
        return None
    return left.scaled(1 / right.tried)
