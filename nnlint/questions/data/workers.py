"""Random generators that are copied into the workers of a loader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.loaders import built_loaders
from nnlint.questions.data.splits import datasets_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, way_of_sample
from nnlint.semantics.values import (
    Arithmetic,
    Built,
    Constant,
    Instance,
    Site,
    Unknown,
    Value,
    constant,
)

_COUNTS = frozenset({"cpu_count", "sched_getaffinity", "process_cpu_count"})
"""What tells how many processors there are: more than none."""


@dataclass(frozen=True, slots=True, eq=False)
class CopiedGenerator:
    """A generator that all workers of a loader begin with in the same state."""

    generator: Built
    loader: Built
    drawn: Site
    """Where a sample, on its way out of a worker, draws from it."""
    lasting: bool
    """Whether the workers live on from epoch to epoch."""


def copied_generators(program: Program) -> Iterator[CopiedGenerator]:
    """The generators that are made before the workers of a loader start, and that each of them
    draws from for its samples without a seed of its own."""
    for loader, _ in built_loaders(program):
        if not _starts_alike(loader):
            continue
        lasting = constant(loader.arguments.get("persistent_workers"), False) is True
        holders: list[Built | Instance | Unknown] = [loader, *datasets_in(loader)]
        for holder in holders:
            block = way_of_sample(holder)
            for generator, drawn in _drawn_from(program, block) if block is not None else ():
                yield CopiedGenerator(generator, loader, drawn, lasting)


def _starts_alike(loader: Built) -> bool:
    """Whether a loader starts workers and gives none of them a seed."""
    given = loader.arguments
    if "**" in given or loader.entry.options.get("reseeds_workers"):
        return False
    if loader.entry.parameter("worker_init_fn") is None:
        return False
    prepared = given.get("worker_init_fn")
    unprepared = isinstance(prepared, Constant) and prepared.value is None and not prepared.soft
    return unprepared and _is_positive(given.get("num_workers"))


def _is_positive(count: Value | None) -> bool:
    match count:
        case Constant(value=int() as number):
            return number > 0
        case Arithmetic(operator="min" | "max" | "//" | "int", operands=operands):
            return all(map(_is_positive, operands))
        case Unknown(name=name):
            return name.rpartition(".")[2] in _COUNTS
        case _:
            return False


def _drawn_from(program: Program, block: Block) -> Iterator[tuple[Built, Site]]:
    """The generators that a sample draws from and does not make or seed itself."""
    own = {id(event.subject) for event in block.events("build", "reseed")}
    for event in block.events("draw"):
        if isinstance(event.subject, Built) and id(event.subject) not in own:
            yield event.subject, event.site
    for operation in program.operations:
        drawing = operation.drawing
        if drawing is not None and drawing.sample is block and isinstance(drawing.source, Built):
            if id(drawing.source) not in own:
                yield drawing.source, operation.site
