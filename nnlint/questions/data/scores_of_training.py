"""Scores that are taken on the training loader itself and called ones of held-out data."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.evaluations import Evaluation, evaluations, tries_out
from nnlint.questions.data.loaders import TrainingLoader, loaders_in, training_loaders
from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name, words_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built, Site
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.statements import enclosing_statement, targets_of
from nnlint.syntax.test_cases import is_test
from nnlint.syntax.walking import walk

_SCORES = frozenset(
    "loss losses acc accuracy score scores error err correct right f auc iou dice mse mae rmse "
    "psnr metric metrics total hits".split()
)
"""Words by which scores are called."""
_TRAINS = frozenset({"backward", "step"})


@dataclass(frozen=True, slots=True, eq=False)
class MisnamedScore:
    """A score that is taken on what is trained on, and is called one of held-out data."""

    site: Site
    """The loop, the call that leads to it, or what draws the batch."""
    name: str
    loader: Built


def misnamed_scores(program: Program) -> Iterator[MisnamedScore]:
    """Where the loader that is trained on is gone over, or gives a batch, for such a score."""
    if is_test(program.module):
        # what a test trains on is there to be run, whatever it is given as
        return
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
            for site, name in _names_around(evaluation, measured):
                if site.key not in told:
                    told.add(site.key)
                    yield MisnamedScore(site, name, evaluation.loader)
    for event in program.events("next"):
        loader = next((b for b, some in loaders_in(event.subject) if not some), None)
        if loader is None or id(loader) not in trained or event.site.key in told:
            continue
        name = _scored_after(event.site)
        if name:
            told.add(event.site.key)
            yield MisnamedScore(event.site, name, loader)


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


def _names_around(
    evaluation: Evaluation, measured: Sequence[Evaluation]
) -> Iterator[tuple[Site, str]]:
    """What is called so of the scores of a loop: by who calls its function, or in the loop."""
    calls = [b.site for b in evaluation.around if b.kind == "call" and b.site is not None]
    for site in calls:
        placed = enclosing_statement(site.module, site.node)
        names = _assigned_to(placed.node) if placed is not None else []
        if any(role_of_name(n) for n in names):
            name = _held_out_score(names)
            if name:
                yield site, name
            return
    loop = evaluation.loop.site
    if calls or loop is None or not isinstance(loop.node, ast.For):
        return
    if any(e is not evaluation and e.loop.site is loop for e in measured):
        return
    name = _held_out_score(list(_summed_in(loop.node)))
    if name:
        yield Site(loop.module, loop.node.iter), name


def _summed_in(loop: ast.For) -> Iterator[str]:
    """The names that the rounds of a loop add to."""
    for node in walk(loop):
        match node:
            case ast.AugAssign(target=target):
                yield last_name(target)
            case ast.Call(func=ast.Attribute(value=target, attr="append")):
                yield last_name(target)
            case _:
                pass


def _held_out_score(names: list[str]) -> str:
    """The first name of a score on held-out data, where none is of training."""
    if any(role_of_name(name) == TRAIN or "train" in name.lower() for name in names):
        return ""
    return next((n for n in names if _is_held_out_score(n)), "")


def _is_held_out_score(name: str) -> bool:
    return role_of_name(name) == EVAL and not _SCORES.isdisjoint(words_of(name))


def _assigned_to(statement: ast.AST) -> list[str]:
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    return [name for t in targets_of(statement) for n in walk(t) if (name := last_name(n))]


def _scored_after(draw: Site) -> str:
    """What is called a held-out score of the statements behind one that draws a batch; empty where
    they train on it."""
    placed = enclosing_statement(draw.module, draw.node)
    if placed is None or not isinstance(placed.node, ast.Assign):
        return ""
    behind = placed.block[placed.block.index(placed.node) + 1 :]
    known = set(_assigned_to(placed.node))
    scores: list[str] = []
    for node in (n for statement in behind for n in walk(statement)):
        if isinstance(node, ast.Call) and called_name(node) in _TRAINS:
            return ""
        if isinstance(node, ast.Assign):
            read = {n.id for n in walk(node.value) if isinstance(n, ast.Name)}
            if not known.isdisjoint(read):
                names = _assigned_to(node)
                known.update(names)
                scores += names
    return _held_out_score(scores)
