"""Where a file matches the patterns of rules, and what the interpreter knows there."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from nnlint.finding import Span
from nnlint.rewriting import Unparsed, tree_of
from nnlint.rewriting.changes import span_of
from nnlint.rule import Matches
from nnlint.semantics.analysis import Load
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.observing import Observer
from nnlint.semantics.values import Site, Unknown, Value, choose
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import first_row
from nnlint.syntax.walking import walk

if TYPE_CHECKING:
    import libcst as cst

    from nnlint.rewriting.tree import SourceTree


class Matching:
    """The nodes of a file that match patterns.

    Only the statements at the top of the file that hold one of a pattern's words are parsed
    for it.

    Parameters:
        patterns: what rules subscribe to.
    """

    def __init__(self, module: ModuleSyntax, patterns: Iterable[Matches]) -> None:
        self._module = module
        self._nodes: dict[Matches, list[cst.CSTNode]] = {}
        self._tree: SourceTree | None = None
        self._at: dict[Span, ast.AST] = {}
        self._values: dict[ast.AST, Value] = {}
        text = module.source.text
        wanted: dict[Matches, frozenset[int]] = {}
        for pattern in patterns:
            if any(_expression_of(word).search(text) for word in pattern.words):
                rows = _rows_for(module, pattern)
                if rows:
                    wanted[pattern] = rows
        if wanted:
            self._match(wanted)

    def _match(self, wanted: dict[Matches, frozenset[int]]) -> None:
        import libcst.matchers

        from nnlint.rewriting.tree import Refused, within

        rows = frozenset[int]().union(*wanted.values())
        found: dict[Matches, list[cst.CSTNode]] = {}
        try:
            tree = tree_of(self._module.source, rows)
            inside = list(within(tree.module))
            for pattern in wanted:
                matcher = pattern.pattern(libcst.matchers)
                nodes = [node for node in inside if libcst.matchers.matches(node, matcher)]
                if nodes:
                    found[pattern] = nodes
            for nodes in found.values():
                nodes.sort(key=lambda node: _order(tree.span(node)))
        except (Unparsed, Refused):
            # newer syntax than LibCST's, or another layout: rules about meaning have their say
            return
        if found:
            self._nodes, self._tree = found, tree
            parsed = [node for node in self._module.tree.body if first_row(node) in rows]
            self._at = {span_of(self._module, n): n for n in _outermost_last(parsed)}

    def nodes(self, pattern: Matches) -> list[cst.CSTNode]:
        """The nodes that match a pattern, in the order of the source."""
        return self._nodes.get(pattern, [])

    def interpreter(self, load: Load) -> ObservedInterpreter | None:
        """What interprets the file with an eye on what was matched; None where nothing was."""
        if not self._nodes or self._tree is None:
            return None
        from nnlint.rewriting.tree import within

        inside = [n for nodes in self._nodes.values() for node in nodes for n in within(node)]
        places = {span for node in inside if (span := self._tree.span(node)) is not None}
        nodes = {node for span in places if (node := self._at.get(span)) is not None}
        return ObservedInterpreter(load, Watcher(nodes, self._values))

    def site(self, node: cst.CSTNode) -> Site:
        """The place of a node, to report it.

        Raises:
            LookupError: it is no expression or statement of the file.
        """
        return Site(self._module, self._node(node))

    def value_of(self, node: cst.CSTNode) -> Value:
        """What the interpreter knows of an expression in what was matched, `Unknown` if nothing."""
        try:
            return self._values.get(self._node(node), Unknown())
        except LookupError:
            return Unknown()

    def _node(self, node: cst.CSTNode) -> ast.AST:
        span = self._tree.span(node) if self._tree is not None else None
        if span is None or span not in self._at:
            raise LookupError(f"{type(node).__name__} is no expression or statement of the file")
        return self._at[span]


def _order(span: Span | None) -> tuple[int, ...]:
    """Sorts what stands at places as the source does, what holds others before them."""
    return (*span[0], -span[1].row, -span[1].column) if span else ()


@functools.lru_cache(maxsize=64)
def _expression_of(word: str | re.Pattern[str]) -> re.Pattern[str]:
    """Finds a word, in which blanks before a bracket make no difference."""
    if isinstance(word, re.Pattern):
        return word
    return re.compile(re.escape(word).replace(r"\(", r"[ \t]*\("))


def _rows_for(module: ModuleSyntax, pattern: Matches) -> frozenset[int]:
    """The rows of the statements at the top of a module in which a pattern may match."""
    words = [_expression_of(word) for word in pattern.words]
    rows: set[int] = set()
    together = range(0)
    for node in module.tree.body:
        start, end = first_row(node), node.end_lineno or node.lineno
        # what shares a row with the statement before can only be parsed together with it
        start = together.start if start in together else start
        together = range(start, end + 1)
        lines = module.lines[start - 1 : end]
        if any(word.search(line) for line in lines for word in words):
            if start < first_row(node):
                rows.update(together)
            else:
                rows.update(_rows_in(module, node, pattern.holds))
    return frozenset(rows)


def _rows_in(
    module: ModuleSyntax, node: ast.stmt, holds: Callable[[ast.AST], bool] | None
) -> set[int]:
    """The rows of a statement that are to be parsed: of a class, its head and the statements in
    it that hold what is looked for."""
    whole = range(first_row(node), (node.end_lineno or node.lineno) + 1)
    if holds is None:
        return set(whole)
    parts: list[tuple[ast.AST, range]] = [(node, whole)]
    head = range(0)
    if isinstance(node, ast.ClassDef):
        first = first_row(node.body[0])
        head = range(whole.start, first)
        spans = [range(first_row(s), (s.end_lineno or s.lineno) + 1) for s in node.body]
        alone = not module.lines[first - 1][: node.body[0].col_offset].strip()
        if alone and all(one.stop <= other.start for one, other in pairwise(spans)):
            parts = list(zip(node.body, spans, strict=True))
            outside = [*node.decorator_list, *node.bases, *node.keywords]
            parts += [(part, whole) for part in outside]
    held = [rows for part, rows in parts if any(map(holds, walk(part)))]
    return {row for rows in (head, *held) for row in rows} if held else set()


def _outermost_last(statements: Sequence[ast.stmt]) -> Iterable[ast.AST]:
    """Nodes with a place, those that hold others of the same place after them."""
    nodes = [node for statement in statements for node in walk(statement)]
    return reversed([node for node in nodes if hasattr(node, "lineno")])


class Watcher(Observer):
    """Keeps the values of some expressions."""

    def __init__(self, nodes: set[ast.AST], values: dict[ast.AST, Value]) -> None:
        self._nodes = nodes
        self._values = values

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether something in a class or function was matched."""
        return any(stands_in(node, definition) for node in self._nodes)

    def evaluated(self, node: ast.expr, value: Value) -> None:
        """An expression has a value."""
        if node in self._nodes:
            known = self._values.get(node)
            self._values[node] = value if known is None else choose((known, value))
