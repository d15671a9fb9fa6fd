"""Settings of estimators that are selected by the score on the part that they are tested on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.selection import assigned, compared
from nnlint.questions.data.splits import words_of
from nnlint.questions.data.told import assigned_by
from nnlint.semantics.analysis import Program
from nnlint.semantics.rows import Rows, row_names, rows_of
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Site, Value
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_SCORES = frozenset({"score", "predict", "predict_proba", "decision_function"})
_VALIDATES = frozenset({"val", "valid", "validation", "dev", "train", "tuning", "calibration"})
"""Words for parts that settings may be chosen by."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchOnTest:
    """A comparison by which the settings of an estimator are chosen, on its test part."""

    site: Site
    scored: Event
    """The score, or prediction, in the search."""
    reported: Event
    """The one of the same rows behind the search."""


def searches_on_test(program: Program) -> Iterator[SearchOnTest]:
    """Where a loop over settings keeps the best by the score on a held-out part, which the chosen
    one is scored on afterwards."""
    scored = [
        (event, blocks, rows)
        for event, blocks in program.walk()
        if event.kind == "opaque" and event.name.rpartition(".")[2] in _SCORES and event.operands
        if (rows := _held_out(event.operands[0])) is not None
    ]
    told: set[object] = set()
    for number, (event, blocks, rows) in enumerate(scored):
        loop = next((b.site for b in blocks[::-1] if b.kind == "loop" and b.site), None)
        if (
            loop is None
            or not isinstance(loop.node, ast.For)
            or event.site.module is not loop.module
        ):
            continue
        choice = _choice_by(event.site, loop)
        reported = next(
            (
                later
                for later, around, others in scored[number + 1 :]
                if others.gives(rows)
                and rows.gives(others)
                and all(b.site is None or b.site.key != loop.key for b in around)
            ),
            None,
        )
        if choice is not None and reported is not None and choice.key not in told:
            told.add(choice.key)
            yield SearchOnTest(choice, event, reported)


def _held_out(value: Value) -> Rows | None:
    """The rows of a part that a split holds out, where it is called nothing that is chosen by."""
    rows = rows_of(value)
    if rows is None or not rows.cuts:
        return None
    last = rows.cuts[-1]
    said = {word for name in row_names(value) for word in words_of(name)}
    held = last.kind == "split" and last.place == 1
    return rows if held and _VALIDATES.isdisjoint(said) else None


def _choice_by(scored: Site, loop: Site) -> Site | None:
    """The test in a loop that compares what a call gives with the best so far, and keeps more than
    the score where it is better."""
    placed = enclosing_statement(scored.module, scored.node)
    if placed is None or not stands_in(placed.node, loop.node):
        return None
    known = set(assigned_by(placed.node))
    inside = [n for n in walk(loop.node) if isinstance(n, ast.Assign | ast.If)]
    for node in sorted(inside, key=lambda n: n.lineno):
        if node.lineno <= placed.node.lineno:
            continue
        if isinstance(node, ast.Assign):
            if any(isinstance(n, ast.Name) and n.id in known for n in walk(node.value)):
                known.update(assigned_by(node))
            continue
        test = Site(loop.module, node.test)
        names = compared(test, True)
        kept = {name for statement in node.body for name in assigned(statement)}
        if names & known and len(kept) > 1:
            return test
    return None
