"""Whether all elements of a tensor are written anew before any of them is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.axes import size_of
from nnlint.semantics.axes.regroup import ViewResult
from nnlint.semantics.values import Operation
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk


def is_overwritten(view: Operation) -> bool:
    """Whether a view only makes room: its name is given all its elements right behind it, as in
    `picture = picture.reshape(3, h, w)` and `picture[0], picture[1], picture[2] = channels`."""
    placed = enclosing_statement(view.site.module, view.site.node)
    shape = view.view.shape if isinstance(view.view, ViewResult) else None
    match placed.node if placed else None:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is view.site.node:
            pass
        case _:
            return False
    assert placed is not None
    count = size_of(shape[0]).integer if shape else None
    written: set[int] = set()
    for statement in placed.block[placed.block.index(placed.node) + 1 :]:
        parts = list(_parts_written(statement, name, count))
        if not parts and name in _names(statement):
            return False
        if None in parts:
            return True
        written.update(part % count for part in parts if part is not None and count)
        if len(written) == count:
            return True
    return False


def _parts_written(statement: ast.stmt, name: str, count: int | None) -> Iterator[int | None]:
    """The parts of a tensor that a statement writes without reading it; None for all of it."""
    match statement:
        case ast.Assign(targets=targets, value=value) if name not in _names(value):
            targets = [t for target in targets for t in getattr(target, "elts", [target])]
            for target in targets:
                if isinstance(target, ast.Subscript) and _is_name(target.value, name):
                    yield from _part(target.slice)
        case ast.For(target=each, iter=several, body=[ast.Assign(targets=[target], value=value)]):
            match target:
                case ast.Subscript(value=ast.Name(id=written), slice=ast.Name(id=at)):
                    reads = name in _names(value) or name in _names(several)
                    if written == name and not reads and _goes_over(each, several, at, count):
                        yield None


def _part(index: ast.expr) -> Iterator[int | None]:
    match index:
        case ast.Constant(value=int() as at):
            yield at
        case ast.Constant(value=value) if value is Ellipsis:
            yield None
        case ast.Slice(lower=None, upper=None, step=None):
            yield None


def _goes_over(each: ast.expr, several: ast.expr, at: str, count: int | None) -> bool:
    """Whether a loop has each position once: of a known number, or of as many parts as there are."""
    match several:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=end)]):
            return _is_name(each, at) and end == count
        case ast.Call(func=ast.Name(id="enumerate"), args=[_]):
            return isinstance(each, ast.Tuple) and _is_name(each.elts[0], at)
        case _:
            return False


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in walk(node) if isinstance(inner, ast.Name)}
