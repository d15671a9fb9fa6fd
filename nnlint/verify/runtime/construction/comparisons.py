"""What a model compares before it refuses an input: `assert tokens == height * width`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from ..sources import nodes_of

_PLAIN = (
    ast.Expression,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Constant,
    ast.BinOp,
    ast.UnaryOp,
    ast.Tuple,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)
"""Expressions that only look: sizes, attributes, numbers and what is reckoned of them."""
_ASKS = ("size", "dim", "numel", "len")
"""Calls that only look, too."""


def compared_sizes(error: BaseException) -> Iterator[tuple[int, int]]:
    """The unequal numbers of an assertion, or of an `if` that raises, left and right.

    Parameters:
        error: as it was raised; its last frame is the model's own.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return
    frame = trace.tb_frame
    for test in _tests_at(frame.f_code, trace.tb_lineno):
        for node in ast.walk(test):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                left, right = _value(node.left, frame), _value(node.comparators[0], frame)
                yield from _unequal(left, right)


def _tests_at(code: CodeType, line: int) -> Iterator[ast.expr]:
    """The conditions of an assertion, or of what raises, at a line of a function."""
    for node in nodes_of(code):
        if isinstance(node, (ast.Assert, ast.If)) and node.end_lineno:
            refuses = isinstance(node, ast.Assert) or isinstance(node.body[0], ast.Raise)
            if refuses and node.lineno <= line <= node.end_lineno:
                yield node.test


def _value(node: ast.expr, frame: FrameType) -> Any:
    """What an expression is in a frame; None if it might do more than look."""
    if not all(isinstance(part, _PLAIN) or _asks(part) for part in ast.walk(node)):
        return None
    try:
        code = compile(ast.Expression(node), "<comparison>", "eval")
        return eval(code, frame.f_globals, frame.f_locals)
    except Exception:
        # a name that is not there, or an operation that these values do not have
        return None


def _asks(node: ast.AST) -> bool:
    """Whether a call is one for a size."""
    if not isinstance(node, ast.Call) or node.keywords:
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    return name in _ASKS


def _unequal(left: Any, right: Any) -> Iterator[tuple[int, int]]:
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        for one, other in zip(left, right):
            yield from _unequal(one, other)
    elif type(left) is int and type(right) is int and left != right:
        yield left, right
