"""What a program draws from the global states of NumPy and Python, which torch's seed leaves
alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.splits import datasets_in
from nnlint.questions.reproducibility.seeding import fixes_seed, may_seed, trains_in_a_loop
from nnlint.questions.reproducibility.splitting import split_at, state_of_split
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import MODULES, Drawing, drawings
from nnlint.semantics.timeline import Event, way_of_sample
from nnlint.semantics.values import Built, constant
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import enclosing_statement

SEEDS = {"numpy": "numpy.random.seed", "random": "random.seed"}
"""For a family of generators, what seeds its global state."""
_TRAINING = ("backward", "step", "fit")


@dataclass(frozen=True, slots=True, eq=False)
class OtherDraw:
    """A draw from a global state that is never seeded, in a program that seeds torch's."""

    event: Event
    family: str
    """Whose state it is: `numpy` or `random`."""
    seed: Event
    """What seeds torch."""


def other_draws(program: Program) -> Iterator[OtherDraw]:
    """For each global state besides torch's that is never seeded, the first draw from it that can
    matter to the training."""
    if not (program.is_entry and program.complete and trains_in_a_loop(program)):
        return
    seeds = program.events("seed")
    if not seeds or not program.imports.known or not fixes_seed(program):
        return
    for family in SEEDS:
        if not _may_be_seeded(program, family):
            drawn = next((e for e in drawn_from_states(program) if _is_from(e, family)), None)
            if drawn is not None:
                yield OtherDraw(drawn, family, seeds[0])


def unseeded_states(program: Program) -> Sequence[str]:
    """The global states besides torch's that a program draws from and never seeds."""
    return [
        family
        for family in SEEDS
        if not _may_be_seeded(program, family)
        and (
            any(_is_from(e, family) for e in drawn_from_states(program))
            or _splits_by(program, family)
        )
    ]


def _may_be_seeded(program: Program, family: str) -> bool:
    told = (*program.events(), *(event for event, _ in program.imports.walk()))
    return any(may_seed(event, family) for event in told)


def _splits_by(program: Program, family: str) -> bool:
    found = map(split_at, program.events("split", "opaque"))
    return any(split is not None and state_of_split(split[0]) == family for split in found)


def drawn_from_states(program: Program) -> Iterator[Event]:
    """The draws from global states until the training ends, and those on the way of a sample."""
    events = program.events()
    # a seed that is drawn is a matter of its own
    for_seeds = {id(d.event) for e in program.events("seed", "other_seed") for d in _drawn(e)}
    last = max((i for i, event in enumerate(events) if event.kind in _TRAINING), default=-1)
    for event in events[:last]:
        if event.kind == "draw" and event.subject is None and id(event) not in for_seeds:
            if not _is_called_seed(event):
                yield event
        elif event.kind == "build" and isinstance(event.subject, Built):
            yield from _of_samples(event.subject)


def _drawn(seed: Event) -> Iterator[Drawing]:
    """The draws that go into a seed."""
    for value in seed.operands:
        yield from drawings(value)


def _is_called_seed(draw: Event) -> bool:
    """Whether what is drawn is kept under the name of a seed."""
    placed = enclosing_statement(draw.site.module, draw.site.node)
    if placed is None or not isinstance(placed.node, ast.Assign):
        return False
    return any("seed" in last_name(target).lower() for target in placed.node.targets)


def _of_samples(loader: Built) -> Iterator[Event]:
    """The draws for the samples of a loader without workers: the states of workers are seeded
    from torch's."""
    if loader.entry.kind != "loader" or constant(loader.arguments.get("num_workers")) != 0:
        return
    for dataset in datasets_in(loader):
        block = way_of_sample(dataset)
        if block is not None:
            yield from (e for e in block.events("draw") if e.subject is None)


def _is_from(draw: Event, family: str) -> bool:
    return draw.name.startswith(MODULES[family])
