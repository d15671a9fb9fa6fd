"""Which data a model is selected by: the best checkpoint, the last epoch, the learning rate."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nnlint.questions.data.evaluations import (
    Evaluation,
    evaluations,
    holds_rows_of,
    is_test_loader,
    only_encodes,
)
from nnlint.questions.data.loaders import loaders_in, split_of_hub
from nnlint.questions.data.stoppers import stopping_calls
from nnlint.questions.data.trainers_data import gives_own_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built, Site, constant
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import (
    enclosing_statement,
    enclosing_statements,
    function_around,
    targets_of,
)
from nnlint.syntax.walking import walk

_ORDERS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)
_STOPS = re.compile(r"early_?stop|stopper", re.IGNORECASE)
_SAVES = re.compile(r"save|checkpoint", re.IGNORECASE)
_ADDS = frozenset({"append", "update", "add", "extend", "add_batch"})
_KEPT, _ENDS = "which weights are kept", "when training ends"
_MOST_NAMES = 60
_STEPS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Where a score decides which model is kept, when training ends, or how large the steps are."""

    site: Site
    """The comparison, or the call."""
    loader: Built
    """What the score was taken on."""
    test: Built
    """The loader of test data with the same rows: itself, where it is called so."""
    does: str
    """What the score decides."""


def selections_on_test(program: Program) -> Iterator[Selection]:
    """The places where the score on the test set selects."""
    measured = evaluations(program)
    tests = [e.loader for e in measured if is_test_loader(e.loader) and not only_encodes(e)]
    if not tests:
        return
    told: set[object] = set()
    modules = frozenset(b.site.module for e in measured for b in (*e.around, e.loop) if b.site)
    asked = (
        (s.site, frozenset(_read(s.score)), _ENDS if s.ends else _KEPT)
        for s in stopping_calls(program, modules)
    )
    for site, names, does in (*_deciding(program), *asked):
        hits = _behind(site, names, measured)
        chosen = {id(e.loader): e.loader for e in hits}
        same = [_test_of(loader, tests) for loader in chosen.values()]
        if not chosen or any(test is None for test in same):
            continue
        first, test = next(iter(chosen.values())), same[0]
        if test is not None and (id(first), does) not in told:
            told.add((id(first), does))
            yield Selection(site, first, test, does)


def _test_of(loader: Built, tests: list[Built]) -> Built | None:
    """The loader of test data that has the rows of another."""
    if is_test_loader(loader):
        return loader
    return next((t for t in tests if t is not loader and holds_rows_of(t, loader)), None)


def _deciding(program: Program) -> Iterator[tuple[Site, frozenset[str], str]]:
    """Places where scores decide, with the names of the scores in the order of the program."""
    for event in program.events("save", "keep", "scheduler_step", "opaque"):
        if event.kind in ("save", "keep"):
            for condition in event.conditions[::-1]:
                names = compared(condition.site, condition.taken)
                if names:
                    yield condition.site, names, _KEPT
                    break
            else:
                for call in event.callers[::-1]:
                    yield from _told_by_flag(call)
        elif event.kind == "scheduler_step" and _is_plateau(event):
            yield event.site, _names_in_arguments(event.site), "when the learning rate falls"
        elif event.kind == "opaque" and _STOPS.search(called_name(event.site.node)):
            names = _names_in_arguments(event.site)
            yield event.site, names, _ENDS
        elif event.kind == "opaque" and _SAVES.search(called_name(event.site.node)):
            yield from _told_by_flag(event.site)


def _told_by_flag(call: Site) -> Iterator[tuple[Site, frozenset[str], str]]:
    """Comparisons whose outcome a call that saves is given: `save(state, is_best)`."""
    if not isinstance(call.node, ast.Call):
        return
    given = [*call.node.args, *(k.value for k in call.node.keywords)]
    flags = {value.id for value in given if isinstance(value, ast.Name)}
    own: ast.AST = function_around(call.module, call.node) or call.module.tree
    for statement in walk(own) if flags else ():
        if isinstance(statement, ast.Assign) and not flags.isdisjoint(_assigned_by(statement)):
            test = Site(call.module, statement.value)
            names = compared(test, True)
            if names:
                yield test, names, _KEPT


def _is_plateau(event: Event) -> bool:
    subject = event.subject
    return isinstance(subject, Built) and subject.entry.schedule == "plateau"


def compared(test: Site, taken: bool) -> frozenset[str]:
    """The names of the scores that a test compares with the best so far."""
    if not taken:
        return frozenset()
    kept = _assigned_near(test)
    for node in walk(test.node):
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, _ORDERS):
                sides = [_read(left), _read(right)]
                scores = frozenset(n for side in sides for n in side if n not in kept)
                best = any(n in kept or "best" in n.lower() for side in sides for n in side)
                if scores and best:
                    return frozenset(n for n in scores if "best" not in n.lower())
            case _:
                pass
    return frozenset()


def _assigned_near(test: Site) -> frozenset[str]:
    """What the body of the `if` with a test assigns."""
    placed = enclosing_statement(test.module, test.node)
    if placed is None or not isinstance(placed.node, ast.If) or placed.node.test is not test.node:
        return frozenset()
    return frozenset(n for statement in placed.node.body for n in assigned(statement))


def _names_in_arguments(site: Site) -> frozenset[str]:
    call = site.node
    if not isinstance(call, ast.Call) or not (call.args or call.keywords):
        return frozenset()
    first = call.args[0] if call.args else call.keywords[0].value
    return frozenset(_read(first))


def _read(node: ast.AST) -> list[str]:
    """The variables and attributes that an expression reads."""
    found: list[str] = []
    for inner in walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            found.append(f"{inner.value.id}.{inner.attr}")
        elif isinstance(inner, ast.Name):
            found.append(inner.id)
    return [n for n in found if n not in ("self", "np", "torch", "float", "max", "min", "len")]


def assigned(node: ast.AST) -> Iterator[str]:
    """The variables and attributes that code assigns to, or adds to."""
    for inner in walk(node):
        if isinstance(inner, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from _assigned_by(inner)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            if inner.func.attr in _ADDS:
                yield from _targets(inner.func.value)


def _assigned_by(statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[str]:
    for target in targets_of(statement):
        yield from _targets(target)


def _targets(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            yield f"{owner}.{name}"
        case ast.Subscript(value=value) | ast.Starred(value=value):
            yield from _targets(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _targets(part)
        case _:
            pass


def _behind(site: Site, names: frozenset[str], measured: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations from which scores of some names come, in the function of a place."""
    module = site.module
    function = function_around(module, site.node)
    anchors = [(e, node) for e in measured if (node := _anchor(e, module, function)) is not None]
    if not anchors or not names:
        return []
    own: ast.AST = function or module.tree
    statements = [n for n in walk(own) if isinstance(n, ast.Assign | ast.AugAssign | ast.AnnAssign)]
    known, hits = {_Read(name, None) for name in names}, dict[int, Evaluation]()
    for _ in range(_STEPS):
        before = len(known)
        for evaluation, node in anchors:
            if isinstance(node, ast.For | ast.AsyncFor) and _fills(node, assigned(node), known):
                hits[id(evaluation)] = evaluation
        if hits:
            # a loop over the data has filled it: what went into that is no score
            return list(hits.values())
        for statement in statements:
            if statement.value is None or not _fills(statement, _assigned_by(statement), known):
                continue
            parts = walk(statement.value)
            calls = [e for e, node in anchors if node in parts]
            hits.update({id(e): e for e in calls})
            if not calls and len(known) < _MOST_NAMES:
                known |= _reads(module, statement)
        if hits or len(known) == before:
            break
    return list(hits.values())


class _Read(NamedTuple):
    """A variable that a score comes from."""

    name: str
    loop: ast.stmt | None
    """The loop in which it is assigned and read, if there is one: what another loop leaves under
    the same name is another value."""


def _fills(node: ast.stmt, assigned: Iterator[str], known: set[_Read]) -> bool:
    """Whether code assigns to one of the variables that a score comes from."""
    names = {*assigned}
    return any(
        read.name in names and (read.loop is None or stands_in(node, read.loop)) for read in known
    )


def _reads(
    module: ModuleSyntax, statement: ast.Assign | ast.AugAssign | ast.AnnAssign
) -> set[_Read]:
    """What a statement reads, each with the innermost loop around it that assigns it."""
    around = [p.node for p in enclosing_statements(module, statement)]
    loops = [
        (node, frozenset(assigned(node)))
        for node in around
        if isinstance(node, ast.For | ast.AsyncFor | ast.While)
    ]
    return {
        _Read(name, next((loop for loop, assigned in loops[::-1] if name in assigned), None))
        for name in (_read(statement.value) if statement.value is not None else ())
        if "best" not in name.lower()
    }


def _anchor(
    evaluation: Evaluation, module: ModuleSyntax, function: ast.FunctionDef | None
) -> ast.AST | None:
    """The loop, or the call that leads to it, that stands in a function itself."""
    sites = [b.site for b in evaluation.around if b.kind == "call"] + [evaluation.loop.site]
    for site in sites:
        if site is None or site.module is not module:
            continue
        if function_around(module, site.node) is function:
            return site.node
        if function is not None and stands_in(site.node, function):
            return site.node
    return None


def selected_by_trainer(program: Program) -> Iterator[tuple[Event, Built]]:
    """Where a trainer is given its test data to validate on, and keeps or stops by that."""
    if not any(map(_goes_by_score, program.builds)):
        return
    tested = [
        loader for e in program.events("test") for v in e.operands for loader, _ in loaders_in(v)
    ]
    for fit in program.events("fit"):
        for given, chosen in loaders_in(fit.operands[2] if len(fit.operands) > 2 else None):
            if not chosen and any(holds_rows_of(loader, given) for loader in tested):
                yield fit, given


def selected_on_hub_test(program: Program) -> Iterator[tuple[Event, Event]]:
    """Where a Hugging Face trainer keeps the best of the states by the test split of a data set, and
    the call that reports the score on that split afterwards."""
    for build in program.events("build"):
        trainer = build.subject
        if not isinstance(trainer, Built) or trainer.entry.family != "transformers":
            continue
        given, held_out = (trainer.arguments.get(name) for name in ("args", "eval_dataset"))
        if not isinstance(given, Built) or gives_own_data(build.site):
            continue
        keeps = constant(given.arguments.get("load_best_model_at_end"), soft=False) is True
        if not keeps or split_of_hub(held_out) != "test":
            continue
        for asked in program.events("validate", "predict"):
            reported = asked.operands[0] if asked.operands else held_out
            if asked.subject is trainer and reported is held_out:
                yield build, asked
                break


def _goes_by_score(callback: Built) -> bool:
    """Whether a callback of a trainer keeps weights, or ends training, by a score."""
    name = callback.entry.name.rpartition(".")[2]
    if callback.entry.family != "callback":
        return False
    return name == "EarlyStopping" or (name == "ModelCheckpoint" and "monitor" in callback.explicit)
