"""Whether something can keep augmentation away and leave the data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from nnlint.questions.data.splits import is_split_condition
from nnlint.semantics.conditions import parts_of, words
from nnlint.semantics.draws import depends_on_draw
from nnlint.semantics.values import (
    MADE_OF,
    TEST,
    Arithmetic,
    Built,
    Condition,
    Constant,
    External,
    Instance,
    Items,
    Unknown,
    Value,
)

_AUGMENTS = re.compile(
    r"aug|transf|flip|crop|jitter|mixup|cutmix|cutout|erase|regulari|strong|weak|plain|simple"
    r"|debug|overfit|sanity|noise|rotat",
    re.IGNORECASE,
)
_WHICH_DATA = re.compile(
    r"dataset|data_?set|data_?name|^data$|task|arch|model|^net|backbone|download|world|rank|distrib|worker"
    r"|device|cuda|gpu|cache|exists|path|root|dir$|file",
    re.IGNORECASE,
)
_STRENGTHS = ("p", "prob", "probability", "num_ops", "magnitude", "policy")


def switches_among(
    conditions: Sequence[Condition], around: Sequence[Condition], everywhere: set[object]
) -> list[Condition]:
    """The branches that can keep augmentation away.

    Parameters:
        around: branches that the dataset itself stands in: it goes with the transform.
        everywhere: tests that decide between transforms that are random either way.
    """
    shared = {_key(c) for c in around}
    return [
        c for c in conditions if c.site.key not in everywhere and _is_switch(c, _key(c) in shared)
    ]


def decide_nothing(paths: Iterable[Sequence[Condition]]) -> set[object]:
    """The tests of which both branches lead to a random transform."""
    taken: dict[object, set[bool]] = {}
    for path in paths:
        for condition in path:
            if not depends_on_draw(condition.test):
                taken.setdefault(condition.site.key, set()).add(condition.taken)
    return {key for key, sides in taken.items() if len(sides) == 2}


def tells_apart(conditions: Iterable[Condition], holder: Value, others: Iterable[Value]) -> bool:
    """Whether a branch asks about what a data set is given, of which nothing is known and of which
    another data set of its class is given something else: it may tell the two apart."""
    if not isinstance(holder, Instance):
        return False
    given = {name: v for name, v in holder.named.items() if isinstance(v, Unknown)}
    alike = [o for o in others if isinstance(o, Instance) and o.cls is holder.cls]
    own = {
        id(value)
        for name, value in given.items()
        if any(other.named.get(name) not in (None, value) for other in alike)
    }
    return bool(own) and any(id(v) in own for c in conditions for v in _asked(c.test))


def _asked(value: Value | None, depth: int = 6) -> Iterator[Value]:
    """What a test looks at, down to what its operands are made of."""
    if value is None or depth == 0:
        return
    yield value
    if isinstance(value, Arithmetic):
        for operand in value.operands:
            yield from _asked(operand, depth - 1)
    elif isinstance(value, Unknown):
        for inner in (value.state.get(TEST), value.state.get(MADE_OF)):
            yield from _asked(inner if isinstance(inner, Value) else None, depth - 1)


def _key(condition: Condition) -> tuple[object, bool]:
    return condition.site.key, condition.taken


def _is_switch(condition: Condition, shared: bool) -> bool:
    """Whether a branch can keep augmentation away and leave the data.

    Parameters:
        shared: the dataset itself stands in the branch, so that it goes with the transform.
    """
    if isinstance(condition.site.node, ast.BoolOp):
        return any(_is_switch(part, shared) for part in parts_of(condition))
    if depends_on_draw(condition.test):
        return _has_chance(condition.test)
    if _is_default(condition):
        # whatever the default is called, who calls may give something else
        return True
    if _asks_settings(condition.test):
        return True
    if _is_presence(condition) or is_split_condition(condition):
        return False
    if condition.test is None:
        return condition.soft
    named = list(words(condition.site.node))
    if any(_AUGMENTS.search(w) for w in named):
        return True
    if shared or any(_WHICH_DATA.search(w) for w in named):
        return False
    return bool(named) and _reads_option(condition.test)


def _is_default(condition: Condition) -> bool:
    """Whether it is no branch, but the default of a parameter that a caller can set."""
    return condition.test is None and condition.soft and isinstance(condition.site.node, ast.Name)


def _reads_option(value: Value | None, depth: int = 6) -> bool:
    """Whether a test looks at something that a person can set, not only at the sample."""
    if depth == 0 or value is None:
        return False
    match value:
        case Constant():
            return value.soft or value.site is not None
        case Unknown():
            inner = value.state.get(TEST)
            if isinstance(inner, Arithmetic):
                return any(_reads_option(v, depth - 1) for v in inner.operands[:1])
            return value.origin in ("parameter", "option", "attribute", "import", "")
        case Arithmetic():
            return any(_reads_option(v, depth - 1) for v in value.operands)
        case External():
            return True
        case _:
            return False


def _is_presence(condition: Condition) -> bool:
    """Whether a test only asks if an object, known to be there, is there."""
    test = condition.test
    if condition.soft or test is None:
        return False
    return not (isinstance(test, Constant) and test.site is not None)


def _asks_settings(test: Value | None) -> bool:
    """Whether a test looks at what settings may hold or not: `settings.pop("p", None) is not None`."""
    inner = test.state.get(TEST) if isinstance(test, Unknown) else test
    asked = inner.operands if isinstance(inner, Arithmetic) else (inner,)
    return any(
        isinstance(value, Unknown) and value.name.rpartition(".")[2] in ("pop", "get")
        for value in asked
    )


def _has_chance(test: Value | None) -> bool:
    """Whether an option goes into a comparison with a random number."""
    inner = test.state.get(TEST) if isinstance(test, Unknown) else None
    operands = inner.operands if isinstance(inner, Arithmetic) else ()
    return any(
        (isinstance(v, Constant) and v.soft)
        or (isinstance(v, Unknown) and not depends_on_draw(v) and v.origin != "test")
        for v in operands
    )


def has_switch(transform: Built | Instance) -> bool:
    """Whether an option decides how often or how strongly a transform acts."""
    if isinstance(transform, Instance):
        return False
    entry = transform.entry
    names = {*_STRENGTHS}
    for told in ("strengths", "ranges", "switches"):
        names.update(entry.options.get(told, ()))
    if not entry.options.get("training_parameter"):
        names |= {entry.random_unless, "**"}
    return any(_is_option(v) for n, v in transform.arguments.items() if n in names)


def _is_option(value: Value) -> bool:
    if isinstance(value, Items):
        return any(_is_option(v) for v in value.items)
    if isinstance(value, Arithmetic):
        return any(_is_option(v) for v in value.operands)
    return (isinstance(value, Unknown) and value.origin != "draw") or (
        isinstance(value, Constant) and value.soft
    )
