"""Whether the transforms of a pipeline stand in an order in which each gets what it takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.library import Entry
from nnlint.semantics.timeline import Block, way_of_sample
from nnlint.semantics.values import (
    BoundMethod,
    Built,
    Constant,
    Function,
    Items,
    Site,
    Value,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.walking import walk

PIL, TENSOR, ARRAY = "pil", "tensor", "array"


@dataclass(frozen=True, slots=True, eq=False)
class Misplaced:
    """A transform that gets something else than it takes."""

    kind: str
    """`early`: the conversion it needs comes later; `late`: what it takes is gone by then;
    `twice`: it converts what is converted; `unscaled`: it counts on values from 0 to 1."""
    transform: Built
    other: Built
    """The conversion that it conflicts with."""
    container: Built


def misplaced_transforms(program: Program) -> Iterator[Misplaced]:
    """Transforms of the program's pipelines that stand in the wrong place, one for a pipeline."""
    seen: set[int] = set()
    for container in _containers(program):
        if id(container) not in seen:
            seen.add(id(container))
            yield from _in_container(container)


def _containers(program: Program) -> Iterator[Built]:
    timelines = [program.timeline]
    for event in program.events("build"):
        block = way_of_sample(event.subject)
        if block is not None:
            timelines.append(block)
    for timeline in timelines:
        yield from _pipelines(timeline)
    for built in program.builds:
        # what is built for another module is applied there
        if built.entry.kind == "transform" and built.entry.family == "compose":
            yield built


def _pipelines(block: Block) -> Iterator[Built]:
    if block.kind == "pipeline" and isinstance(block.subject, Built):
        yield block.subject
    for child in block.children:
        if isinstance(child, Block):
            yield from _pipelines(child)


def _in_container(container: Built) -> Iterator[Misplaced]:
    if container.entry.family not in ("compose", "sequential"):
        return
    state, maker = "", None
    waiting: Built | None = None
    unscaled: Built | None = None
    for member in container.members:
        applied = _function_in(member)
        asked = _asked_of_sample(applied) if applied is not None else ""
        if applied is not None and asked and not isinstance(member, Built):
            member = _as_step(applied, container)
        if not isinstance(member, Built) or member.entry.kind != "transform":
            # what a function or a class of the project makes of a sample is not known
            state, maker, waiting, unscaled = "", None, None, None
            continue
        takes, gives = (str(member.entry.options.get(k, "")) for k in ("takes", "gives"))
        if applied is not None:
            takes, gives = asked, ""
        if state == TENSOR and takes in (PIL, ARRAY) and maker is not None:
            same = member.entry.family == maker.entry.family
            yield Misplaced("twice" if same else "late", member, maker, container)
            return
        if waiting is not None and takes in (PIL, ARRAY):
            yield Misplaced("early", waiting, member, container)
            return
        if takes == TENSOR and not state and waiting is None and (gives == TENSOR or applied):
            waiting = member
        if unscaled is not None and _counts_on_unit_range(member):
            yield Misplaced("unscaled", member, unscaled, container)
            return
        unscaled = _unscaled(member, state, unscaled)
        if gives and not (takes == gives == TENSOR and not state):
            state = gives
            # a transform of tensors that gives tensors makes none
            maker, waiting = (maker or member) if takes == gives else member, None


def _function_in(member: Value) -> Function | None:
    """The function of the project that is a step, or that a step applies."""
    if isinstance(member, Built) and member.entry.family == "lambda":
        member = next(iter(member.arguments.values()), member)
    if isinstance(member, BoundMethod):
        return member.function
    return member if isinstance(member, Function) else None


def _as_step(function: Function, container: Built) -> Built:
    """A function as a step of a pipeline."""
    module, node = container.site.module, container.site.node
    named = (n for n in walk(node) if n is function.node or last_name(n) == function.name)
    place = next(named, None)
    site = container.site if place is None else Site(module, place)
    return Built(_FUNCTION, {}, frozenset(), site)


_FUNCTION = Entry("function", kind="transform", family="lambda")
_OF_IMAGES = frozenset(
    "convert crop rotate filter thumbnail paste point getpixel putpixel getbbox quantize".split()
)
"""Methods that images of PIL have, and neither tensors nor arrays."""
_OF_TENSORS = frozenset(
    "unsqueeze expand permute float clamp cuda mul div sub add to clone numel contiguous".split()
)
"""Methods that tensors have, and neither images nor arrays."""


def _asked_of_sample(function: Function) -> str:
    """What a function takes its sample to be, by the methods that it calls on it."""
    node = function.node
    names = {n.id for n in walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    given = next((a.arg for a in node.args.args if a.arg not in ("self", "cls")), "")
    if not given or given in names or "isinstance" in function.scope.module.words(node).names:
        return ""
    called = {
        n.func.attr
        for n in walk(node)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and isinstance(n.func.value, ast.Name)
        and n.func.value.id == given
    }
    if not called.isdisjoint(_OF_IMAGES):
        return PIL
    return "" if called.isdisjoint(_OF_TENSORS) else TENSOR


def _unscaled(member: Built, state: str, before: Built | None) -> Built | None:
    """The cast that leaves the values of an image as they are, from 0 to 255."""
    if member.entry.family != "cast":
        return before
    scale = member.arguments.get("scale")
    is_image = state == TENSOR
    leaves = isinstance(scale, Constant) and scale.value is False
    return member if is_image and leaves else None


def _counts_on_unit_range(member: Built) -> bool:
    """Whether a normalisation subtracts means between 0 and 1."""
    if member.entry.family != "normalize":
        return False
    numbers = list(_numbers(member.arguments.get("mean")))
    return bool(numbers) and all(0 < n < 1 for n in numbers)


def _numbers(value: Value | None) -> Iterator[float]:
    parts = value.items if isinstance(value, Items) else (value,)
    for part in parts:
        number = part.value if isinstance(part, Constant) else None
        for n in number if isinstance(number, tuple | list) else (number,):
            if isinstance(n, int | float):
                yield float(n)
