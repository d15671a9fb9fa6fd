"""Whether all elements of a tensor are written anew before any of them is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.axes import size_of
from nnlint.semantics.axes.regroup import ViewResult
from nnlint.semantics.values import Operation
from nnlint.syntax.statements import blocks, enclosing_statement
from nnlint.syntax.targets import Target, mentions, only_target


def is_overwritten(view: Operation) -> bool:
    """Whether a view only makes room: all its elements are given right behind it, as in
    `picture = picture.reshape(3, h, w)` and `picture[0], picture[1], picture[2] = channels`."""
    target = only_target(view.site.module, view.site.node)
    placed = enclosing_statement(view.site.module, view.site.node)
    if target is None or placed is None:
        return False
    shape = view.view.shape if isinstance(view.view, ViewResult) else None
    count = size_of(shape[0]).integer if shape else None
    written: set[int] = set()
    for statement in placed.block[placed.block.index(placed.node) + 1 :]:
        parts = list(_parts_written(statement, target, count))
        if not parts and mentions(target, statement):
            return False
        if None in parts:
            return True
        written.update(part % count for part in parts if part is not None and count)
        if len(written) == count:
            return True
    return False


def _parts_written(
    statement: ast.stmt, target: Target, count: int | None, by_round: bool = False
) -> Iterator[int | None]:
    """The parts of a tensor that a statement writes without reading it; None for all of it.

    Parameters:
        by_round: whether a loop around it may write a part in each round.
    """
    match statement:
        case ast.Assign(targets=targets, value=value) if not mentions(target, value):
            each = [t for target in targets for t in getattr(target, "elts", [target])]
            for part in each:
                if isinstance(part, ast.Subscript) and mentions(target, part.value):
                    yield from _part(part.slice, by_round)
        case ast.For(iter=several) if mentions(target, several) or not _may_fill(several, count):
            return
        case ast.For() | ast.While() | ast.With() | ast.Try():
            loops = isinstance(statement, ast.For | ast.While)
            for block in blocks(statement):
                for inner in block:
                    yield from _parts_written(inner, target, count, by_round or loops)
        case _:
            return


def _part(index: ast.expr, by_round: bool) -> Iterator[int | None]:
    match index:
        case ast.Constant(value=int() as at):
            yield at
        case ast.Constant(value=value) if value is Ellipsis:
            yield None
        case ast.Slice(lower=None, upper=None, step=None):
            yield None
        case ast.Name() if by_round:
            yield None


def _may_fill(several: ast.expr, count: int | None) -> bool:
    """Whether a loop may have as many rounds as there are parts."""
    match several:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=end)]):
            return bool(end == count)
        case _:
            return True
