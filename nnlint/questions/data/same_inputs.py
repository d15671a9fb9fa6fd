"""Whether two data sets are inputs of one model: from one place, and handed to it in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.splits import datasets_in, role_of_name, texts, words_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.telling import MOVES
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import (
    Arithmetic,
    Built,
    Instance,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)

Holder = Built | Instance | Unknown
_CASTS = frozenset({"contiguous", "clone", "detach"})
_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Pass:
    """A loop over data, and how its batches come to models."""

    holders: frozenset[int]
    """The identities of the data sets that it goes over."""
    trains: bool
    models: tuple[tuple[int, frozenset[str]], ...]
    """For each call of a model, its identity, and what is done to a batch before."""
    transforms: bool
    """Whether transforms of a library are applied to batches in it."""


def are_inputs_alike(program: Program, trained: Holder, evaluated: Holder) -> bool:
    """Whether what is evaluated on comes to the model that is trained, as the training data does.

    Where no loop goes over the evaluation data, a trainer or another file does, and their roles
    tell what they are for. A loop that hands it to another model, to none, or after steps that the
    training data does not go through says that it is prepared there, or meant for something else.
    """
    if _are_of_other_places(trained, evaluated):
        return False
    passes = program.once(_passes)
    measured = [p for p in passes if id(evaluated) in p.holders]
    if not measured:
        return True
    learned = [p for p in passes if p.trains and id(trained) in p.holders]
    if any(p.transforms for p in (*measured, *learned)):
        return False
    known = {way for p in learned for way in p.models}
    return any(way in known for p in measured for way in p.models)


def _passes(program: Program) -> Sequence[Pass]:
    loops = {b for _, blocks in program.walk() for b in blocks if b.kind == "loop"}
    return tuple(_pass_of(loop) for loop in loops if loop.subject is not None)


def _pass_of(loop: Block) -> Pass:
    return Pass(
        frozenset(id(dataset) for dataset in datasets_in(loop.subject)),
        bool(loop.events("backward", "step")),
        tuple(
            (id(event.subject), frozenset(_changes(event.operands[0])))
            for event in loop.events("forward")
            if event.operands
        ),
        bool(loop.events("transform")),
    )


def _changes(value: Value | None, depth: int = _DEPTH) -> Iterator[str]:
    """What is done to a value since it was drawn, but for moves and casts."""
    if depth == 0:
        return
    match value:
        case Tensor(producer=Operation() as made):
            name = made.entry.name.rpartition(".")[2]
            if name not in MOVES and name not in _CASTS:
                yield name
            for given in made.inputs:
                yield from _changes(given, depth - 1)
        case Tensor(producer=Join(inputs=inputs)):
            for given in inputs:
                yield from _changes(given, depth - 1)
        case Tensor(producer=Source(of=of)) if of is not None:
            yield from _changes(of, depth - 1)
        case Arithmetic(operator=operator, operands=operands):
            yield operator
            for operand in operands:
                yield from _changes(operand, depth - 1)
        case Unknown(origin="call", name=name):
            yield name
        case _:
            pass


def _are_of_other_places(one: Holder, other: Holder) -> bool:
    """Whether paths are written down that differ in more than the part of the data."""
    for name, value in _arguments(one).items():
        against = _arguments(other).get(name)
        left = _words(value)
        right = _words(against) if against is not None else set()
        if left and right and not (left <= right or right <= left):
            return True
    return False


def _arguments(holder: Holder) -> dict[str, Value]:
    match holder:
        case Built():
            return holder.arguments
        case Instance():
            return holder.named
        case _:
            return {}


def _words(value: Value) -> set[str]:
    """The words of a written path that name no part of the data."""
    return {w for text in texts(value) for w in words_of(text) if not role_of_name(w)}
