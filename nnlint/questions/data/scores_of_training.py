"""Scores that are taken on the training loader itself and told as ones of held-out data."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.evaluations import Evaluation, evaluations, tries_out
from nnlint.questions.data.idle import idle_held_out_loader
from nnlint.questions.data.loaders import TrainingLoader, loaders_in, training_loaders
from nnlint.questions.data.splits import EVAL, role_of_name, words_of
from nnlint.questions.data.told import (
    assigned_by,
    speaks_of_held_out,
    speaks_of_training,
    summed_in,
    told_about,
)
from nnlint.questions.training.backpropagation import Computation
from nnlint.questions.training.measuring import COMPARISONS, scored_passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built, Site
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_SCORES = frozenset(
    "loss losses acc accuracy score scores error err correct right f auc iou dice mse mae rmse "
    "psnr metric metrics total hits".split()
)
"""Words by which scores are called."""
_LONGEST = 40
"""Letters of a text that are shown."""
_TRAINS = frozenset({"backward", "step"})


@dataclass(frozen=True, slots=True, eq=False)
class MisnamedScore:
    """A score that is taken on what is trained on, and is told as one of held-out data."""

    site: Site
    """The loop, the call that leads to it, or what draws the batch."""
    told: str
    """What it is called, or the text beside it; empty where it is the only score."""
    loader: Built
    idle: Built | None = None
    """The loader of held-out data that is made and never used, where nothing is told."""


def misnamed_scores(program: Program) -> Iterator[MisnamedScore]:
    """Where the loader that is trained on is gone over, or gives a batch, for such a score."""
    trainings = [t for t in training_loaders(program) if not t.chosen]
    trained = {id(t.loader): t.loader for t in trainings}
    if not trained or any(map(tries_out, trained.values())):
        return
    told: set[object] = set()
    measured = evaluations(program)
    order = _order_of(program)
    for evaluation in measured:
        own = [t for t in trainings if t.loader is evaluation.loader]
        if any(_may_precede(training, evaluation, order) for training in own):
            for score in _told_of(program, evaluation, measured):
                if score.site.key not in told:
                    told.add(score.site.key)
                    yield score
    for event in program.events("next"):
        loader = next((b for b, some in loaders_in(event.subject) if not some), None)
        if loader is None or id(loader) not in trained or event.site.key in told:
            continue
        name = _scored_after(event.site)
        if name:
            told.add(event.site.key)
            yield MisnamedScore(event.site, f"`{name}`", loader)
    if not told:
        yield from _only_scores(program, measured, trained)


def _order_of(program: Program) -> dict[int, int]:
    """The place of each block of a program in its run, by identity."""
    found: dict[int, int] = {}
    for place, (_, blocks) in enumerate(program.walk()):
        for block in blocks:
            found.setdefault(id(block), place)
    return found


def _may_precede(training: TrainingLoader, evaluation: Evaluation, order: dict[int, int]) -> bool:
    """Whether the model may have seen a loader's rows when it is evaluated on them: in a notebook
    a later cell may train on what was kept out until then."""
    if training.batches is None:
        return True
    shared = {id(block) for block in evaluation.around}
    if any(block.kind == "loop" and id(block) in shared for block in training.around):
        return True
    entries = [
        next((id(block) for block in around if block.kind == "entry"), None)
        for around in (training.around, evaluation.around)
    ]
    if entries[0] != entries[1]:
        return True
    return order[id(training.batches)] <= order[id(evaluation.loop)]


def _told_of(
    program: Program, evaluation: Evaluation, measured: Sequence[Evaluation]
) -> Iterator[MisnamedScore]:
    """What is told of the scores of a loop: by who calls its function, or in the loop."""
    calls = _calls_to(evaluation)
    for site in calls:
        placed = enclosing_statement(site.module, site.node)
        names = assigned_by(placed.node) if placed is not None else []
        if any(map(role_of_name, names)):
            name = _held_out_score(names)
            if name:
                yield MisnamedScore(site, f"`{name}`", evaluation.loader)
            return
    places = [*calls[-1:], *_own_loop(evaluation, measured)]
    said = [told_about(place) for place in places]
    if not places or any(speaks_of_training(text) for texts in said for text in texts):
        return
    loop = places[0].node
    summed = list(summed_in(loop)) if isinstance(loop, ast.For) and not calls else []
    name = _held_out_score(summed)
    if name:
        yield MisnamedScore(_shown(places[0]), f"`{name}`", evaluation.loader)
    elif _is_scored(program, evaluation):
        for place, texts in zip(places, said, strict=True):
            text = next((t for t in texts if speaks_of_held_out(t)), "")
            if text:
                yield MisnamedScore(_shown(place), _quoted(text), evaluation.loader)
                return


def _quoted(text: str) -> str:
    """A text as it is shown in a message: on one line, and not too long."""
    line = " ".join(text.split())
    return f'"{line[:_LONGEST]}"'


def _calls_to(evaluation: Evaluation) -> list[Site]:
    """The calls that lead to a loop, the outermost first."""
    return [b.site for b in evaluation.around if b.kind == "call" and b.site is not None]


def _own_loop(evaluation: Evaluation, measured: Sequence[Evaluation]) -> list[Site]:
    """The loop of an evaluation, where no other data is gone over by it."""
    loop = evaluation.loop.site
    if loop is None or not isinstance(loop.node, ast.For):
        return []
    shared = any(e is not evaluation and e.loop.site is loop for e in measured)
    return [] if shared else [loop]


def _shown(place: Site) -> Site:
    """What of a call or a loop is told to be wrong: what the loop goes over."""
    return Site(place.module, place.node.iter) if isinstance(place.node, ast.For) else place


def _is_scored(program: Program, evaluation: Evaluation) -> bool:
    """Whether a score is computed of what the model gives in a loop."""
    scored = program.once(scored_passes)
    if any(id(event) in scored for event in evaluation.loop.events("forward")):
        return True
    # one batch that is trained on and gone over again is one value: the place tells the two apart
    flow, loop = program.once(Computation), evaluation.loop.site
    return loop is not None and any(
        operation.entry.name in COMPARISONS
        and operation.site.module is loop.module
        and stands_in(operation.site.node, loop.node)
        and any(flow.reaches(side) for side in operation.arguments.values())
        for operation in program.operations
    )


def _only_scores(
    program: Program, measured: Sequence[Evaluation], trained: dict[int, Built]
) -> Iterator[MisnamedScore]:
    """Scores of training data that are told as nothing, where a loader of held-out data is made and
    nothing goes over it."""
    scores = [e for e in measured if _is_scored(program, e)]
    if not scores or any(id(e.loader) not in trained for e in measured):
        return
    places = [[*_calls_to(e)[-1:], *_own_loop(e, measured)] for e in scores]
    told = [text for found in places for place in found for text in told_about(place)]
    idle = None if any(map(speaks_of_training, told)) else idle_held_out_loader(program)
    if idle is not None:
        for evaluation, found in zip(scores, places, strict=True):
            for place in found[:1]:
                yield MisnamedScore(_shown(place), "", evaluation.loader, idle)


def _held_out_score(names: list[str]) -> str:
    """The first name of a score on held-out data, where none is of training."""
    if any(map(speaks_of_training, names)):
        return ""
    return next((n for n in names if _is_held_out_score(n)), "")


def _is_held_out_score(name: str) -> bool:
    return role_of_name(name) == EVAL and not _SCORES.isdisjoint(words_of(name))


def _scored_after(draw: Site) -> str:
    """What is called a held-out score of the statements behind one that draws a batch; empty where
    they train on it."""
    placed = enclosing_statement(draw.module, draw.node)
    if placed is None or not isinstance(placed.node, ast.Assign):
        return ""
    behind = placed.block[placed.block.index(placed.node) + 1 :]
    known = set(assigned_by(placed.node))
    scores: list[str] = []
    for node in (n for statement in behind for n in walk(statement)):
        if isinstance(node, ast.Call) and called_name(node) in _TRAINS:
            return ""
        if isinstance(node, ast.Assign):
            read = {n.id for n in walk(node.value) if isinstance(n, ast.Name)}
            if not known.isdisjoint(read):
                names = assigned_by(node)
                known.update(names)
                scores += names
    return _held_out_score(scores)
