"""The walk over a syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import nnlint
from nnlint.syntax.walking import walk

_GAPS = "table = {**base, 'a': 1}\ndef build(*, depth, width=3): pass\nnothing = None\n"
_PATTERNS = """
match point:
    case {"x": 0, **rest}:
        global seen
    case Point(x=0) | [1, *others] as both:
        pass
"""
_TEXTS = """
try:
    import torch as t
except ValueError as error:
    print(f"{error!r:>{10}}")
"""


def _in_order(tree: ast.AST) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]


def test_a_walk_meets_what_ast_walk_meets_in_the_same_order() -> None:
    texts = [path.read_text("utf-8") for path in Path(nnlint.__file__).parent.rglob("*.py")]
    assert len(texts) > 100
    for text in [_GAPS, _PATTERNS, _TEXTS, *texts]:
        tree = ast.parse(text)
        assert walk(tree) == _in_order(tree)
