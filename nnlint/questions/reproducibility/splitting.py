"""Whether a split of the data into parts is the same in every run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.reproducibility.seeding import fixes_seed, may_seed, trains_in_a_loop
from nnlint.semantics.analysis import Program
from nnlint.semantics.library import Entry, load_library
from nnlint.semantics.rows import rows_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Constant, Site
from nnlint.syntax.imports import outer_name
from nnlint.syntax.module import ModuleSyntax

_BY_TORCH = "torch."
_SOURCES = ("random_state", "generator", "seed")
"""Parameters of splits that take a seed or a generator."""
_LEARNING = ("sklearn", "imblearn", "xgboost", "lightgbm", "catboost")
"""Packages of estimators."""


@dataclass(frozen=True, slots=True, eq=False)
class UnseededSplit:
    """A split that another run makes differently."""

    site: Site
    entry: Entry
    family: str
    """Whose random state it draws from: `torch` or `numpy`."""
    seeded_later: Site | None
    """What fixes that state, too late for the split."""


def unseeded_splits(program: Program) -> Iterator[UnseededSplit]:
    """The splits of a training program that nothing before them fixes.

    A program that fixes no seed at all is told so as a whole.
    """
    alone = program.complete and not program.trains and program.name == "__main__"
    if not alone and not (program.is_entry and program.complete and program.trains):
        return
    if trains_in_a_loop(program) and not fixes_seed(program):
        return
    before = [event for event, _ in program.imports.walk()]
    for event, blocks in program.walk():
        found = split_at(event)
        if found is not None and not (alone and not _splits_for_estimator(program, event, blocks)):
            entry, site = found
            family = state_of_split(entry)
            if not any(may_seed(other, family) for other in before):
                later = (e for e in program.events("seed", "other_seed") if may_seed(e, family))
                yield UnseededSplit(site, entry, family, next((e.site for e in later), None))
        before.append(event)


def _splits_for_estimator(program: Program, split: Event, blocks: Sequence[Block]) -> bool:
    """Whether estimators alone are trained on what a split leaves, once, in a program that fixes
    something else: one of which nobody says that it can be repeated is left alone."""
    if any(block.kind == "loop" for block in blocks):
        return False
    given: bool = program.module.once(_gives_seed, None)
    if not given and not program.events("seed", "other_seed"):
        return False
    return any(
        rows is not None and any(cut.site.key == split.site.key for cut in rows.cuts)
        for event in program.events("opaque", "fit_statistics")
        if event.name.rpartition(".")[2] == "fit"
        for rows in map(rows_of, event.operands[:1])
    )


def _gives_seed(module: ModuleSyntax, _: None) -> bool:
    """Whether a file gives a number as the seed of a split or an estimator."""
    return any(
        isinstance(node, ast.Call)
        and outer_name(module, node.func).startswith(_LEARNING)
        and any(
            k.arg in _SOURCES and isinstance(k.value, ast.Constant) and type(k.value.value) is int
            for k in node.keywords
        )
        for node in module.nodes
    )


def state_of_split(entry: Entry) -> str:
    """Whose global state a split draws from: `torch` or `numpy`."""
    return "torch" if entry.name.startswith(_BY_TORCH) else "numpy"


def split_at(event: Event) -> tuple[Entry, Site] | None:
    """What splits at random by a global state at an event, and where that is written."""
    subject = event.subject
    if event.kind == "split":
        entry = load_library().get(event.name)
        site = event.site
        if entry is None or not entry.random or _is_given(site.node, entry):
            return None
        return entry, site
    if event.kind == "opaque" and event.name.rpartition(".")[2] == "split":
        if isinstance(subject, Built) and subject.entry.kind == "split":
            return _folds(subject)
    return None


def _folds(splitter: Built) -> tuple[Entry, Site] | None:
    entry = splitter.entry
    if not entry.random or _is_given(splitter.site.node, entry):
        return None
    if entry.random_unless and not _is_true(splitter):
        return None
    return entry, splitter.site


def _is_true(splitter: Built) -> bool:
    given = splitter.arguments.get(splitter.entry.random_unless)
    return isinstance(given, Constant) and bool(given.value) and not given.soft


def _is_given(call: ast.AST, entry: Entry) -> bool:
    """Whether a call may be given a seed or a generator, or not to shuffle."""
    if not isinstance(call, ast.Call) or any(isinstance(a, ast.Starred) for a in call.args):
        return True
    if isinstance(call.func, ast.Call):
        # `partial(train_test_split, random_state=0)(x, y)`
        return True
    for keyword in call.keywords:
        nothing = isinstance(keyword.value, ast.Constant) and keyword.value.value is None
        if keyword.arg is None or (keyword.arg in _SOURCES and not nothing):
            return True
        if keyword.arg == "shuffle" and not _says_true(keyword.value):
            return True
    # `random_split(dataset, lengths, generator)`
    return len(call.args) > 2 and entry.name.endswith(".random_split")


def _says_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
