"""Data pipelines: what happens to a sample at random, for which part of the data, and whether
something can turn it off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.evaluations import holds
from nnlint.questions.data.looked_into import shows_single_examples
from nnlint.questions.data.randomness import (
    is_done_to_outputs,
    makes_views,
    predicts_draw,
    random_events,
)
from nnlint.questions.data.repeating import trains
from nnlint.questions.data.splits import (
    EVAL,
    TRAIN,
    Uses,
    datasets_in,
    role_of_condition,
    role_of_dataset,
    role_of_name,
    uses_of,
)
from nnlint.questions.data.switches import (
    decide_nothing,
    has_switch,
    switches_among,
    tells_apart,
)
from nnlint.questions.data.told import speaks_of_training
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import left_by_parameter, taken_by_default
from nnlint.semantics.timeline import Block, Event, way_of_sample
from nnlint.semantics.transforms import is_random_by_option, left_off
from nnlint.semantics.values import (
    SAMPLED,
    Built,
    Condition,
    Instance,
    Site,
    Unknown,
    Value,
    choices_of,
    names_of,
)
from nnlint.syntax.statements import function_around

_AVERAGING = re.compile(r"tta|test_?time|ensembl", re.IGNORECASE)


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
    parts: tuple[Built | Instance, ...]
    """The transform, and the containers that it stands in, innermost first."""
    by_parameter: bool = False
    """The parameter of a function adds it, and the call in sight leaves it out."""
    applied_in: Site | None = None
    """The function, or loop, that applies it to batches itself: what it applies there to the same
    batches is of one piece with it."""
    told: bool = True
    """The program says what the data are for; of a transform in a loop it may only be seen that
    no gradients are recorded there, as where examples are scored to choose among them."""

    @property
    def makes_patches(self) -> bool:
        """Whether it takes patches out of volumes that are too large for a batch: that is how
        the data comes, not augmentation of it."""
        own = self.parts[0]
        return isinstance(own, Built) and bool(own.entry.options.get("patch"))


def random_transforms(program: Program) -> Sequence[RandomTransform]:
    """Every random transform of a program: of its datasets, and in its loops.

    What a test does to its data trains nothing that anyone keeps, nor does a script that only
    shows it.
    """
    return program.once(_random_transforms)


def _random_transforms(program: Program) -> tuple[RandomTransform, ...]:
    return tuple(_found_in(program))


def _found_in(program: Program) -> Iterator[RandomTransform]:
    if _only_looks(program):
        return
    augmented = [(event, blocks) for event, blocks in program.walk() if _may_augment(event)]
    if not augmented:
        return
    uses = uses_of(program)
    plain = _plain_training(program, uses)
    holders = [event.subject for event, _ in augmented if event.subject is not None]
    for event, blocks in augmented:
        holder = event.subject
        if event.kind == "build" and isinstance(holder, Built | Instance | Unknown):
            block = way_of_sample(holder)
            looked_at = not isinstance(holder, Unknown) and shows_single_examples(holder)
            if block is not None and not looked_at:
                others = [o for o in holders if o is not holder]
                also_plain = _class_of(holder) in plain
                for found in _of_dataset(event, holder, block, uses, also_plain, others):
                    if found.role != EVAL or not _is_plain_elsewhere(holder, program):
                        yield found
        elif event.kind == "transform" and isinstance(holder, Built):
            yield from _of_loop(event, holder, blocks, program.once(_random_in_loops))


def _is_plain_elsewhere(holder: Built | Instance | Unknown, program: Program) -> bool:
    """Whether the program evaluates the same rows without randomness, too: it asks how much worse
    the model is on disturbed ones."""
    inside = list(datasets_in(holder))
    own = {id(dataset) for dataset in inside}
    others = [dataset for dataset in program.once(_without_draws) if id(dataset) not in own]
    return any(holds(other, dataset) for other in others for dataset in inside)


def _without_draws(program: Program) -> tuple[Built | Instance | Unknown, ...]:
    """The data sets whose samples go through nothing random."""
    found = []
    for event in program.events("build"):
        holder = event.subject
        if isinstance(holder, Built | Instance | Unknown):
            block = way_of_sample(holder)
            if block is not None and not random_events(list(block.walk())):
                found.append(holder)
    return tuple(found)


def _only_looks(program: Program) -> bool:
    """Whether a script goes over its data and runs no model on it."""
    if not (program.is_entry and program.complete) or program.events("fit", "step", "forward"):
        return False
    loops = {block for _, blocks in program.walk() for block in blocks if block.kind == "loop"}
    return any(goes_over_data(loop) for loop in loops)


def _may_augment(event: Event) -> bool:
    if event.kind == "build":
        return way_of_sample(event.subject) is not None
    return event.kind == "transform"


def _of_dataset(
    event: Event,
    holder: Built | Instance | Unknown,
    block: Block,
    uses: Uses,
    also_plain: bool,
    others: Sequence[Value],
) -> Iterator[RandomTransform]:
    yield from _by_option(event, holder, block, uses)
    random = random_events(list(block.walk()))
    random = [(e, b) for e, b in random if not predicts_draw(e, holder.state.get(SAMPLED))]
    if not random or makes_views(random) or id(holder) in uses.viewed:
        return
    told = role_of_dataset(holder, uses)
    everywhere = decide_nothing(_path(e, b) for e, b in random)
    alone = next((e for e, b in random if not _containers(b)), random[0][0])
    averaged = id(holder) in uses.tta or any(_AVERAGING.search(n) for n in names_of(holder))
    for used, blocks in random:
        transform = used.subject
        if not isinstance(transform, Built):
            continue
        parts: tuple[Built | Instance, ...] = (transform, *_containers(blocks))
        conditions = [c for part in parts for c in (*part.conditions, *choices_of(part))]
        conditions += used.conditions
        # the branches that the whole dataset is built in are weighed in what is told of it
        own = [c for c in conditions if not (told and _is_among(c, event.conditions))]
        role = _role(own, told, parts)
        if role == EVAL and uses.seeded.get(id(holder)):
            # every evaluation sees the same samples
            continue
        # what is called training data is none, whichever part of a library's data set it takes
        if role == EVAL and any(map(speaks_of_training, names_of(holder))):
            continue
        if role == EVAL and tells_apart(conditions, holder, others):
            continue
        switches = switches_among(conditions, event.conditions, everywhere)
        yield RandomTransform(
            _site(_named(parts), used),
            _site(parts[-1], used) if len(parts) > 1 or transform.entry.builds else alone.site,
            event.site,
            role,
            bool(switches) or any(map(has_switch, parts)),
            all(taken_by_default(c) for c in switches),
            averaged or any(_AVERAGING.search(c.site.text) for c in conditions),
            also_plain,
            parts,
        )


def _by_option(
    event: Event, holder: Built | Instance | Unknown, block: Block, uses: Uses
) -> Iterator[RandomTransform]:
    """The random transforms that an option would add to the pipelines of a dataset."""
    pipelines = [b.subject for _, blocks in block.walk() for b in blocks if b.kind == "pipeline"]
    pipelines += [e.subject for e, _ in block.walk() if e.kind == "transform"]
    for pipeline in {id(p): p for p in pipelines}.values():
        for added in left_off(pipeline):
            transform = added.value
            if not isinstance(transform, Built) or not is_random_by_option(transform):
                continue
            assert isinstance(pipeline, Built)
            # a branch that tells training from evaluation is none that an option decides about
            roles = map(role_of_condition, (*added.reasons, *transform.conditions))
            if not any(roles):
                role = role_of_dataset(holder, uses)
                parts = (transform, pipeline)
                yield RandomTransform(
                    transform.site,
                    pipeline.site,
                    event.site,
                    role,
                    True,
                    False,
                    False,
                    False,
                    parts,
                    any(map(left_by_parameter, (*added.reasons, *transform.conditions))),
                )


def _plain_training(program: Program, uses: Uses) -> set[object]:
    """The classes of the datasets that a loop trains on with no random transform."""
    found: set[object] = set()
    for event in program.events("build"):
        holder = event.subject
        if not isinstance(holder, Built | Instance) or TRAIN not in uses.roles.get(id(holder), ()):
            continue
        block = way_of_sample(holder)
        walk = list(block.walk()) if block is not None else []
        if any(e.kind == "transform" for e, _ in walk) and not random_events(walk):
            found.add(_class_of(holder))
    return found


def _class_of(dataset: Built | Instance | Unknown) -> object:
    if isinstance(dataset, Built):
        return dataset.entry.name
    return dataset.cls.node if isinstance(dataset, Instance) else None


def _random_in_loops(program: Program) -> list[tuple[Event, tuple[Block, ...]]]:
    return random_events(program.walk())


def _of_loop(
    event: Event,
    transform: Built,
    blocks: tuple[Block, ...],
    random: Sequence[tuple[Event, tuple[Block, ...]]],
) -> Iterator[RandomTransform]:
    """A transform that the program applies to batches itself."""
    if not any(event is other for other, _ in random):
        return
    role, told = _role_of_place(event, blocks)
    if not role or (role == EVAL and _is_made_once(blocks)):
        return
    if role == TRAIN and is_done_to_outputs(event, list(blocks[0].walk())):
        return
    if makes_views(random):
        return
    parts: tuple[Built | Instance, ...] = (transform, *_containers(blocks))
    conditions = [*event.conditions, *(c for part in parts for c in choices_of(part))]
    switches = switches_among(conditions, (), set())
    yield RandomTransform(
        _site(_named(parts), event),
        _site(parts[-1], event),
        None,
        role,
        bool(switches) or any(map(has_switch, parts)),
        all(taken_by_default(c) for c in switches),
        any(_AVERAGING.search(b.name) for b in blocks),
        False,
        parts,
        applied_in=_applied_in(event, blocks),
        told=told,
    )


def _applied_in(event: Event, blocks: tuple[Block, ...]) -> Site | None:
    site = event.site
    function = function_around(site.module, site.node)
    if function is not None:
        return Site(site.module, function)
    return next((b.site for b in reversed(blocks) if b.kind == "loop"), None)


def _is_made_once(blocks: tuple[Block, ...]) -> bool:
    """Whether what is done at a place is done before the program trains, and kept."""
    run = next((b for b in reversed(blocks) if b.events("forward")), None)
    return run is None or (run.kind != "loop" and trains(run))


def _role_of_place(event: Event, blocks: tuple[Block, ...]) -> tuple[str, bool]:
    """The role of a transform by the method or loop it is applied in, and whether that is said."""
    for condition in reversed(event.conditions):
        if role := role_of_condition(condition):
            return role, True
    evaluates = False
    for block in reversed(blocks):
        if block.kind == "loop" and not evaluates:
            if block.events("backward", "step"):
                return TRAIN, True
            evaluates = any(not e.grad for e in block.events("forward"))
        if block.kind == "call" and block.name.rpartition(".")[2] == "forward":
            # a module that augments evaluates nothing: who calls it tells what for
            evaluates = False
        if block.kind in ("call", "entry") and (role := role_of_name(block.name)):
            return (role, True) if not evaluates or role == EVAL else (EVAL, False)
    return (EVAL, False) if evaluates else ("", False)


def _path(event: Event, blocks: Sequence[Block]) -> tuple[Condition, ...]:
    """The branches that a transform is built and applied in."""
    parts = [p for p in (event.subject, *_containers(blocks)) if isinstance(p, Built | Instance)]
    return (*event.conditions, *(c for p in parts for c in p.conditions))


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


def _is_among(condition: Condition, others: Sequence[Condition]) -> bool:
    return any(o.site.key == condition.site.key and o.taken is condition.taken for o in others)


def _role(conditions: Sequence[Condition], told: str, parts: Sequence[Built | Instance]) -> str:
    for condition in conditions:
        if role := role_of_condition(condition):
            return role
    if told:
        return told
    names = (name for part in parts for name in names_of(part))
    return next((role for name in names if (role := role_of_name(name))), "")


def transform_name(found: RandomTransform) -> str:
    """The name by which the program calls a transform; all of a flip that is written as a slice."""
    text = found.transform.text
    return text.partition("(")[0] if isinstance(found.transform.node, ast.Call) else text


_ADVERSARY = re.compile(r"discriminator|generator|critic|gan$|gan[A-Z_]", re.IGNORECASE)


def trains_adversarially(program: Program) -> bool:
    """Whether a program trains a generator against a discriminator."""
    return any(
        isinstance(e.subject, Instance)
        and "training" in e.subject.state
        and _ADVERSARY.search(e.subject.cls.node.name)
        for e in program.events("build", "forward")
    )
