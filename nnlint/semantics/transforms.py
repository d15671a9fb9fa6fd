"""What chance has to do with a transform: whether it acts, and whether it acts at random."""

from __future__ import annotations

from nnlint.semantics.values import LEFT_OFF, Built, Constant, Items, Maybe, Value


def left_off(value: Value | None) -> tuple[Maybe, ...]:
    """The transforms that an option would add to a list or pipeline."""
    found: tuple[Maybe, ...] = (
        value.state.get(LEFT_OFF, ()) if isinstance(value, Items | Built) else ()
    )
    return found


def never_acts(transform: Built) -> bool:
    """Whether a transform leaves every sample as it is: its probability or strength is zero."""
    return _is_nothing(_argument(transform, transform.entry.random_unless))


def is_random_transform(transform: Built) -> bool:
    """Whether a transform object is random with the parameters it is built with."""
    entry, arguments = transform.entry, transform.arguments
    if entry.kind != "transform" or not entry.random:
        return False
    chance = _argument(transform, entry.random_unless)
    if isinstance(chance, Constant):
        if not chance.value:
            return False
        if entry.options.get("coin") and chance.value in (1, 1.0):
            return False
    if isinstance(chance, Items) and _is_point(entry.random_unless, chance):
        return False
    if entry.options.get("container") and entry.family == "choice" and _is_one(transform):
        return chance is not None and not (
            isinstance(chance, Constant) and chance.value in (1, 1.0)
        )
    among = [arguments.get(n) for n in entry.options.get("among", ())]
    if among and all(map(_is_one_of_one, among)):
        return False
    strengths = [(n, arguments.get(n)) for n in entry.options.get("strengths", ())]
    if strengths and all(_is_nothing(v) or _is_point(n, v) for n, v in strengths):
        return False
    ranges = [(n, arguments.get(n)) for n in entry.options.get("ranges", ())]
    return not (ranges and all(_is_point(n, v) for n, v in ranges))


def is_random_by_option(transform: Built) -> bool:
    """Whether a transform is random once an option is set: its probability may be one, whose
    default is zero."""
    chance = _argument(transform, transform.entry.random_unless)
    by_option = isinstance(chance, Constant) and chance.soft and transform.entry.random
    return by_option or is_random_transform(transform)


def _is_one(container: Built) -> bool:
    """Whether a container that chooses among its members has one at most."""
    members = container.members
    return (
        len(members) < 2
        and not container.state.get("open")
        and not any(isinstance(member, Maybe) for member in members)
    )


def _is_one_of_one(value: Value | None) -> bool:
    """Whether a size to choose is one number, or a list of one."""
    if isinstance(value, Items):
        return len(value.items) == 1 and not value.open
    if not isinstance(value, Constant):
        return False
    return isinstance(value.value, int) or (
        isinstance(value.value, list | tuple) and len(value.value) == 1
    )


def _argument(transform: Built, name: str) -> Value | None:
    """An argument, or the library's default behind a `**mapping` that may hold it."""
    parameter = transform.entry.parameter(name)
    if name in transform.arguments or parameter is None:
        return transform.arguments.get(name)
    return Constant(parameter.default)


def _is_nothing(value: Value | None) -> bool:
    return isinstance(value, Constant) and not value.value


def _is_point(name: str, value: Value | None) -> bool:
    """Whether a range goes from a number to itself."""
    if isinstance(value, Items):
        numbers = [v.value for v in value.items if isinstance(v, Constant)]
        known = len(numbers) == len(value.items)
        # a translation is a pair of distances, not a range
        return known and (set(numbers) == {0} or (name != "translate" and len(set(numbers)) == 1))
    if not isinstance(value, Constant):
        return False
    if isinstance(value.value, tuple):
        return name != "translate" and len(set(value.value)) == 1
    return name == "sigma" and isinstance(value.value, int | float)
