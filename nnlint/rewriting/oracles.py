"""What a change must leave as it is, whatever made it: comments, and the program around it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Container, Iterable, Iterator

from nnlint.rewriting.differences import Difference

Outline = tuple[str, ...]
"""A statement without the blocks in it, behind the kinds of the statements around it."""
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def fault(
    before: str, after: str, made: Iterable[Difference], rewritten: Iterable[str] = ()
) -> str:
    """What is wrong with a changed text; empty when nothing is.

    Parameters:
        rewritten: the comments that are to be others, or to go.
    """
    if _comments(before) - _comments(after) - Counter(rewritten):
        return "a comment would be lost"
    touched = {row for start, end, _ in made for row in range(start.row, end.row + 1)}
    try:
        left = Counter(outline for outline, _ in outlines(after))
    except (SyntaxError, RecursionError, ValueError, MemoryError):
        return "the result is no Python"
    kept = Counter(o for o, rows in outlines(before) if touched.isdisjoint(rows))
    if kept - left:
        return "more would change than what is meant"
    return ""


def fault_outside(before: str, after: str, rows: Container[int]) -> str:
    """What is wrong with a text that was changed in the statements of some rows, where these are
    in order by themselves; empty when nothing is.

    Parameters:
        rows: whole statements at the top of the text, with what stands between them.
    """
    try:
        left = Counter(written for _, written in _top(after))
    except (SyntaxError, RecursionError, ValueError, MemoryError):
        return "the result is no Python"
    if Counter(written for row, written in _top(before) if row not in rows) - left:
        return "more would change than what is meant"
    return ""


def _top(text: str) -> Iterator[tuple[int, str]]:
    """The statements at the top of a text: the first row, and what is written on its rows."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        first = first_row(node)
        yield first, "\n".join(lines[first - 1 : node.end_lineno])


def _comments(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.string.rstrip()] += 1
    except (tokenize.TokenError, SyntaxError):
        # Python's parser has the last word on whether this is a program
        pass
    return found


def outlines(text: str) -> Iterator[tuple[Outline, range]]:
    """The statements of a text, each with the rows that it has for itself."""
    waiting: list[tuple[ast.AST, Outline]] = [(ast.parse(text), ())]
    while waiting:
        node, around = waiting.pop()
        outline = around
        if isinstance(node, ast.stmt):
            outline = (*around, type(node).__name__)
            inner = [n.lineno for n in _inside(node) if isinstance(n, ast.stmt)]
            last = node.end_lineno or node.lineno
            first = first_row(node)
            yield (
                (*around, _header(node)),
                range(first, (max(first, min(inner) - 1) if inner else last) + 1),
            )
        waiting += [(child, outline) for child in _inside(node)]


def first_row(statement: ast.stmt) -> int:
    """The row that a statement begins on, with its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    for name in BLOCKS:
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from value


def _header(node: ast.stmt) -> str:
    fields = (
        f"{name}={_dumped(part)}" for name, part in ast.iter_fields(node) if name not in BLOCKS
    )
    return f"{type(node).__name__}({', '.join(fields)})"


def _dumped(part: object) -> str:
    if isinstance(part, list):
        return repr([_dumped(p) for p in part])
    return ast.dump(part) if isinstance(part, ast.AST) else repr(part)
