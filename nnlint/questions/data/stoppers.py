"""Objects of a program's own that end training, or keep weights, by the scores they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Class, Instance, Site, names_of
from nnlint.syntax.calls import argument_of, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import targets_of
from nnlint.syntax.walking import walk

_ORDERS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)
_KEEPS = frozenset({"save", "state_dict", "deepcopy", "save_checkpoint"})


@dataclass(frozen=True, slots=True, eq=False)
class Stopping:
    """A call by which a program's own object is given a score that it compares with the best."""

    site: Site
    score: ast.expr
    ends: bool
    """Whether it counts rounds to end training by; else it keeps weights."""


def stopping_calls(program: Program, modules: frozenset[ModuleSyntax]) -> Iterator[Stopping]:
    """The calls in some modules of objects that compare a number that they are given with the best
    one that they keep, and count the rounds without a better one, or keep weights."""
    known: dict[str, Class] = {}
    for event in program.events("build"):
        if isinstance(event.subject, Instance):
            known.update(dict.fromkeys(names_of(event.subject), event.subject.cls))
    judges: dict[tuple[Class, str], tuple[str, int, bool] | None] = {}
    for module in modules if known else ():
        for call in module.nodes:
            if not isinstance(call, ast.Call):
                continue
            name, method = last_name(call.func), "__call__"
            if name not in known and isinstance(call.func, ast.Attribute):
                name, method = last_name(call.func.value), name
            cls = known.get(name)
            if cls is None:
                continue
            if (cls, method) not in judges:
                judges[cls, method] = _judged_by(cls, method)
            found = judges[cls, method]
            score = argument_of(call, *found[:2]) if found else None
            if found and score is not None:
                yield Stopping(Site(module, call), score, found[2])


def _judged_by(cls: Class, name: str) -> tuple[str, int, bool] | None:
    """The parameter of a method that is compared with the best so far, its position in calls, and
    whether rounds are counted; None where nothing follows from it."""
    methods = [n for n in cls.node.body if isinstance(n, ast.FunctionDef)]
    method = next((m for m in methods if m.name == name), None)
    if method is None:
        return None
    own = [a.arg for a in method.args.args[1:]]
    derived = _derived(method, own)
    kept = {t.attr for s in walk(method) if isinstance(s, ast.Assign) for t in _own(s)}
    for node in walk(method):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], _ORDERS):
            continue
        read = [*walk(node.left), *walk(node.comparators[0])]
        best = any(_is_own(n) and last_name(n) in kept for n in read)
        given = [derived[n.id] for n in read if isinstance(n, ast.Name) and n.id in derived]
        if best and given:
            counts = _counts(methods)
            if counts or any(_keeps(m) for m in methods):
                return given[0], own.index(given[0]), counts
    return None


def _derived(method: ast.FunctionDef, own: list[str]) -> dict[str, str]:
    """The parameter that each local name is computed from."""
    found = {name: name for name in own}
    for node in walk(method):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            read = [n.id for n in walk(node.value) if isinstance(n, ast.Name) and n.id in found]
            if isinstance(target, ast.Name) and read:
                found.setdefault(target.id, found[read[0]])
    return found


def _own(statement: ast.Assign) -> list[ast.Attribute]:
    return [t for t in targets_of(statement) if isinstance(t, ast.Attribute) and _is_own(t)]


def _is_own(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and last_name(node.value) == "self"


def _counts(methods: list[ast.FunctionDef]) -> bool:
    """Whether an attribute is counted up, and compared with how far it may go."""
    nodes = [n for method in methods for n in walk(method)]
    counted = {
        last_name(n.target)
        for n in nodes
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add) and _is_own(n.target)
    }
    return any(
        isinstance(n, ast.Compare) and any(last_name(p) in counted for p in walk(n) if _is_own(p))
        for n in nodes
    )


def _keeps(method: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func) in _KEEPS for n in walk(method))
