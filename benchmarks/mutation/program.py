"""Files to mutate, and the small edits that operators are made of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Replacement = tuple[ast.AST, str]
"""A node and the text that takes its place."""
Operator = Callable[["Program"], Iterator[list[Replacement]]]
"""What yields the mutants of a file, each a list of replacements."""


@dataclass
class Program:
    """A file to mutate."""

    text: str
    tree: ast.Module

    def calls(self, *names: str) -> list[ast.Call]:
        """Calls of functions or methods by their last name, in source order."""
        found = [
            n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and last_name(n.func) in names
        ]
        return sorted(found, key=lambda n: (n.lineno, n.col_offset))

    def statements(self, *names: str) -> list[ast.Expr]:
        """Statements that are nothing but a call of one of the names."""
        return [
            n
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Expr)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in names
        ]

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Every list of statements."""
        for node in ast.walk(self.tree):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    yield block

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        return ast.get_source_segment(self.text, node) or ""

    def made_by(self, *classes: str) -> frozenset[str]:
        """Last names of the variables and attributes assigned from `Class(...)`."""
        return frozenset(
            last_name(target)
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Assign)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in classes
            for target in n.targets
        )


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`."""
    return getattr(node, "attr", None) or getattr(node, "id", "")


def called(statement: ast.stmt) -> str:
    """What a statement that is nothing but a call calls, by its last name; else empty."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return last_name(statement.value.func)
    return ""


def in_loop(program: Program, node: ast.AST) -> bool:
    """Whether a loop of the file holds the node."""
    return any(
        node is inner
        for loop in ast.walk(program.tree)
        if isinstance(loop, ast.For | ast.While)
        for inner in ast.walk(loop)
    )


def without(statements: Sequence[ast.stmt]) -> list[Replacement]:
    """Take statements out."""
    return [(s, "pass") for s in statements]


def before(program: Program, place: ast.stmt, statement: ast.stmt) -> Replacement:
    """Put a copy of a statement before another one."""
    indent = "\n" + " " * place.col_offset
    return place, program.source(statement) + indent + program.source(place)
