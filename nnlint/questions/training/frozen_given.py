"""Questions about a model that a trainer is only given: do the statistics of its frozen part move?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import batch_norm_of
from nnlint.questions.model.lone import is_used_elsewhere, lone_model
from nnlint.questions.training.frozen import FLAGS, follows, frozen_model, is_flag, may_set
from nnlint.questions.training.modes import modes_before
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Site, Unknown

_SETS_MODES = frozenset({"eval", "train", "training"})
"""Words of classes that look after the mode of their parts."""


@dataclass(frozen=True, slots=True, eq=False)
class FrozenPart:
    """A part that the only model of a file freezes, and training puts into training mode."""

    train: Event
    freeze: Event
    norm: Site
    model: str
    """The name of the model's class."""


def frozen_parts_of_given(program: Program, programs: Iterable[Program]) -> Iterator[FrozenPart]:
    """Where a model that is only given is put into training mode and trained so on every path,
    though the only one that it can be has a frozen part with batch norm."""
    own = program.module.once(lone_model, True) if program.trains else None
    home = next((p for p in programs if own is not None and p.name == own.name), None)
    if own is None or home is None or not home.complete or _looks_after_modes(home, own):
        return
    if any(not is_flag(event, False) for event in program.events(*FLAGS)):
        return
    told: set[int] = set()
    for run in passes(program):
        model = run.event.subject
        if run.role != "train" or not isinstance(model, Unknown):
            continue
        if model.origin not in ("parameter", "attribute") or id(model) in told:
            continue
        told.add(id(model))
        found = next(_frozen(program, home, model), None)
        trains = [e for e in program.events("train") if e.subject is model]
        if found is None or not trains or modes_before(program, run.event) != {"train"}:
            continue
        if any(e.subject is not model for e in program.events("eval", "mode", "train")):
            continue
        if not is_used_elsewhere(program, run.event.site):
            yield FrozenPart(trains[0], *found, own.name)


def _looks_after_modes(home: Program, own: ast.ClassDef) -> bool:
    words = home.module.words(own)
    return not _SETS_MODES.isdisjoint(words.names | words.attributes) or any(
        isinstance(method, ast.FunctionDef) and method.name in _SETS_MODES for method in own.body
    )


def _frozen(program: Program, home: Program, model: Unknown) -> Iterator[tuple[Event, Site]]:
    """Where the model's class freezes a part of it for good, and where that gets its batch norm:
    in its constructor, or in a method that the program calls."""
    called = [
        (event, blocks)
        for event, blocks in program.walk()
        if event.kind == "opaque" and event.subject is model
    ]
    if any(event.conditions or any(b.kind == "arm" for b in blocks) for event, blocks in called):
        return
    names = {event.name.rpartition(".")[2] for event, _ in called}
    for freeze, blocks in home.walk():
        part = frozen_model(freeze)
        norm = batch_norm_of(part) if part is not None else None
        if part is None or norm is None or may_set(home, part, True) or follows(part):
            continue
        if freeze.conditions or any(block.kind == "arm" for block in blocks):
            continue
        entered = [block for block in blocks if block.kind == "entry"]
        needed = {block.name for block in entered}
        # another method of it may do anything
        if names == needed:
            yield freeze, norm
