"""Data pipelines: what happens to a sample at random, for which part of the data, and whether
something can turn it off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import parts_of, taken_by_default, words
from nnlint.semantics.splits import (
    EVAL,
    TRAIN,
    Uses,
    is_split_condition,
    role_of_condition,
    role_of_dataset,
    role_of_name,
    uses_of,
)
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    SAMPLE,
    Arithmetic,
    Built,
    Condition,
    Constant,
    External,
    Instance,
    Items,
    Site,
    Unknown,
    Value,
    choices_of,
    depends_on_draw,
    names_of,
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
_AVERAGING = re.compile(r"tta|test_?time|ensembl", re.IGNORECASE)
_STRENGTHS = ("p", "prob", "probability", "num_ops", "magnitude", "policy")


@dataclass(frozen=True, slots=True, eq=False)
class RandomTransform:
    """A random transform that a sample goes through."""

    transform: Site
    """Where the transform is built, or applied if it is a function."""
    pipeline: Site
    """Where the whole pipeline is built: a container, or the transform itself."""
    holder: Site | None
    """Where the dataset is built, if there is one."""
    role: str
    """`train`, `eval`, or empty when the program does not say."""
    switchable: bool
    """A condition, parameter or configuration value can turn it off."""
    active: bool
    """It is known to be on as long as nobody sets an option."""
    averaged: bool
    """Predictions over several passes are averaged: test-time augmentation."""
    also_plain: bool
    """The program trains on the same kind of dataset without it, too."""


def random_transforms(program: Program) -> Iterator[RandomTransform]:
    """Every random transform of a program: of its datasets, and in its loops."""
    uses = uses_of(program)
    plain = _plain_training(program, uses)
    for event, blocks in program.walk():
        holder = event.subject
        if event.kind == "build" and isinstance(holder, Built | Instance | Unknown):
            block = holder.state.get(SAMPLE)
            if isinstance(block, Block):
                yield from _of_dataset(event, holder, block, uses, _class_of(holder) in plain)
        elif event.kind == "transform" and isinstance(holder, Built):
            yield from _of_loop(event, holder, blocks)


def _of_dataset(
    event: Event, holder: Built | Instance | Unknown, block: Block, uses: Uses, also_plain: bool
) -> Iterator[RandomTransform]:
    applied = [(e, b) for e, b in block.walk() if e.kind == "transform"]
    random = [(e, b) for e, b in applied if is_random(e)]
    if not random or makes_views(random):
        return
    told = role_of_dataset(holder, uses)
    everywhere = _on_both_sides(random)
    alone = next((e for e, b in random if not _containers(b)), random[0][0])
    averaged = id(holder) in uses.tta or any(_AVERAGING.search(n) for n in names_of(holder))
    for used, blocks in random:
        transform = used.subject
        if not isinstance(transform, Built):
            continue
        parts: tuple[Built | Instance, ...] = (transform, *_containers(blocks))
        conditions = [c for part in parts for c in (*part.conditions, *choices_of(part))]
        conditions += used.conditions
        role = _role(conditions, told, parts)
        shared = {_key(c) for c in event.conditions}
        switches = [
            c
            for c in conditions
            if c.site.key not in everywhere and _is_switch(c, _key(c) in shared)
        ]
        yield RandomTransform(
            _site(_named(parts), used),
            _site(parts[-1], used) if len(parts) > 1 or transform.entry.builds else alone.site,
            event.site,
            role,
            bool(switches) or any(map(_has_switch, parts)),
            all(taken_by_default(c) for c in switches),
            averaged,
            also_plain,
        )


def _plain_training(program: Program, uses: Uses) -> set[object]:
    """The classes of the datasets that a loop trains on with no random transform."""
    found: set[object] = set()
    for event in program.events("build"):
        holder = event.subject
        if not isinstance(holder, Built | Instance) or TRAIN not in uses.roles.get(id(holder), ()):
            continue
        block = holder.state.get(SAMPLE)
        applied = block.events("transform") if isinstance(block, Block) else []
        if applied and not any(map(is_random, applied)):
            found.add(_class_of(holder))
    return found


def _class_of(dataset: Built | Instance | Unknown) -> object:
    if isinstance(dataset, Built):
        return dataset.entry.name
    return dataset.cls.node if isinstance(dataset, Instance) else None


def _of_loop(
    event: Event, transform: Built, blocks: tuple[Block, ...]
) -> Iterator[RandomTransform]:
    """A transform that the program applies to batches itself."""
    if not is_random(event):
        return
    role = _role_of_place(event, blocks)
    if not role:
        return
    if makes_views([(e, b) for e, b in blocks[0].walk() if e.kind == "transform" and is_random(e)]):
        return
    parts: tuple[Built | Instance, ...] = (transform, *_containers(blocks))
    conditions = [*event.conditions, *(c for part in parts for c in choices_of(part))]
    switches = [c for c in conditions if _is_switch(c, False)]
    yield RandomTransform(
        _site(_named(parts), event),
        _site(parts[-1], event),
        None,
        role,
        bool(switches) or any(map(_has_switch, parts)),
        all(taken_by_default(c) for c in switches),
        any(_AVERAGING.search(b.name) for b in blocks),
        False,
    )


def _role_of_place(event: Event, blocks: tuple[Block, ...]) -> str:
    """The role of a transform by the method or loop it is applied in."""
    for condition in reversed(event.conditions):
        if role := role_of_condition(condition):
            return role
    for block in reversed(blocks):
        if block.kind == "loop":
            if block.events("backward", "step"):
                return TRAIN
            if any(not e.grad for e in block.events("forward")):
                return EVAL
        if block.kind in ("call", "entry") and (role := role_of_name(block.name)):
            return role
    return ""


def _containers(blocks: Sequence[Block]) -> tuple[Built | Instance, ...]:
    """The containers that a transform stands in, innermost first."""
    found = [b.subject for b in blocks if b.kind == "pipeline"]
    return tuple(c for c in reversed(found) if isinstance(c, Built | Instance))


def _site(part: Built | Instance, fallback: Event) -> Site:
    return part.site or fallback.site


def _named(parts: Sequence[Built | Instance]) -> Built | Instance:
    """What to call a transform by: its own class, or the project's class around a function."""
    own = parts[0]
    if len(parts) > 1 and isinstance(own, Built) and not own.entry.builds:
        return parts[1] if isinstance(parts[1], Instance) else own
    return own


def _role(conditions: Sequence[Condition], told: str, parts: Sequence[Built | Instance]) -> str:
    for condition in conditions:
        if role := role_of_condition(condition):
            return role
    if told:
        return told
    names = (name for part in parts for name in names_of(part))
    return next((role for name in names if (role := role_of_name(name))), "")


def is_random(event: Event) -> bool:
    """Whether a transform does something else from one sample to the next."""
    transform = event.subject
    if not isinstance(transform, Built):
        return False
    if not transform.entry.builds:
        drawn = any(depends_on_draw(c.test) for c in event.conditions)
        return drawn or any(depends_on_draw(v) for v in event.operands)
    return is_random_transform(transform)


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
    strengths = [(n, arguments.get(n)) for n in entry.options.get("strengths", ())]
    if strengths and all(_is_nothing(v) or _is_point(n, v) for n, v in strengths):
        return False
    ranges = [(n, arguments.get(n)) for n in entry.options.get("ranges", ())]
    return not (ranges and all(_is_point(n, v) for n, v in ranges))


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


def makes_views(random: Sequence[tuple[Event, tuple[Block, ...]]]) -> bool:
    """Whether one sample is transformed at random more than once: the views are the task."""
    firsts: list[tuple[Value, tuple[Block, ...]]] = []
    for event, blocks in random:
        if not event.operands or any(b.subject is event.subject for b in blocks):
            continue
        given = event.operands[0]
        for other, other_blocks in firsts:
            if given is other and not _exclusive(blocks, other_blocks):
                return True
        firsts.append((given, blocks))
    return False


def _exclusive(left: Sequence[Block], right: Sequence[Block]) -> bool:
    """Whether two places are in different arms of one branch."""
    for a, b in zip(left, right, strict=False):
        if a is not b:
            return a.kind == b.kind == "arm"
    return False


def _on_both_sides(random: Sequence[tuple[Event, tuple[Block, ...]]]) -> set[object]:
    """The tests that decide between transforms that are random either way."""
    taken: dict[object, set[bool]] = {}
    for event, blocks in random:
        parts = [
            p for p in (event.subject, *_containers(blocks)) if isinstance(p, Built | Instance)
        ]
        for condition in (*event.conditions, *(c for p in parts for c in p.conditions)):
            if not depends_on_draw(condition.test):
                taken.setdefault(condition.site.key, set()).add(condition.taken)
    return {key for key, sides in taken.items() if len(sides) == 2}


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
    if _is_presence(condition) or is_split_condition(condition):
        return False
    if condition.test is None:
        return condition.soft
    named = list(words(condition))
    if any(_AUGMENTS.search(w) for w in named):
        return True
    if shared or any(_WHICH_DATA.search(w) for w in named):
        return False
    return bool(named) and _reads_option(condition.test)


def _reads_option(value: Value | None, depth: int = 6) -> bool:
    """Whether a test looks at something that a person can set, not only at the sample."""
    if depth == 0 or value is None:
        return False
    match value:
        case Constant():
            return value.soft or value.site is not None
        case Unknown():
            inner = value.state.get("test")
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


def _has_chance(test: Value | None) -> bool:
    """Whether an option goes into a comparison with a random number."""
    inner = test.state.get("test") if isinstance(test, Unknown) else None
    operands = inner.operands if isinstance(inner, Arithmetic) else ()
    return any(
        (isinstance(v, Constant) and v.soft)
        or (isinstance(v, Unknown) and not depends_on_draw(v) and v.origin != "test")
        for v in operands
    )


def _has_switch(transform: Built | Instance) -> bool:
    """Whether an option decides how often or how strongly a transform acts."""
    if isinstance(transform, Instance):
        return False
    entry = transform.entry
    names = {*_STRENGTHS, *entry.options.get("strengths", ())}
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


def transform_name(found: RandomTransform) -> str:
    """The name by which the program calls a transform."""
    return found.transform.text.partition("(")[0]


_ADVERSARY = re.compile(r"discriminator|generator|critic|gan$|gan[A-Z_]", re.IGNORECASE)


def trains_adversarially(program: Program) -> bool:
    """Whether a program trains a generator against a discriminator."""
    return any(
        isinstance(e.subject, Instance) and _ADVERSARY.search(e.subject.cls.node.name)
        for e in program.events("build", "forward")
    )
