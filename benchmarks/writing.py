"""The ways in which the same program can be written, and a few places that it can stand in."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

import libcst as cst

from nnlint.syntax.statements import first_row

Layout = Callable[[str], str]
Node = TypeVar("Node", bound=cst.CSTNode)
MARK = "#@"
"""Begins the comments that a layout adds, each of which then gets a number of its own."""


class _Visitor(cst.CSTTransformer):
    """Applies one change to every node of some kinds."""

    def __init__(
        self, kinds: tuple[type[cst.CSTNode], ...], change: Callable[[Node], cst.CSTNode]
    ) -> None:
        super().__init__()
        self._kinds = kinds
        self._change = cast(Callable[[cst.CSTNode], cst.CSTNode], change)

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNodeT:
        """A node in the layout."""
        if isinstance(original_node, self._kinds):
            return cast(cst.CSTNodeT, self._change(updated_node))
        return updated_node


def _each(*kinds: type[Node]) -> Callable[[Callable[[Node], cst.CSTNode]], Layout]:
    """Makes a layout of what it does to nodes of some kinds."""

    def made(change: Callable[[Node], cst.CSTNode]) -> Layout:
        return lambda text: _parsed(text).visit(_Visitor(kinds, change)).code

    return made


@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> cst.Module:
    return cst.parse_module(text)


def _then(*layouts: Layout) -> Layout:
    """Several layouts, the last of them first."""
    return lambda text: functools.reduce(lambda t, layout: layout(t), reversed(layouts), text)


def _behind(text: str) -> cst.TrailingWhitespace:
    return cst.TrailingWhitespace(cst.SimpleWhitespace("  "), cst.Comment(f"{MARK} {text}"))


def _alone(text: str, indent: bool = True) -> cst.EmptyLine:
    return cst.EmptyLine(indent=indent, comment=cst.Comment(f"{MARK} {text}"))


def _leading(node: cst.CSTNode) -> Sequence[cst.EmptyLine]:
    return cast(Sequence[cst.EmptyLine], getattr(node, "leading_lines", ()))


def _rows(indent: str = "    ", *above: cst.EmptyLine, comment: str = "") -> _Space:
    first = _behind(comment) if comment else cst.TrailingWhitespace()
    return cst.ParenthesizedWhitespace(first, above, True, cst.SimpleWhitespace(indent))


_Space = cst.ParenthesizedWhitespace


def _indented(by: str) -> Layout:
    return lambda text: _parsed(text).with_changes(default_indent=by).code


def indents_of_their_own(text: str) -> str:
    """Blocks that do not agree on how far they are indented."""
    widths = itertools.cycle(("  ", "      ", "\t", "   "))

    @_each(cst.IndentedBlock)
    def layout(node: cst.IndentedBlock) -> cst.CSTNode:
        return node.with_changes(indent=next(widths))

    return layout(text)


@_each(cst.SimpleStatementLine)
def comment_behind(node: cst.SimpleStatementLine) -> cst.CSTNode:
    """Each row has a comment behind it."""
    if node.trailing_whitespace.comment:
        return node
    return node.with_changes(trailing_whitespace=_behind("behind"))


def _above(*lines: cst.EmptyLine) -> Layout:
    @_each(cst.SimpleStatementLine, cst.For, cst.While, cst.With, cst.If, cst.FunctionDef)
    def layout(node: cst.BaseStatement) -> cst.CSTNode:
        return node.with_changes(leading_lines=[*_leading(node), *lines])

    return layout


@_each(cst.Else, cst.ExceptHandler, cst.Finally, cst.Decorator)
def comment_between(node: cst.CSTNode) -> cst.CSTNode:
    """Comments stand between the parts of a statement."""
    return node.with_changes(leading_lines=[*_leading(node), _alone("between")])


@_each(cst.SimpleStatementLine, cst.For, cst.With)
def blank_between(node: cst.BaseStatement) -> cst.CSTNode:
    """Empty rows between all statements."""
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False), *_leading(node)])


@_each(cst.SimpleStatementLine)
def trailing_blanks(node: cst.SimpleStatementLine) -> cst.CSTNode:
    """Blanks at the ends of rows."""
    if node.trailing_whitespace.comment:
        return node
    space = cst.TrailingWhitespace(cst.SimpleWhitespace("   "))
    return node.with_changes(trailing_whitespace=space)


@_each(cst.IndentedBlock)
def comment_in_header(node: cst.IndentedBlock) -> cst.CSTNode:
    """Comments behind the colons."""
    return node if node.header.comment else node.with_changes(header=_behind("header"))


@_each(cst.IndentedBlock)
def comment_at_block_end(node: cst.IndentedBlock) -> cst.CSTNode:
    """Comments at the ends of blocks."""
    return node.with_changes(footer=[_alone("end"), *node.footer])


def _on_rows(*above: cst.EmptyLine, comment: str = "", last_comma: bool = True) -> Layout:
    """Calls with each argument on a row of its own."""

    @_each(cst.Call)
    def layout(node: cst.Call) -> cst.CSTNode:
        if not node.args or any(isinstance(a.value, cst.GeneratorExp) for a in node.args):
            return node
        empty = cst.SimpleWhitespace("")
        comma = cst.Comma(whitespace_after=_rows("    ", *above, comment=comment))
        inner = [a.with_changes(comma=comma, whitespace_after_arg=empty) for a in node.args[:-1]]
        end = _rows("", comment=comment)
        last = node.args[-1].with_changes(
            comma=cst.Comma(whitespace_after=end) if last_comma else cst.MaybeSentinel.DEFAULT,
            whitespace_after_arg=empty if last_comma else end,
        )
        start = _rows("    ", *above)
        return node.with_changes(args=[*inner, last], whitespace_before_args=start)

    return layout


def _lists_on_rows(*above: cst.EmptyLine, comment: str = "") -> Layout:
    @_each(cst.List)
    def layout(node: cst.List) -> cst.CSTNode:
        if not node.elements:
            return node
        comma = cst.Comma(whitespace_after=_rows("    ", *above, comment=comment))
        inner = [e.with_changes(comma=comma) for e in node.elements[:-1]]
        last = node.elements[-1].with_changes(comma=cst.Comma())
        return node.with_changes(
            elements=[*inner, last],
            lbracket=cst.LeftSquareBracket(_rows("    ", *above)),
            rbracket=cst.RightSquareBracket(_rows("", comment=comment)),
        )

    return layout


@_each(cst.Call)
def hanging(node: cst.Call) -> cst.CSTNode:
    """Arguments below each other, the first of them behind the bracket."""
    comma = cst.Comma(whitespace_after=_rows("        "))
    args = [a.with_changes(comma=comma) if a is not node.args[-1] else a for a in node.args]
    return node.with_changes(args=args)


@_each(cst.Call)
def spaces_in_brackets(node: cst.Call) -> cst.CSTNode:
    """Blanks within brackets."""
    if not node.args:
        return node
    space = cst.SimpleWhitespace(" ")
    last = node.args[-1].with_changes(whitespace_after_arg=space)
    return node.with_changes(args=[*node.args[:-1], last], whitespace_before_args=space)


@_each(cst.Call)
def space_before_brackets(node: cst.Call) -> cst.CSTNode:
    """A blank before the bracket of a call."""
    return node.with_changes(whitespace_after_func=cst.SimpleWhitespace(" "))


@_each(cst.Arg)
def spaces_around_equals(node: cst.Arg) -> cst.CSTNode:
    """Keywords with blanks around the `=`."""
    return node if node.keyword is None else node.with_changes(equal=cst.AssignEqual())


@_each(cst.Call)
def last_comma(node: cst.Call) -> cst.CSTNode:
    """A comma behind the last argument."""
    if not node.args or isinstance(node.args[-1].value, cst.GeneratorExp):
        return node
    last = node.args[-1].with_changes(comma=cst.Comma())
    return node.with_changes(args=[*node.args[:-1], last])


@_each(cst.Comma)
def tight_commas(node: cst.Comma) -> cst.CSTNode:
    """No blanks behind commas."""
    if isinstance(node.whitespace_after, cst.ParenthesizedWhitespace):
        return node
    return node.with_changes(whitespace_after=cst.SimpleWhitespace(""))


@_each(cst.AssignTarget)
def wide_equals(node: cst.AssignTarget) -> cst.CSTNode:
    """Assignments with many blanks."""
    space = cst.SimpleWhitespace("   ")
    return node.with_changes(whitespace_before_equal=space, whitespace_after_equal=space)


_CONTINUED = cst.SimpleWhitespace(" \\\n            ")


@_each(cst.AssignTarget)
def continued(node: cst.AssignTarget) -> cst.CSTNode:
    """Assignments that a backslash continues."""
    return node.with_changes(whitespace_after_equal=_CONTINUED)


@_each(cst.Dot)
def continued_at_dots(node: cst.Dot) -> cst.CSTNode:
    """Methods on rows of their own, behind backslashes."""
    return node.with_changes(whitespace_before=_CONTINUED)


@_each(cst.Add, cst.Subtract, cst.Multiply, cst.Divide, cst.AddAssign)
def continued_at_operators(node: cst.CSTNode) -> cst.CSTNode:
    """Sums over several rows, behind backslashes."""
    return node.with_changes(whitespace_after=_CONTINUED)


def _value(node: cst.CSTNode) -> cst.BaseExpression | None:
    """What can stand in brackets in a statement or argument and does not yet."""
    value: cst.BaseExpression | None = getattr(node, "value", None)
    return None if value is None or value.lpar or isinstance(value, cst.Yield) else value


def _in_brackets(*kinds: type[cst.CSTNode], rows: bool = False) -> Layout:
    left, right = cst.LeftParen(), cst.RightParen()
    if rows:
        left, right = cst.LeftParen(_rows("    ")), cst.RightParen(_rows(""))

    @_each(*kinds)
    def layout(node: cst.CSTNode) -> cst.CSTNode:
        value = _value(node)
        if value is None:
            return node
        return node.with_changes(value=value.with_changes(lpar=[left], rpar=[right]))

    return layout


@_each(cst.Assign, cst.Expr)
def chained_over_rows(node: cst.BaseSmallStatement) -> cst.CSTNode:
    """Methods on rows of their own within brackets."""
    value = _value(node)
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return node
    dot = value.func.dot.with_changes(whitespace_before=_rows("    "))
    call = value.with_changes(
        func=value.func.with_changes(dot=dot),
        lpar=[cst.LeftParen(_rows("    "))],
        rpar=[cst.RightParen(_rows(""))],
    )
    return node.with_changes(value=call)


@_each(cst.With)
def with_in_brackets(node: cst.With) -> cst.CSTNode:
    """The items of `with` in brackets, on rows."""
    last = node.items[-1].with_changes(comma=cst.Comma(whitespace_after=_rows("")))
    inner = [i.with_changes(comma=cst.Comma(whitespace_after=_rows())) for i in node.items[:-1]]
    return node.with_changes(
        lpar=cst.LeftParen(_rows()), rpar=cst.RightParen(), items=[*inner, last]
    )


def _joined(every: int) -> Layout:
    """Simple statements that stand side by side on one line."""

    def body(statements: Iterable[cst.BaseStatement]) -> list[cst.BaseStatement]:
        rows: list[cst.BaseStatement] = []
        for statement in statements:
            last = rows[-1] if rows else None
            if (
                isinstance(statement, cst.SimpleStatementLine)
                and isinstance(last, cst.SimpleStatementLine)
                and len(last.body) < every
                and not statement.leading_lines
                and not last.trailing_whitespace.comment
                and not isinstance(statement.body[0], cst.Import | cst.ImportFrom)
            ):
                semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
                first = [*last.body[:-1], last.body[-1].with_changes(semicolon=semicolon)]
                rows[-1] = statement.with_changes(
                    body=[*first, *statement.body], leading_lines=last.leading_lines
                )
            else:
                rows.append(statement)
        return rows

    @_each(cst.Module, cst.IndentedBlock)
    def layout(node: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(node, cst.Module | cst.IndentedBlock)
        return node.with_changes(body=body(node.body))

    return layout


@_each(cst.SimpleStatementLine)
def semicolon_at_end(node: cst.SimpleStatementLine) -> cst.CSTNode:
    """Each row ends with `;`."""
    last = node.body[-1].with_changes(semicolon=cst.Semicolon())
    return node.with_changes(body=[*node.body[:-1], last])


@_each(cst.IndentedBlock)
def one_line_suites(node: cst.IndentedBlock) -> cst.CSTNode:
    """Blocks of simple statements on the line of what they belong to."""
    if node.footer or node.header.comment:
        return node
    small: list[cst.BaseSmallStatement] = []
    for line in node.body:
        if not isinstance(line, cst.SimpleStatementLine):
            return node
        if line.leading_lines or line.trailing_whitespace.comment:
            return node
        small += line.body
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    small = [*(s.with_changes(semicolon=semicolon) for s in small[:-1]), small[-1]]
    return cst.SimpleStatementSuite(small)


def _mixed_line_ends(text: str) -> str:
    ends = itertools.cycle(("\n", "\r\n"))
    return re.sub("\n", lambda _: next(ends), text)


def _notebook(text: str, every: int) -> str:
    """A notebook with so many statements in each cell."""
    rows = text.splitlines(keepends=True)
    starts = [first_row(statement) - 1 for statement in ast.parse(text).body]
    cuts = [0, *starts[every::every], len(rows)]
    sources = ["".join(rows[a:b]).strip("\n") for a, b in itertools.pairwise(cuts)]
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }
        for source in sources
    ]
    note = {"cell_type": "markdown", "metadata": {}, "source": ["# Notes\n", "ünïcödé"]}
    whole = {"cells": [note, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


LAYOUTS: dict[str, Layout] = {
    "as written": lambda text: text,
    "tabs": _indented("\t"),
    "two blanks": _indented("  "),
    "eight blanks": _indented("        "),
    "indents of their own": indents_of_their_own,
    "no last line end": lambda text: text.rstrip("\n"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of old": lambda text: text.replace("\n", "\r"),
    "mixed line ends": _mixed_line_ends,
    "byte-order mark": lambda text: "\ufeff" + text,
    "coding cookie": lambda text: f"# -*- coding: latin-1 -*-\n# ünïcödé\n{text}",
    "licence": lambda text: f"#!/usr/bin/env python\n# Copyright: nobody\n\n{text}",
    "form feed": lambda text: text.replace("\n\n\n", "\n\n\x0c\n"),
    "letters beyond ASCII": lambda text: text.replace("\n\n\n", "\n\n# ünïcödé 日本 😀\n\n"),
    "comment behind": comment_behind,
    "comment above": _above(_alone("above")),
    "comments above": _above(_alone("above"), _alone("above")),
    "comment apart": _above(_alone("apart"), cst.EmptyLine(indent=False)),
    "comment at the margin": _above(_alone("above", indent=False)),
    "comment between": comment_between,
    "comment in header": comment_in_header,
    "comment at block end": comment_at_block_end,
    "comment everywhere": _then(
        _above(_alone("above")), comment_behind, comment_between, comment_at_block_end
    ),
    "blank between": blank_between,
    "trailing blanks": trailing_blanks,
    "arguments on rows": _on_rows(),
    "arguments on rows, no last comma": _on_rows(last_comma=False),
    "arguments on rows, comments": _on_rows(comment="argument"),
    "arguments on rows, comments, no last comma": _on_rows(comment="argument", last_comma=False),
    "arguments on rows, comments above": _on_rows(_alone("over")),
    "lists on rows": _lists_on_rows(),
    "lists on rows, comments": _lists_on_rows(comment="element"),
    "lists on rows, comments above": _lists_on_rows(_alone("over")),
    "hanging": hanging,
    "spaces in brackets": spaces_in_brackets,
    "space before brackets": space_before_brackets,
    "spaces around equals": spaces_around_equals,
    "last comma": last_comma,
    "tight commas": tight_commas,
    "wide equals": wide_equals,
    "continued": continued,
    "continued at dots": continued_at_dots,
    "continued at operators": continued_at_operators,
    "in brackets": _in_brackets(cst.Assign, cst.Return, cst.Expr),
    "in brackets over rows": _in_brackets(cst.Assign, cst.Return, rows=True),
    "chained over rows": chained_over_rows,
    "arguments in brackets": _in_brackets(cst.Arg),
    "with in brackets": with_in_brackets,
    "two on a line": _joined(2),
    "many on a line": _joined(9),
    "semicolon at end": semicolon_at_end,
    "one-line suites": one_line_suites,
    "one-line suites, joined": _then(_joined(9), one_line_suites),
    "tabs, comments, rows": _then(_indented("\t"), comment_behind, _on_rows()),
    "notebook": lambda text: _notebook(text, 10**6),
    "notebook, a cell for each statement": lambda text: _notebook(text, 1),
}
"""Layouts that keep what Python makes of a program."""


def _function_bodies(head: str) -> Layout:
    """The body of each function within another statement."""
    (outer,) = cst.parse_module(head).body

    class Inner(cst.CSTTransformer):
        def __init__(self, body: cst.BaseSuite) -> None:
            super().__init__()
            self._body = body

        def leave_IndentedBlock(
            self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
        ) -> cst.BaseSuite:
            holds = "HERE" in cst.Module([]).code_for_node(original_node)
            return self._body if holds else updated_node

    @_each(cst.FunctionDef)
    def layout(node: cst.FunctionDef) -> cst.CSTNode:
        if node.name.value == "__init__":
            return node
        filled = outer.deep_clone().visit(Inner(node.body))
        return node.with_changes(body=cst.IndentedBlock([cast(cst.BaseStatement, filled)]))

    return layout


def decorated(text: str) -> str:
    """Each function has a decorator that does nothing, with comments around it."""

    @_each(cst.FunctionDef)
    def layout(node: cst.FunctionDef) -> cst.CSTNode:
        lines = [_alone("above")]
        row = cst.Decorator(cst.Name("unchanged"), lines, trailing_whitespace=_behind("decorator"))
        return node.with_changes(
            decorators=[row, *node.decorators],
            lines_after_decorators=[_alone("below"), *node.lines_after_decorators],
        )

    return _behind_imports(layout(text), "def unchanged(function):\n    return function\n")


def _behind_imports(text: str, added: str) -> str:
    rows = text.splitlines(keepends=True)
    at = _end_of_imports(ast.parse(text))
    return "".join([*rows[:at], "\n\n", added, *rows[at:]])


def _end_of_imports(tree: ast.Module) -> int:
    """The last row of the imports at the top of a module."""
    imports = (s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom))
    return max((s.end_lineno or 0 for s in imports), default=0)


def in_a_function(text: str) -> str:
    """What stands behind the imports as the body of a function."""
    tree = ast.parse(text)
    end = _end_of_imports(tree)
    module = cst.parse_module(text)
    count = next((i for i, s in enumerate(tree.body) if s.lineno > end), len(tree.body))
    head, rest = module.body[:count], module.body[count:]
    body = cst.IndentedBlock([*rest, *cst.parse_module("return None\n").body])
    around = cst.FunctionDef(cst.Name("everything"), cst.Parameters(), body)
    call = cst.parse_module("everything()\n").body
    return module.with_changes(body=[*head, around, *call]).code


SETTINGS: dict[str, Layout] = {
    "in try": _function_bodies("try:\n    HERE\nfinally:\n    pass\n"),
    "in match": _function_bodies("match 0:\n    case _:\n        HERE\n"),
    "in if": _function_bodies("if 1:\n    HERE\n"),
    "in with": _function_bodies("with open('log') as log:\n    HERE\n"),
    "in a function": in_a_function,
    "decorated": decorated,
}
"""Other programs, in which findings should be the same: where they are not, nothing is tried."""


def laid_out(text: str, layout: str) -> bytes | None:
    """A program in a layout; None where it is no other, or not the same program any more."""
    try:
        written = {**LAYOUTS, **SETTINGS}[layout](text)
        if written == text and layout != "as written":
            return None
        numbers = itertools.count(1)
        written = re.sub(f"{MARK}.*", lambda m: f"# {m[0][3:]} {next(numbers)}", written)
        if layout.startswith("notebook"):
            return written.encode()
        same = ast.dump(ast.parse(written.lstrip("\ufeff"))) == ast.dump(ast.parse(text))
        if layout in LAYOUTS and not same:
            return None
        return written.encode("latin-1" if layout == "coding cookie" else "utf-8")
    except (SyntaxError, cst.CSTValidationError, cst.ParserSyntaxError, ValueError):
        return None
