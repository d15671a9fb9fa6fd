"""The LibCST tree of a module, and the nodes that stand at its places."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import libcst as cst
from libcst.metadata import CodeRange, PositionProvider

from nnlint.finding import Position, Span

Block = cst.Module | cst.IndentedBlock | cst.SimpleStatementLine | cst.SimpleStatementSuite
"""What holds statements: a line or one-line suite holds those that `;` divides."""
BODIES = cst.Module | cst.IndentedBlock | cst.SimpleStatementSuite
Statement = cst.BaseStatement | cst.BaseSmallStatement


class Refused(Exception):
    """The source is written in a way that leaves no room for a change; says why."""


class _Places(NamedTuple):
    """Nodes and where they are."""

    parents: dict[cst.CSTNode, cst.CSTNode]
    spans: dict[cst.CSTNode, Span]
    at: dict[Span, list[cst.CSTNode]]


class SourceTree:
    """A module's tree that is asked for nodes by their places.

    Parameters:
        text: the module's text, with lines that end in `\\n`.

    Raises:
        Refused: LibCST cannot parse it. Whatever asks for a place raises it, too, where LibCST
            cannot write the text as it is.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        """What was parsed."""
        self._lines = text.split("\n")
        try:
            self.module = cst.parse_module(text)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise Refused("LibCST cannot parse the file") from error

    @functools.cached_property
    def _places(self) -> _Places:
        """Where everything stands, worked out when the first place is asked for.

        Raises:
            Refused: the tree is not what is written.
        """
        try:
            if self.module.code != self.text:
                raise Refused("the file's layout cannot be kept")
            positions = _Positions().of(self.module)
        except RecursionError as error:
            raise Refused("the file is nested too deeply") from error
        places = _Places({}, {}, {})
        waiting: list[cst.CSTNode] = [self.module]
        while waiting:
            node = waiting.pop()
            place = positions.get(node)
            if isinstance(place, CodeRange):
                span = places.spans[node] = self._span(node, place)
                places.at.setdefault(span, []).append(node)
            for child in children(node):
                places.parents[child] = node
                waiting.append(child)
        return places

    def _span(self, node: cst.CSTNode, place: CodeRange) -> Span:
        start, end = (Position(p.line, p.column + 1) for p in (place.start, place.end))
        if isinstance(node, cst.Tuple) and node.lpar:
            # to Python's own parser these brackets are part of a tuple
            start = self._beside(start, "(", -1) or start
            end = self._beside(end, ")", 1) or end
        if isinstance(node, cst.BaseCompoundStatement):
            # to Python's own parser a last `;` is part of a block
            end = self._beside(end, ";", 1) or end
        return start, end

    def _beside(self, place: Position, bracket: str, step: int) -> Position | None:
        """The outer side of a bracket or `;` that only blanks divide from a place."""
        line = self._lines[place.row - 1]
        before, after = line[: place.column - 1], line[place.column - 1 :]
        near = before.rstrip() if step < 0 else after.lstrip()
        if step < 0 and near.endswith(bracket):
            return Position(place.row, len(near))
        if step > 0 and near.startswith(bracket):
            return Position(place.row, len(line) - len(near) + 2)
        return None

    def span(self, node: cst.CSTNode) -> Span | None:
        """Where a node stands; None for what has no place, such as a comma."""
        return self._places.spans.get(node)

    def at(self, place: Span) -> list[cst.CSTNode]:
        """The nodes at a place, outermost first.

        Raises:
            Refused: there is none.
        """
        try:
            return self._places.at[place]
        except KeyError:
            raise Refused(f"row {place[0].row} is not what was linted") from None

    def expression_at(self, place: Span) -> cst.BaseExpression:
        """The expression at a place.

        Raises:
            Refused: there is none.
        """
        for node in self.at(place):
            if isinstance(node, cst.BaseExpression):
                return node
        raise Refused("no expression stands there")

    def call_at(self, place: Span) -> cst.Call:
        """The call at a place.

        Raises:
            Refused: there is none.
        """
        found = self.expression_at(place)
        if isinstance(found, cst.Call):
            return found
        raise Refused("no call stands there")

    def stands_at(self, node: cst.CSTNode, place: Span) -> bool:
        """Whether a node stands at a place."""
        return self.span(node) == place

    def statement(self, place: Span) -> Statement:
        """The innermost statement of a block that a place is in, or that stands there.

        A statement that has its line for itself is told by the line.

        Raises:
            Refused: there is none, as in front of an `elif`.
        """
        # a block stands where its only statement does
        inner = (n for n in self.at(place) if not isinstance(n, BODIES))
        node: cst.CSTNode | None = next(inner, None)
        while node is not None:
            parent = self._places.parents.get(node)
            if isinstance(node, cst.If) and isinstance(parent, cst.If):
                raise Refused("an `elif` is no statement of its own")
            if isinstance(parent, Block) and isinstance(
                node, cst.BaseStatement | cst.BaseSmallStatement
            ):
                if isinstance(parent, cst.SimpleStatementLine) and len(parent.body) == 1:
                    return parent
                return node
            node = parent
        raise Refused(f"row {place[0].row} is not what was linted")

    def block(self, statement: Statement) -> Block:
        """The block that a statement is part of."""
        parent = self._places.parents[statement]
        assert isinstance(parent, Block)
        return parent

    def enclosing(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes around one, innermost first."""
        parent = self._places.parents.get(node)
        while parent is not None:
            yield parent
            parent = self._places.parents.get(parent)

    def expression(self, text: str) -> cst.BaseExpression:
        """Parse an expression that is to stand in the module.

        Raises:
            Refused: it is none.
        """
        try:
            if "\n" in text and not is_expression(text):
                # it was written within brackets that it does not bring along
                text = f"({text})"
            return cst.parse_expression(text, self.module.config_for_parsing)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise Refused("the change is no expression here") from error

    def statements(self, lines: Sequence[str]) -> list[cst.BaseStatement]:
        """Parse statements that are to stand in the module.

        Raises:
            Refused: they are none.
        """
        text = "".join(f"{line}\n" for line in lines)
        try:
            parsed = cst.parse_module(text, self.module.config_for_parsing)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise Refused("the change is no statement here") from error
        return [s for s in parsed.body if isinstance(s, cst.BaseStatement)]


class _Positions(PositionProvider):
    """Finds the places of nodes; `MetadataWrapper` would go through the tree once more for it."""

    def of(self, module: cst.Module) -> Mapping[cst.CSTNode, object]:
        """The place of every node of a module that no other tree has a part in."""
        self._gen_impl(module)
        return self._computed


def within(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all that it holds."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes right below one: `node.children` visits them all to find them."""
    for name in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, cst.CSTNode))


@functools.cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def is_expression(text: str) -> bool:
    """Whether a text is an expression as it stands: one over several rows needs brackets."""
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
