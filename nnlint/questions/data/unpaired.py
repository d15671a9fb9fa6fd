"""Whether an image and what lies over it go through separate random transforms."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnlint.questions.data.left_behind import left_behind
from nnlint.questions.data.partners import (
    is_restored_from,
    is_spatial_target,
    name_of,
)
from nnlint.questions.data.pipelines import trains_adversarially
from nnlint.questions.data.randomness import drawings_of, random_events
from nnlint.questions.data.repeating import Walk
from nnlint.questions.data.splits import words_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import RESTORES
from nnlint.semantics.timeline import Block, Event, exclusive, innermost_loop, way_of_sample
from nnlint.semantics.transforms import is_random_transform
from nnlint.semantics.values import (
    ARGUMENTS,
    MADE,
    SAMPLED,
    TAKEN_AT,
    TAKEN_FROM,
    Built,
    Instance,
    Maybe,
    Operation,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_MOVES_PIXELS = frozenset({"flip", "rotate", "crop", "affine"})
"""Families of transforms that put a pixel somewhere else."""
_OTHER_DOMAIN = frozenset({"source", "src", "real", "style"})
"""Words for images of which a target domain has others: they do not belong together."""
_BY_NAME = ("image", "img", "input", "inputs", "inpt", "m")


@dataclass(frozen=True, slots=True, eq=False)
class Unpaired:
    """An image and its target, each with random transforms of its own."""

    image: Site
    target: Site | None
    """Where the target is moved; None where it is not."""
    names: tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A random transform that moves pixels, applied to one part of a sample."""

    event: Event
    blocks: tuple[Block, ...]
    call: Site
    """Where the program applies it, or the pipeline that it is in."""
    root: Value
    """What goes through it, before anything was made of it."""
    name: str
    words: frozenset[str]
    """Those of what goes through it, and of where that comes from."""

    @property
    def is_target(self) -> bool:
        """Whether it is done to what lies over an image."""
        return is_spatial_target(self.name)


def unpaired_transforms(program: Program) -> Iterator[Unpaired]:
    """Images and their masks, boxes or the like that are moved by separate draws."""
    if trains_adversarially(program):
        # two domains, of which no two images belong together
        return
    for event in program.events("build"):
        holder = event.subject
        if isinstance(holder, Built) and holder.entry.family == "segmentation":
            yield from _of_two_pipelines(holder)
        block = way_of_sample(holder)
        if block is not None:
            walked = list(block.walk())
            yield from _in_walk(walked)
            yield from _of_image_alone(walked, holder)
    for walk_of_loop in _loops(program):
        yield from _in_walk(walk_of_loop)


def _loops(program: Program) -> Iterator[Walk]:
    """What happens in each loop that transforms batches."""
    loops: dict[int, list[tuple[Event, tuple[Block, ...]]]] = {}
    for event, blocks in program.walk():
        loop = innermost_loop(blocks, "transform") if event.kind != "build" else None
        if loop is not None:
            loops.setdefault(id(loop), []).append((event, blocks))
    yield from loops.values()


def _of_two_pipelines(dataset: Built) -> Iterator[Unpaired]:
    """A library's data set whose images and masks each have a pipeline."""
    moves = [
        next(_moving(dataset.arguments.get(name)), None)
        for name in ("transform", "target_transform")
    ]
    image, target = moves
    if image is not None and target is not None:
        yield Unpaired(image.site, target.site, ("the image", "the mask"))


def _moving(value: Value | None) -> Iterator[Built]:
    """The random transforms of a pipeline that move pixels."""
    if isinstance(value, Maybe):
        value = value.value
    if isinstance(value, Built):
        if value.entry.family in _MOVES_PIXELS and is_random_transform(value):
            yield value
        for member in value.members:
            yield from _moving(member)


def _in_walk(walked: Walk) -> Iterator[Unpaired]:
    moves = list(_moves(walked))
    if len(moves) < _PAIR or _sets_state(walked, moves):
        return
    targets = [m for m in moves if m.is_target or any(_restores(m, other) for other in moves)]
    images = [m for m in moves if m not in targets]
    told: set[object] = set()
    for target in _alone(targets, images):
        image = next(
            (
                i
                for i in _alone(images, targets)
                if i.root is not target.root
                and not exclusive(i.blocks, target.blocks)
                and _OTHER_DOMAIN.isdisjoint(i.words)
            ),
            None,
        )
        if image is not None and target.call.key not in told:
            told.add(target.call.key)
            names = image.name, target.name
            if image.call.key == target.call.key and image.event.callers and target.event.callers:
                # a function of the program moves both, one after the other
                yield Unpaired(image.event.callers[-1], target.event.callers[-1], names)
            else:
                yield Unpaired(image.call, target.call, names)


def _of_image_alone(walked: Walk, dataset: Value | None) -> Iterator[Unpaired]:
    """An image that is moved, where its mask is handed back as it was stored."""
    moves = list(_moves(walked))
    state = dataset.state if isinstance(dataset, Instance) else {}
    roots = {id(move.root) for move in moves}
    if len(roots) != 1 or moves[0].is_target or _sets_state(walked, moves):
        return
    name = left_behind(state.get(SAMPLED), moves[0].root)
    if name:
        yield Unpaired(moves[0].call, None, (moves[0].name, name))


_PAIR = 2


def _restores(move: _Move, other: _Move) -> bool:
    """Whether one is the better picture of what another one is."""
    return move.event.site is not other.event.site and is_restored_from(move.name, other.name)


def _moves(walked: Walk) -> Iterator[_Move]:
    for event, blocks in random_events(walked):
        transform = event.subject
        if not isinstance(transform, Built) or transform.entry.family not in _MOVES_PIXELS:
            continue
        call = next((b.site for b in blocks if b.kind == "pipeline" and b.site), event.site)
        given = _given(call)
        if given is None or not event.operands:
            continue
        root = _root(event.operands[0])
        nodes = [given, *_only_argument(event), *(s.node for s in _sites(root))]
        named = [n for node in nodes for n in _names(node)]
        words = frozenset(word for name in named for word in words_of(name))
        yield _Move(event, blocks, call, root, _name(given, named), words)


def _given(call: Site) -> ast.expr | None:
    """What a call transforms; None where it is told the draw, or transforms several together."""
    node = call.node
    if not isinstance(node, ast.Call):
        return node if isinstance(node, ast.expr) else None
    if any(k.arg == "params" for k in node.keywords):
        return None
    given = node.args[0] if node.args else None
    given = given or next((k.value for k in node.keywords if k.arg in _BY_NAME), None)
    several = given is not None and any(isinstance(n, ast.List | ast.Tuple) for n in walk(given))
    return None if several else given


def _root(value: Value, depth: int = 20) -> Value:
    """What was there before anything was made of it: what a file holds, a part of a batch."""
    inner: Value | None = None
    match value:
        case Unknown(origin="call"):
            given = value.state.get(ARGUMENTS)
            inner = given[0] if given else None
        case Tensor(producer=Operation(inputs=[first, *_])):
            inner = first
        case Tensor(producer=Source(of=Value() as origin)):
            inner = origin
    known = isinstance(inner, Unknown | Tensor) and not _is_place(inner)
    return _root(inner, depth - 1) if depth and known and inner is not None else value


def _is_place(value: Value) -> bool:
    """Whether a value says where something is stored, and not what."""
    return isinstance(value, Unknown) and value.origin in ("string", "path")


def _only_argument(event: Event) -> Iterator[ast.expr]:
    """What the function that transforms is called with, where that is one thing."""
    for caller in event.callers[-1:]:
        if isinstance(caller.node, ast.Call):
            given = [*caller.node.args, *(k.value for k in caller.node.keywords)]
            yield from given if len(given) == 1 else ()


def _names(node: ast.AST) -> Iterator[str]:
    return filter(None, map(name_of, walk(node)))


def _name(given: ast.expr, named: list[str]) -> str:
    """What is transformed: by its own name, or by where it comes from."""
    own = name_of(given)
    if is_spatial_target(own) or own not in _ANYTHING:
        return own
    return next((n for n in named if is_spatial_target(n)), own or "the image")


_ANYTHING = frozenset({"", "x", "img", "image", "im", "frame", "picture", "sample"})
"""Names of a function's parameter for whatever goes through it."""


def _sites(root: Value) -> Iterable[Site]:
    if not isinstance(root, Unknown):
        return ()
    made = root.state.get(MADE, ())
    taken = root.state.get(TAKEN_AT)
    whole = root.state.get(TAKEN_FROM)
    return (*made[-1:], *((taken,) if taken else ()), *(_sites(whole) if whole else ()))


def _alone(moves: list[_Move], others: list[_Move]) -> Iterator[_Move]:
    """The moves whose draw no move of the others has."""
    drawn = {id(drawing) for move in others for drawing in drawings_of(move.event)}
    for move in moves:
        if not any(id(drawing) in drawn for drawing in drawings_of(move.event)):
            yield move


def _sets_state(walked: Walk, moves: list[_Move]) -> bool:
    """Whether the state of a generator is set on the way, so that both draws may be alike."""
    if any(event.kind in ("seed", "other_seed", "reseed") for event, _ in walked):
        return True
    for move in moves:
        for site in (move.call, *move.event.callers):
            around = function_around(site.module, site.node)
            if around is not None and not RESTORES.isdisjoint(site.module.words(around).attributes):
                return True
    return False
