"""Files to mutate, and the small edits that operators are made of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

Replacement = tuple[ast.AST, str]
"""A node and the text that takes its place."""
Operator = Callable[["Program"], Iterator[list[Replacement]]]
"""What yields the mutants of a file, each a list of replacements."""

NO_GRADIENTS = ("no_grad", "inference_mode", "set_grad_enabled(False)")


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

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.AST:
        """The innermost function around a node, or the module."""
        return next((n for n in self.around(node) if isinstance(n, ast.FunctionDef)), self.tree)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around a node, or the node itself."""
        return next(n for n in (node, *self.around(node)) if isinstance(n, ast.stmt))

    def has_gradients(self, node: ast.AST) -> bool:
        """Whether nothing around a node turns gradients off, as far as the file says."""
        for outer in self.around(node):
            if isinstance(outer, ast.With):
                given = [item.context_expr for item in outer.items]
            elif isinstance(outer, ast.FunctionDef):
                given = outer.decorator_list
            else:
                continue
            if any(word in self.source(e) for e in given for word in NO_GRADIENTS):
                return False
        return True

    @cached_property
    def is_run(self) -> bool:
        """Whether the file does something when it is run, beside what it defines."""
        acts = (ast.If, ast.For, ast.While, ast.With, ast.Try)
        return any(isinstance(s, acts) or called(s) for s in self.tree.body)

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.raw[start:end].decode("utf-8")

    @cached_property
    def raw(self) -> bytes:
        """The text as bytes, in which positions are counted."""
        return self.text.encode("utf-8")

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        return [0, *accumulate(len(line) for line in self.raw.splitlines(keepends=True))]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends in the raw text."""
        at: Any = node
        return (
            self.starts[at.lineno - 1] + at.col_offset,
            self.starts[at.end_lineno - 1] + at.end_col_offset,
        )

    def with_replaced(self, replacements: Sequence[Replacement]) -> str:
        """The text with every node replaced."""
        raw = self.raw
        placed = [(*self.span(node), content) for node, content in replacements]
        for start, end, content in sorted(placed, reverse=True):
            raw = raw[:start] + content.encode("utf-8") + raw[end:]
        return raw.decode("utf-8")

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


def swapped(program: Program, first: ast.AST, second: ast.AST) -> list[Replacement]:
    """Put two pieces of code into each other's place."""
    return [(first, program.source(second)), (second, program.source(first))]


def before(program: Program, place: ast.stmt, statement: ast.stmt) -> Replacement:
    """Put a copy of a statement before another one."""
    indent = "\n" + " " * place.col_offset
    return place, program.source(statement) + indent + program.source(place)


def behind(program: Program, place: ast.stmt, statement: ast.stmt) -> str:
    """The text of a statement with another one behind it."""
    return f"{program.source(place)}\n{' ' * place.col_offset}{program.source(statement)}"


def receiver(call: ast.AST) -> ast.AST:
    """`a.b` of the call `a.b.c()`; the function of others."""
    func = getattr(call, "func", call)
    return getattr(func, "value", func)


def owner(program: Program, statement: ast.stmt) -> str:
    """What a statement calls a method of, as it is written."""
    return program.source(receiver(statement.value)) if isinstance(statement, ast.Expr) else ""


def in_method(program: Program, node: ast.AST) -> bool:
    """Whether a class of the file holds the node, in a method that others call again and again."""
    return any(
        node is inner
        for holder in ast.walk(program.tree)
        if isinstance(holder, ast.ClassDef)
        for inner in ast.walk(holder)
    )


class Span(ast.AST):
    """A place between characters, to put text at."""

    def __init__(self, lineno: int, col_offset: int) -> None:
        super().__init__()
        self.lineno = self.end_lineno = lineno
        self.col_offset = self.end_col_offset = col_offset
