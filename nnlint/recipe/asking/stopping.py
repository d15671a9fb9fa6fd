"""Runs that end by what they measure: loops that are left once a score no longer improves."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name
from nnlint.recipe.context import Context, Run
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import BoundMethod, Class, Constant, Function, Instance, Site, Value
from nnlint.syntax.walking import walk

_TRAINING = ("step", "backward", "fit")
_Named = ast.Name | ast.Attribute | ast.Subscript
_ROUNDS = 4
"""Assignments after one another that are followed from a score to a test."""
_Loop = ast.For | ast.AsyncFor | ast.While
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Exit:
    """A place at which a loop is left, with the tests that it stands under."""

    node: ast.stmt
    tests: tuple[tuple[ast.expr, bool], ...]
    """Each with the branch that is taken, outermost first."""


def early_stops(context: Context, run: Run) -> Iterator[Site]:
    """The tests by which a run leaves the loop over its epochs when a score stops improving."""
    scores = _Scores(context, run)
    stoppers = _stoppers(context, run, scores)
    seen: set[int] = set()
    for block in _loops(run):
        site = block.site
        if site is None or not isinstance(site.node, _Loop) or id(site.node) in seen:
            continue
        seen.add(id(site.node))
        kept = _kept(list(_statements(site.node.body)), scores)
        for found in exits(site.node):
            asking = [test for test, _ in found.tests if _asks(test, kept, stoppers)]
            if asking and not _is_off(found, context.values):
                yield Site(site.module, asking[-1])


class _Scores:
    """Tells which values measure nothing but the loss that a run trains on.

    Parameters:
        run: what is looked at, of the file that the context is of.
    """

    def __init__(self, context: Context | None = None, run: Run | None = None) -> None:
        self._context = context
        events = run.program.events("backward") if run is not None else []
        self._trained_on = {id(event.subject) for event in events}

    def is_of_training(self, score: ast.expr) -> bool:
        """Whether an expression is, or sums up, the loss that is trained on."""
        names = [ast.unparse(node) for node in walk(score) if isinstance(node, _Named)]
        roles = {role_of_name(name.rpartition(".")[2]) for name in names}
        if TRAIN in roles or EVAL in roles:
            return TRAIN in roles
        value = self._context.values.get(score) if self._context is not None else None
        return value is not None and self.are_of_training((value,))

    def are_of_training(self, values: Sequence[Value]) -> bool:
        """Whether the loss that is trained on is behind values."""
        if self._context is None:
            return False
        return any(id(part) in self._trained_on for part in self._context.tracing.behind(*values))


def _loops(run: Run) -> Iterator[Block]:
    """The loops of a run that train a model, or a part of it, in each round."""
    for _, blocks in run.walk():
        for block in blocks:
            if block.kind == "loop" and block.events(*_TRAINING):
                yield block


def exits(loop: _Loop) -> Iterator[Exit]:
    """The places at which a loop is left before its end, and the test of a `while` itself."""
    if isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant):
        yield Exit(loop, ((loop.test, False),))
    yield from _exits(loop.body, (), False)


def _exits(
    body: list[ast.stmt], tests: tuple[tuple[ast.expr, bool], ...], inner: bool
) -> Iterator[Exit]:
    for node in body:
        match node:
            case ast.Break() if not inner:
                yield Exit(node, tests)
            case ast.Return():
                yield Exit(node, tests)
            case ast.If(test=test, body=first, orelse=second):
                yield from _exits(first, (*tests, (test, True)), inner)
                yield from _exits(second, (*tests, (test, False)), inner)
            case ast.For() | ast.While() | ast.AsyncFor():
                yield from _exits([*node.body, *node.orelse], tests, True)
            case ast.With() | ast.AsyncWith():
                yield from _exits(node.body, tests, inner)
            case ast.Try():
                yield from _exits([*node.body, *node.orelse, *node.finalbody], tests, inner)


def _is_off(found: Exit, values: Mapping[ast.AST, Value]) -> bool:
    """Whether an option keeps a place from being reached as long as nobody sets it."""
    for test, taken in found.tests:
        several = (
            test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else []
        )
        for part in (test, *(several if taken else ())):
            value = values.get(part)
            if isinstance(value, Constant) and bool(value.value) is not taken:
                return True
    return False


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block, inner ones included."""
    for node in body:
        for inner in walk(node):
            if isinstance(inner, ast.stmt):
                yield inner


def _kept(statements: list[ast.stmt], scores: _Scores) -> frozenset[str]:
    """What is computed from whether a score is better than the one that is kept: the texts of
    names and attributes that such a test decides about."""
    kept: set[str] = set()
    for node in statements:
        if isinstance(node, ast.If) and _keeps_best(node, scores):
            kept |= set(_targets([*node.body, *node.orelse]))
    for _ in range(_ROUNDS if kept else 0):
        before = len(kept)
        for node in statements:
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value:
                if _texts(node.value) & kept:
                    kept |= set(_targets([node]))
            elif isinstance(node, ast.If) and _texts(node.test) & kept:
                kept |= set(_targets([*node.body, *node.orelse]))
        if len(kept) == before:
            break
    return frozenset(kept)


def _keeps_best(node: ast.If, scores: _Scores) -> bool:
    """Whether a test compares a score with one that it is then kept as."""
    for test in walk(node.test):
        if isinstance(test, ast.Compare) and _is_score_kept(
            test, [*node.body, *node.orelse], scores
        ):
            return True
    return False


def _is_score_kept(test: ast.Compare, body: list[ast.stmt], scores: _Scores) -> bool:
    """Whether what is compared is assigned to what it is compared with."""
    left, right = test.left, test.comparators[-1]
    for node in _statements(body):
        if isinstance(node, ast.Assign):
            score = {ast.unparse(node.value)} | _texts(node.value)
            for target in _targets([node]):
                for best, other in ((left, right), (right, left)):
                    if target in _texts(best) and score & _texts(other) - {target}:
                        return not scores.is_of_training(other)
    return False


def _targets(body: list[ast.stmt]) -> Iterator[str]:
    for node in _statements(body):
        match node:
            case ast.Assign(targets=targets):
                for target in targets:
                    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                    yield from map(ast.unparse, parts)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                yield ast.unparse(target)


def _texts(node: ast.expr) -> set[str]:
    """The names, attributes and items in an expression, as they are written."""
    return {ast.unparse(inner) for inner in walk(node) if isinstance(inner, _Named)}


def _stoppers(context: Context, run: Run, scores: _Scores) -> dict[str, frozenset[str]]:
    """Objects and functions of the project that are told scores and keep the best: what each is
    called, with the attributes that follow from it."""
    found: dict[str, frozenset[str]] = {}
    for call in context.calls(run):
        node, callee = call.site.node, call.event.subject
        if not isinstance(node, ast.Call) or not call.given or not call.is_own:
            continue
        if scores.are_of_training(call.given[:1]):
            continue
        owner, text = callee, node.func
        if isinstance(callee, BoundMethod) and isinstance(node.func, ast.Attribute):
            owner, text = callee.receiver, node.func.value
        if isinstance(owner, Instance):
            kept = _kept_by(owner.cls)
            if kept:
                found[ast.unparse(text)] = kept
        elif isinstance(owner, Function) and isinstance(owner.node, ast.FunctionDef):
            if _compares_history(owner.node):
                found[ast.unparse(node.func)] = frozenset()
    return found


def _kept_by(cls: Class) -> frozenset[str]:
    """The attributes of a class that follow from whether a score is the best so far."""
    body = [s for base in cls.ancestry() if isinstance(base, Class) for s in base.node.body]
    methods = [s for s in body if isinstance(s, ast.FunctionDef)]
    kept: set[str] = set()
    for method in methods:
        statements = list(_statements(method.body))
        names = _kept(statements, _Scores())
        for name in names:
            if name.startswith("self."):
                kept.add(name.removeprefix("self."))
        if names and any(isinstance(s, ast.Return) and s.value is not None for s in statements):
            kept.add(f"{method.name}()")
            if method.name == "__call__":
                kept.add("()")
    return frozenset(kept)


def _compares_history(function: ast.FunctionDef) -> bool:
    """Whether a function compares parts of a history of scores that it is given."""
    given = {a.arg for a in function.args.args}
    for node in walk(function):
        if isinstance(node, ast.Compare):
            left, right = _texts(node.left), _texts(node.comparators[-1])
            same = {name for name in left & right & given}
            if same and ast.unparse(node.left) != ast.unparse(node.comparators[-1]):
                return any(isinstance(n, ast.Subscript) for n in walk(node))
    return False


def _asks(test: ast.expr, kept: frozenset[str], stoppers: Mapping[str, frozenset[str]]) -> bool:
    """Whether a test asks what follows from the best score."""
    if _texts(test) & kept:
        return True
    for node in walk(test):
        if isinstance(node, ast.Attribute):
            if node.attr in stoppers.get(ast.unparse(node.value), ()):
                return True
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in stoppers:
                kept_by = stoppers[ast.unparse(node.func)]
                if not kept_by or "()" in kept_by:
                    return True
            if isinstance(node.func, ast.Attribute):
                if f"{node.func.attr}()" in stoppers.get(ast.unparse(node.func.value), ()):
                    return True
    return False
