"""Parts of one data set that share its transform, of which one is trained on and one held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.loaders import loaders_in, training_loaders
from nnlint.questions.data.pipelines import RandomTransform, random_transforms
from nnlint.questions.data.splits import EVAL, TRAIN, datasets_in, role_of_dataset, uses_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import loops_in
from nnlint.semantics.values import Built, Instance, Site, names_of

_TAKES_PART = frozenset({"subset_random", "weighted"})
"""Families of samplers that take some of the examples only."""


@dataclass(frozen=True, slots=True, eq=False)
class AugmentedPart:
    """A held-out part of a data set that changes its examples at random."""

    transform: RandomTransform
    part: Site
    """Where the data set is split, or where the loader that takes the held-out part is built."""
    name: str
    """What the program calls the part; empty where it has no name."""
    whole: Built | Instance


def augmented_parts(program: Program) -> Iterator[AugmentedPart]:
    """The held-out parts of data sets whose transform is random for the part to train on."""
    transforms = [
        found
        for found in random_transforms(program)
        if found.holder is not None
        and not (found.switchable or found.averaged or found.role == EVAL)
    ]
    changed = {id(e.subject) for e in program.events("replace")}
    met: set[object] = set()
    for found in transforms:
        whole = _holder(program, found)
        if whole is None or id(whole) in met:
            continue
        met.add(id(whole))
        parts = [*_subsets(program, whole), *_sampled(program, whole)]
        if id(whole) in changed or any(id(part) in changed for part, _ in parts):
            continue
        if any(role == TRAIN for _, role in parts):
            for part, role in parts:
                if role == EVAL:
                    name = next(iter(names_of(part)), "")
                    yield AugmentedPart(found, part.site, name, whole)
                    break


def _holder(program: Program, found: RandomTransform) -> Built | Instance | None:
    """The data set that a transform belongs to."""
    for event in program.events("build"):
        subject = event.subject
        known = isinstance(subject, Built) and subject.entry.kind == "dataset"
        if event.site is found.holder and isinstance(subject, Built | Instance):
            return subject if known or isinstance(subject, Instance) else None
    return None


def _subsets(program: Program, whole: Built | Instance) -> Iterator[tuple[Built, str]]:
    """The subsets of a data set, and which part of the data each holds."""
    uses = uses_of(program)
    for subset in program.once(_all_subsets):
        if subset.arguments.get("dataset") is whole:
            yield subset, role_of_dataset(subset, uses)


def _all_subsets(program: Program) -> list[Built]:
    """The subsets that loaders go over, or that are built."""
    found: dict[int, Built] = {}
    for event in program.events("build"):
        if event.subject is None:
            continue
        for dataset in datasets_in(event.subject):
            if isinstance(dataset, Built) and dataset.entry.family == "subset":
                found.setdefault(id(dataset), dataset)
    return list(found.values())


def _sampled(program: Program, whole: Built | Instance) -> Iterator[tuple[Built, str]]:
    """The loaders that take some examples of a data set each, and what they are used for."""
    trained = {id(found.loader) for found in training_loaders(program)}
    evaluated = {id(loader) for loader in _gone_over(program)} - trained
    for event in program.events("build"):
        loader = event.subject
        if not isinstance(loader, Built) or loader.arguments.get("dataset") is not whole:
            continue
        sampler = loader.arguments.get("sampler")
        if isinstance(sampler, Built) and sampler.entry.family in _TAKES_PART:
            role = TRAIN if id(loader) in trained else EVAL if id(loader) in evaluated else ""
            yield loader, role


def _gone_over(program: Program) -> Iterator[Built]:
    """The loaders of loops in which a model runs and nothing is trained."""
    for loop in loops_in(program.timeline):
        if loop.events("forward") and not loop.events("backward", "step"):
            yield from (loader for loader, _ in loaders_in(loop.subject))
