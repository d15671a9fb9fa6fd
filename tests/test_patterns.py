"""nnlint's own regular expressions: each takes time that is linear in the text it looks at."""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
LENGTH = 8_000
SECONDS = 0.15
"""A linear expression takes a hundredth of it on such a text, a quadratic one more than it."""
SEARCHES = ("search", "sub", "findall", "finditer", "split")
PIECES = [*" \t\n\r\\\"'`#%!?.,:;/|-_=<>()[]{}@aAzZ09é", "\r\n", "a ", " a", "a_", "a.", "'a", "1."]


def _functions() -> dict[tuple[str, str], set[str]]:
    """How compiled expressions are used: by the file of a private name, and by the name."""
    used: dict[tuple[str, str], set[str]] = {}
    for file in _files():
        for name, function in re.findall(r"\b(\w+)\.(\w+)\b", file.read_text()):
            place = str(file) if name.startswith("_") else ""
            used.setdefault((place, name), set()).add(function)
    return used


def _files() -> list[Path]:
    return [*sorted(ROOT.glob("nnlint/**/*.py")), *sorted(ROOT.glob("rules/**/*.py"))]


def _patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Each expression with its place, and whether it is looked for at every position."""
    used = _functions()
    for file in _files():
        text = file.read_text()
        # most files have no expression, and need no tree to tell
        for node, name in _calls(ast.parse(text)) if re.search(r"\bre\.", text) else ():
            assert isinstance(node.func, ast.Attribute)
            flags = next(
                (k.value for k in node.keywords if k.arg == "flags"),
                node.args[1] if node.func.attr == "compile" and node.args[1:] else ast.Constant(0),
            )
            try:
                pattern = re.compile(_value(file, node.args[0]), _value(file, flags))
            except NameError:
                # what a program's own names are put into
                continue
            key = (str(file) if name.startswith("_") else "", name)
            functions = used.get(key, set(SEARCHES)) if name else {node.func.attr}
            searched = not functions.isdisjoint(SEARCHES)
            yield f"{file.relative_to(ROOT)}:{node.lineno}", pattern, searched


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """The calls of `re` with a pattern, and the variable that a compiled one is kept in."""
    nodes = [*ast.walk(tree)]
    names = {
        id(node.value): target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args:
                if node.func.attr in ("compile", "match", "fullmatch", *SEARCHES):
                    yield node, names.get(id(node), "")


def _value(file: Path, node: ast.expr) -> Any:
    """The value of an expression at the top of a module, which is imported where it must be."""
    if isinstance(node, ast.Constant):
        return node.value
    parts = file.relative_to(ROOT).with_suffix("").parts
    code = compile(ast.Expression(node), str(file), "eval")
    try:
        return eval(code, {"re": re})
    except NameError:
        module = importlib.import_module(".".join(p for p in parts if p != "rules"))
        return eval(code, dict(vars(module)))


def _hostile(pattern: re.Pattern[Any]) -> Iterator[Any]:
    """Long texts of what an expression looks for, and of what may surround it, without an end."""
    words = re.findall(r"[A-Za-z]{2,}|#", str(pattern.pattern))[:4]
    for piece in [*PIECES, *words]:
        text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
        yield text + "\x00"
    for word in words:
        yield from (f"{word}{blank * LENGTH}\x00" for blank in " a1(")
        yield (f"# {word}:" * LENGTH)[:LENGTH]
        yield from ((f"{word}{blank}" * LENGTH)[:LENGTH] for blank in " _1=[:")


@pytest.mark.parametrize(
    ("pattern", "searches"), [pytest.param(p, s, id=place) for place, p, s in _patterns()]
)
def test_an_expression_takes_linear_time(pattern: re.Pattern[Any], searches: bool) -> None:
    look = pattern.search if searches else pattern.match
    for text in _hostile(pattern):
        given = text.encode() if isinstance(pattern.pattern, bytes) else text
        start = time.process_time()
        look(given)
        taken = time.process_time() - start
        assert taken < SECONDS, (pattern.pattern, text[:40])
