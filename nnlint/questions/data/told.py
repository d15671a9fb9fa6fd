"""As a score of which part of the data a number is told: by what it is called, and by the texts that
stand beside it where it is shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from heapq import heappop, heappush

from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name, words_of
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement, function_around, targets_of
from nnlint.syntax.walking import walk

_EVERY_DATA = frozenset({"eval", "evaluation", "evaluate", "inference"})
"""Words for a pass that may be over any data."""
_COMPUTED = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Attribute, ast.Constant, ast.operator)
_NUMBERS = frozenset("item float int len round sum mean average sqrt exp tensor cpu numpy".split())
"""Calls whose result is a number of what they are given, or on."""


def is_held_out_word(word: str) -> bool:
    """Whether a word says that data is kept out of training: `val`, `test`, and not `eval`."""
    return role_of_name(word) == EVAL and word not in _EVERY_DATA


def speaks_of_training(text: str) -> bool:
    """Whether a name or text speaks of training data, whatever else it says."""
    return "train" in text.lower() or any(role_of_name(w) == TRAIN for w in words_of(text))


def speaks_of_held_out(text: str) -> bool:
    """Whether a name or text speaks of data that is kept out of training."""
    return any(map(is_held_out_word, words_of(text)))


def told_about(site: Site) -> list[str]:
    """The names and texts that tell what a number is: a loop that adds it up, or a call that gives
    it, with what is computed from it alone behind that, in the same function."""
    module, node = site.module, site.node
    placed = enclosing_statement(module, node)
    if placed is None:
        return []
    if isinstance(node, ast.For):
        known = set(summed_in(node))
        said = [*known, *(text for inner in node.body for text in _shown(inner, known))]
        said += _texts(node.iter)
    else:
        known = set(assigned_by(placed.node))
        # what makes the data of it says whose data it is, and not what the score is
        inner = node.args + [k.value for k in node.keywords] if isinstance(node, ast.Call) else []
        made = [text for a in inner if isinstance(a, ast.Call) for text in _texts(a)]
        said = [*known, *(text for text in _texts(placed.node) if text not in made)]
    own: ast.AST = function_around(module, node) or module.tree
    for statement in _behind(module.once(_by_name, own), placed.node, known):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            names = assigned_by(statement)
            if _is_computed_from(statement.value, known):
                known.update(names)
                said += names
            else:
                # the name is another value's from here on
                known.difference_update(names)
        elif isinstance(statement, ast.Expr | ast.Return):
            said += _shown(statement, known)
    return said


_Places = dict[str, list[tuple[int, int, ast.stmt]]]
"""By each name the statements that mention it, with their rows and columns."""


def _by_name(module: ModuleSyntax, own: ast.AST) -> _Places:
    found: _Places = {}
    for statement in walk(own):
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return):
            for name in _read(statement):
                place = statement.lineno, statement.col_offset, statement
                found.setdefault(name, []).append(place)
    return found


def _behind(places: _Places, first: ast.stmt, known: set[str]) -> Iterator[ast.stmt]:
    """The statements behind one that mention a known name, in the order in which they are written;
    what becomes known on the way counts. Each name is looked up once, however many scores there are.
    """
    row = first.end_lineno or first.lineno
    asked: set[str] = set()
    waiting: dict[tuple[int, int], ast.stmt] = {}
    order: list[tuple[int, int]] = []
    while True:
        for name in known - asked:
            asked.add(name)
            for line, column, statement in places.get(name, ()):
                if line > row and (line, column) not in waiting:
                    waiting[line, column] = statement
                    heappush(order, (line, column))
        if not order:
            return
        place = heappop(order)
        row = place[0]
        yield waiting[place]


def _shown(statement: ast.stmt, known: set[str]) -> Iterator[str]:
    """What is said in a statement that shows one of some numbers."""
    for call in walk(statement):
        if isinstance(call, ast.Call) and not known.isdisjoint(_read(call)):
            yield from _texts(call)


def _is_computed_from(value: ast.expr, known: set[str]) -> bool:
    """Whether a number is computed from known ones, and from nothing that could be another score."""
    if known.isdisjoint(_read(value)):
        return False
    return all(
        isinstance(node, (*_COMPUTED, ast.expr_context, ast.unaryop))
        or (isinstance(node, ast.Call) and called_name(node) in _NUMBERS)
        for node in walk(value)
    )


def _read(node: ast.AST) -> set[str]:
    return {last_name(n) for n in walk(node) if isinstance(n, ast.Name | ast.Attribute)} - {""}


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def summed_in(loop: ast.For) -> Iterator[str]:
    """The names that the rounds of a loop add to."""
    for node in walk(loop):
        match node:
            case ast.AugAssign(target=target):
                yield last_name(target)
            case ast.Call(func=ast.Attribute(value=target, attr="append")):
                yield last_name(target)
            case _:
                pass


def assigned_by(statement: ast.AST) -> list[str]:
    """The names that a statement assigns to."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    return [name for t in targets_of(statement) for n in walk(t) if (name := last_name(n))]
