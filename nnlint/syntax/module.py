"""A parsed module: its tree, and the text and place of every node."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from nnlint.finding import Position
from nnlint.source.file import SourceError, SourceFile, with_line_feeds
from nnlint.syntax.bindings import bindings
from nnlint.syntax.walking import walk
from nnlint.syntax.words import Words, words

Answer = TypeVar("Answer")
Detail = TypeVar("Detail", bound=Hashable)
_MOST_BITS = 14_000
"""Nothing that fits into them has more decimal digits than Python converts."""
_LONG_LITERAL = re.compile(r"0[bBoOxX][0-9a-fA-F_]{3500}")
_LONGEST_ROW = 2000
"""The length of a row that is still looked at for the syntax of a newer Python."""
_F_STRING_PARTS = re.compile(r"\{\{|\}\}|[{}'\"\n]")
_MOST_ROWS = 20
"""How many rows an f-string is followed over."""
_F_STRING = re.compile(r"\b[fF][rR]?([\"'])")
_DEFINES_TYPES = re.compile(r"\s*(?:(?:async\s+)?(?:def|class)\s+\w+\[|type\s+\w+\s*[=\[])")


class ModuleSyntax:
    """The syntax tree of a module, with its source."""

    __slots__ = (
        "_answers",
        "_bindings",
        "_lines",
        "_nodes",
        "_words",
        "broken",
        "is_package",
        "name",
        "source",
        "tree",
    )

    def __init__(
        self,
        name: str,
        is_package: bool,
        source: SourceFile,
        tree: ast.Module,
        broken: tuple[SourceError, ...] = (),
    ) -> None:
        self.name = name
        self.is_package = is_package
        self.source = source
        self.tree = tree
        self.broken = broken
        """Cells of a notebook that cannot be parsed and are left out."""
        self._lines: list[str] | None = None
        self._nodes: list[ast.AST] | None = None
        self._words: dict[ast.AST, Words] = {}
        self._answers: dict[tuple[Callable[..., Any], Hashable], Any] = {}
        self._bindings: dict[str, list[ast.stmt]] | None = None

    @property
    def lines(self) -> list[str]:
        """The source's lines without their ends, split as Python's parser splits them."""
        if self._lines is None:
            self._lines = with_line_feeds(self.source.text).split("\n")
        return self._lines

    @property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, those nearer to its root first."""
        if self._nodes is None:
            self._nodes = walk(self.tree)
        return self._nodes

    @property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The names that the top level binds, each with the statements that do, in order."""
        if self._bindings is None:
            self._bindings = bindings(self.tree)
        return self._bindings

    def words(self, node: ast.AST) -> Words:
        """The words of a node of this module."""
        found = self._words.get(node)
        if found is None:
            found = self._words[node] = words(node)
        return found

    def once(self, question: Callable[[ModuleSyntax, Detail], Answer], detail: Detail) -> Answer:
        """The answer to a question that several files ask about this one, looked for once."""
        key = question, detail
        if key not in self._answers:
            self._answers[key] = question(self, detail)
        answer: Answer = self._answers[key]
        return answer

    def span(self, node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
        """Start and end of a node as (row, column), both from 1, in characters.

        The tree counts columns in UTF-8 bytes.
        """
        row = getattr(node, "lineno", 1)
        end_row = getattr(node, "end_lineno", row)
        column = self._characters(row, getattr(node, "col_offset", 0))
        end_column = self._characters(end_row, getattr(node, "end_col_offset", 0))
        return (row, column + 1), (end_row, end_column + 1)

    def _characters(self, row: int, byte_column: int) -> int:
        line = self.lines[row - 1] if row <= len(self.lines) else ""
        if line.isascii():
            return byte_column
        return len(line.encode("utf-8")[:byte_column].decode("utf-8", errors="ignore"))

    def text(self, node: ast.AST) -> str:
        """The source text of a node."""
        (row, column), (end_row, end_column) = self.span(node)
        rows = self.lines[row - 1 : end_row]
        if not rows:
            return ""
        rows[-1] = rows[-1][: end_column - 1]
        rows[0] = rows[0][column - 1 :]
        return "\n".join(rows)


def stands_in(node: ast.AST, around: ast.AST) -> bool:
    """Whether a node stands in another of the same module, such as a function."""
    first, last = getattr(around, "lineno", 0), getattr(around, "end_lineno", 0) or 0
    return first <= getattr(node, "lineno", -1) and (getattr(node, "end_lineno", 0) or 0) <= last


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields that hold statements, or what holds them."""


def parse_module(source: SourceFile, name: str, is_package: bool) -> ModuleSyntax:
    """Parse a file; cells of a notebook that cannot be parsed are left out.

    Raises:
        SourceError: NN001, with the place of the error.
    """
    try:
        return ModuleSyntax(name, is_package, source, _parse(source.text, source.cells is not None))
    except SourceError:
        if source.cells is None:
            raise
    broken: list[SourceError] = []
    rows = source.text.split("\n")
    for cell in source.cells:
        start = cell.first_row - 1
        text = "\n".join(rows[start : start + cell.row_count])
        try:
            _parse(text, notebook=True)
        except SourceError as error:
            error.cell, error.text = cell.number, text
            broken.append(error)
            source = source.without(cell)
    tree = _parse(source.text, notebook=True)
    return ModuleSyntax(name, is_package, source, tree, tuple(broken))


def _parse(text: str, notebook: bool) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | (ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if notebook else 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.Module = compile(text, "<source>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        place = Position(error.lineno or 1, error.offset or 1)
        message = f"{error.msg} (Python {version})"
        newer = _is_of_newer_python(error, text)
        if newer:
            message = f"not linted: this takes a newer Python than nnlint runs on; {message}"
        found = SourceError("NN001", message, place)
        found.newer = newer
        raise found from error
    except (RecursionError, MemoryError) as error:
        raise SourceError("NN001", "the code is nested too deeply to be parsed") from error
    except ValueError as error:
        raise SourceError("NN001", f"the code cannot be parsed: {error}") from error
    if _LONG_LITERAL.search(text):
        _name_long_literals(tree)
    _leave_out_types(tree)
    return tree


def _leave_out_types(tree: ast.Module) -> None:
    """Turn `x: int = 1` into `x = 1`, but for what a class declares: the type of a variable says
    nothing of what happens, and who looks for assignments finds them in one form."""
    waiting: list[Any] = [tree]
    while waiting:
        around = waiting.pop()
        for field in _BLOCKS:
            block: Any = getattr(around, field, None)
            for at, statement in enumerate(block if isinstance(block, list) else ()):
                if not isinstance(statement, ast.AnnAssign):
                    waiting.append(statement)
                elif statement.value is not None and not isinstance(around, ast.ClassDef):
                    plain = ast.Assign([statement.target], statement.value)
                    block[at] = ast.copy_location(plain, statement)


def _is_of_newer_python(error: SyntaxError, text: str) -> bool:
    """Whether a row that this Python cannot parse is one of Python 3.12: quotes or the end of a row
    within the braces of an f-string, or a backslash, or what it has to define types."""
    if sys.version_info >= (3, 12):
        return False
    if error.msg.startswith("f-string expression part cannot include "):
        return True
    rows = text.split("\n")
    start = (error.lineno or len(rows) + 1) - 1
    row = rows[start] if start < len(rows) else ""
    if len(row) >= _LONGEST_ROW:
        return False
    behind = "\n".join(["", *rows[start + 1 : start + 1 + _MOST_ROWS]])[:_LONGEST_ROW]
    return _DEFINES_TYPES.match(row) is not None or any(
        _is_freer(row[m.end() :] + behind, m[1]) for m in _F_STRING.finditer(row)
    )


def _is_freer(rest: str, quote: str) -> bool:
    """Whether an f-string that has just begun has its own quotes or the end of a row within its
    braces, and ends."""
    depth = within = 0
    for part in _F_STRING_PARTS.findall(rest):
        if depth == 0 and part in (quote, "\n"):
            return part == quote and within > 0
        within += part in (quote, "\n")
        if depth or part not in ("{{", "}}"):
            depth += part.count("{") - part.count("}")
    return False


def _name_long_literals(tree: ast.Module) -> None:
    """Turn whole numbers that Python refuses to write in decimal into names of themselves."""
    for parent in walk(tree):
        for field, child in ast.iter_fields(parent):
            if isinstance(child, list):
                child[:] = map(_printable, child)
            else:
                setattr(parent, field, _printable(child))


def _printable(node: Any) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        if node.value.bit_length() > _MOST_BITS:
            return ast.copy_location(ast.Name(hex(node.value), ast.Load()), node)
    return node
