"""Fixes in every layout that code is written in: `python -m benchmarks.layouts [FOLDER…]`.

Each file with a fix is written anew in many layouts that keep what Python makes of it. In
each the fix must hold or be refused: what it gives parses, keeps all comments and every line
that it does not touch byte for byte, changes nothing more when it is made again, and its
finding is gone with no other in its place. Exit status 1 where one does not.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import libcst as cst

from nnlint.config import Config, Selection
from nnlint.engine import Linter
from nnlint.fixing import fix, permits

FIXTURES = Path(__file__).parent.parent / "fixtures"
Layout = Callable[[str], str]


class _Visitor(cst.CSTTransformer):
    """Applies one change to every node of a kind."""

    def __init__(self, kinds: tuple[type, ...], change: Callable[[cst.CSTNode], cst.CSTNode]):
        super().__init__()
        self._kinds = kinds
        self._change = change

    def on_leave(self, original_node, updated_node):  # type: ignore[no-untyped-def]
        if isinstance(original_node, self._kinds):
            return self._change(updated_node)
        return updated_node


def _each(*kinds: type) -> Callable[[Callable[[cst.CSTNode], cst.CSTNode]], Layout]:
    def made(change: Callable[[cst.CSTNode], cst.CSTNode]) -> Layout:
        return lambda text: cst.parse_module(text).visit(_Visitor(kinds, change)).code

    return made


def _comment(text: str) -> cst.TrailingWhitespace:
    return cst.TrailingWhitespace(cst.SimpleWhitespace("  "), cst.Comment(text))


def _indented(by: str) -> Layout:
    def layout(text: str) -> str:
        module = cst.parse_module(text)
        return module.with_changes(default_indent=by).code

    return layout


LINES = (cst.SimpleStatementLine,)


@_each(*LINES)
def comment_behind(node):  # type: ignore[no-untyped-def]
    if node.trailing_whitespace.comment:
        return node
    return node.with_changes(trailing_whitespace=_comment("# behind"))


@_each(*LINES, cst.For, cst.While, cst.With, cst.FunctionDef)
def comment_above(node):  # type: ignore[no-untyped-def]
    line = cst.EmptyLine(comment=cst.Comment("# above"))
    return node.with_changes(leading_lines=[*node.leading_lines, line])


@_each(*LINES, cst.For, cst.With)
def comment_apart(node):  # type: ignore[no-untyped-def]
    lines = [cst.EmptyLine(comment=cst.Comment("# apart")), cst.EmptyLine(indent=False)]
    return node.with_changes(leading_lines=[*node.leading_lines, *lines])


@_each(*LINES, cst.For, cst.With)
def blank_between(node):  # type: ignore[no-untyped-def]
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False), *node.leading_lines])


@_each(*LINES)
def trailing_blanks(node):  # type: ignore[no-untyped-def]
    if node.trailing_whitespace.comment:
        return node
    space = cst.TrailingWhitespace(cst.SimpleWhitespace("   "))
    return node.with_changes(trailing_whitespace=space)


@_each(cst.IndentedBlock)
def comment_in_header(node):  # type: ignore[no-untyped-def]
    return node if node.header.comment else node.with_changes(header=_comment("# header"))


@_each(cst.IndentedBlock)
def comment_at_block_end(node):  # type: ignore[no-untyped-def]
    line = cst.EmptyLine(comment=cst.Comment("# end"))
    return node.with_changes(footer=[line, *node.footer])


def _rows(extra: str = "", last_comma: bool = True) -> Layout:
    def space(indent: str, comment: str = "") -> cst.ParenthesizedWhitespace:
        first = _comment(comment) if comment else cst.TrailingWhitespace()
        return cst.ParenthesizedWhitespace(
            first, indent=True, last_line=cst.SimpleWhitespace(indent)
        )

    @_each(cst.Call)
    def layout(node):  # type: ignore[no-untyped-def]
        if not node.args or any(isinstance(a.value, cst.GeneratorExp) for a in node.args):
            return node
        inner = [
            a.with_changes(
                comma=cst.Comma(whitespace_after=space("    ", extra)),
                whitespace_after_arg=cst.SimpleWhitespace(""),
            )
            for a in node.args[:-1]
        ]
        last = node.args[-1]
        if last_comma:
            last = last.with_changes(
                comma=cst.Comma(whitespace_after=space("", extra)),
                whitespace_after_arg=cst.SimpleWhitespace(""),
            )
        else:
            last = last.with_changes(
                comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=space("", extra)
            )
        return node.with_changes(args=[*inner, last], whitespace_before_args=space("    "))

    return layout


@_each(cst.Call)
def hanging(node):  # type: ignore[no-untyped-def]
    space = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("        "))
    args = [
        a.with_changes(comma=cst.Comma(whitespace_after=space)) if a is not node.args[-1] else a
        for a in node.args
    ]
    return node.with_changes(args=args)


@_each(cst.Call)
def spaces_in_brackets(node):  # type: ignore[no-untyped-def]
    if not node.args:
        return node
    last = node.args[-1].with_changes(whitespace_after_arg=cst.SimpleWhitespace(" "))
    return node.with_changes(
        args=[*node.args[:-1], last], whitespace_before_args=cst.SimpleWhitespace(" ")
    )


@_each(cst.Call)
def last_comma(node):  # type: ignore[no-untyped-def]
    if not node.args or isinstance(node.args[-1].value, cst.GeneratorExp):
        return node
    last = node.args[-1]
    return node.with_changes(args=[*node.args[:-1], last.with_changes(comma=cst.Comma())])


@_each(cst.Comma)
def tight_commas(node):  # type: ignore[no-untyped-def]
    if isinstance(node.whitespace_after, cst.ParenthesizedWhitespace):
        return node
    return node.with_changes(whitespace_after=cst.SimpleWhitespace(""))


@_each(cst.AssignTarget)
def wide_equals(node):  # type: ignore[no-untyped-def]
    space = cst.SimpleWhitespace("   ")
    return node.with_changes(whitespace_before_equal=space, whitespace_after_equal=space)


@_each(cst.AssignTarget)
def continued(node):  # type: ignore[no-untyped-def]
    return node.with_changes(whitespace_after_equal=cst.SimpleWhitespace(" \\\n            "))


def _in_brackets(*kinds: type) -> Layout:
    @_each(*kinds)
    def layout(node):  # type: ignore[no-untyped-def]
        if node.value is None or node.value.lpar or isinstance(node.value, cst.Yield):
            return node
        value = node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return node.with_changes(value=value)

    return layout


@_each(cst.Assign, cst.Return)
def in_brackets_over_rows(node):  # type: ignore[no-untyped-def]
    if node.value is None or node.value.lpar or isinstance(node.value, cst.Yield):
        return node
    rows = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("    "))
    end = cst.ParenthesizedWhitespace(indent=True)
    value = node.value.with_changes(
        lpar=[cst.LeftParen(whitespace_after=rows)], rpar=[cst.RightParen(whitespace_before=end)]
    )
    return node.with_changes(value=value)


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
    def layout(node):  # type: ignore[no-untyped-def]
        return node.with_changes(body=body(node.body))

    return layout


@_each(cst.For, cst.While, cst.With, cst.If, cst.Else)
def one_line_suites(node):  # type: ignore[no-untyped-def]
    block = node.body
    if not isinstance(block, cst.IndentedBlock) or block.footer or block.header.comment:
        return node
    lines = block.body
    if not all(isinstance(line, cst.SimpleStatementLine) for line in lines):
        return node
    if any(line.leading_lines or line.trailing_whitespace.comment for line in lines):
        return node
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    small = [part for line in lines for part in line.body]
    small = [*(s.with_changes(semicolon=semicolon) for s in small[:-1]), small[-1]]
    return node.with_changes(body=cst.SimpleStatementSuite(small))


LAYOUTS: dict[str, Layout] = {
    "as written": lambda text: text,
    "tabs": _indented("\t"),
    "two blanks": _indented("  "),
    "eight blanks": _indented("        "),
    "no last line end": lambda text: text.rstrip("\n"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of old": lambda text: text.replace("\n", "\r"),
    "byte-order mark": lambda text: "\ufeff" + text,
    "licence": lambda text: f"#!/usr/bin/env python\n# Copyright: nobody\n\n{text}",
    "form feed": lambda text: text.replace("\n\n\n", "\n\n\x0c\n"),
    "letters beyond ASCII": lambda text: text.replace("\n\n\n", "\n\n# ünïcödé 日本 😀\n\n"),
    "comment behind": comment_behind,
    "comment above": comment_above,
    "comment apart": comment_apart,
    "comment everywhere": lambda text: comment_above(comment_behind(text)),
    "comment in header": comment_in_header,
    "comment at block end": comment_at_block_end,
    "blank between": blank_between,
    "trailing blanks": trailing_blanks,
    "arguments on rows": _rows(),
    "arguments on rows, no last comma": _rows(last_comma=False),
    "arguments on rows, comments": _rows("# argument"),
    "arguments on rows, comments, no last comma": _rows("# argument", last_comma=False),
    "hanging": hanging,
    "spaces in brackets": spaces_in_brackets,
    "last comma": last_comma,
    "tight commas": tight_commas,
    "wide equals": wide_equals,
    "continued": continued,
    "in brackets": _in_brackets(cst.Assign, cst.Return, cst.Expr),
    "in brackets over rows": in_brackets_over_rows,
    "arguments in brackets": _in_brackets(cst.Arg),
    "two on a line": _joined(2),
    "many on a line": _joined(9),
    "one-line suites": one_line_suites,
    "one-line suites, joined": lambda text: _joined(9)(one_line_suites(text)),
    "tabs, comments, rows": lambda text: _indented("\t")(comment_behind(_rows()(text))),
}


def laid_out(text: str, layout: str) -> str | None:
    """A program in a layout; None where it is no other, or not the same program any more."""
    try:
        written = LAYOUTS[layout](text)
        if written == text and layout != "as written":
            return None
        same = ast.dump(ast.parse(written.lstrip("\ufeff"))) == ast.dump(ast.parse(text))
    except (SyntaxError, cst.CSTValidationError, cst.ParserSyntaxError, ValueError):
        return None
    return written if same else None


def faults(path: Path, config: Config) -> Iterator[str]:
    """What is wrong with the fixes of a file."""
    linter = Linter(lambda folder: config, jobs=1)
    found = linter.discover([str(path)])
    outcome = fix(linter, found, {}, permits(unsafe=True))
    for finding, reason in outcome.dropped:
        yield f"row {finding.start.row}: {finding.code} does not hold: {reason}"
    after = outcome.contents.get(str(path))
    if after is None:
        return
    before = path.read_bytes()
    old, new = (raw.decode("utf-8-sig") for raw in (before, after))
    try:
        ast.parse(new)
    except SyntaxError as error:
        yield f"no Python afterwards: {error}"
        return
    lost = _comments(old) - _comments(new)
    if lost:
        yield f"comments lost: {', '.join(lost)}"
    if before[:3] == b"\xef\xbb\xbf" != after[:3]:
        yield "the byte-order mark is lost"
    if _line_ends(old) != _line_ends(new):
        yield "other line ends afterwards"
    again = fix(linter, found, {str(path): after}, permits(unsafe=True))
    if again.contents.get(str(path), after) != after:
        yield "changes more when it is made again"


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT)


def _line_ends(text: str) -> set[str]:
    return set(re.findall(r"\r\n|\r|\n", text))


def fixable(folders: Iterable[Path]) -> Iterator[Path]:
    """The files under folders in which something can be fixed."""
    config = Config(selection=Selection(extend_select=("pedantic",)))
    linter = Linter(lambda folder: config)
    result = linter.run(linter.discover([str(f) for f in folders]))
    yield from map(Path, dict.fromkeys(f.filename for f in result.findings if f.fix))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[FIXTURES])
    parser.add_argument("--most", type=int, default=10**6, help="files to take")
    options = parser.parse_args()
    config = Config(selection=Selection(extend_select=("pedantic",)))
    tried: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for source in list(fixable(options.folders))[: options.most]:
            if source.suffix != ".py":
                continue
            text = source.read_text(encoding="utf-8")
            for layout in LAYOUTS:
                written = laid_out(text, layout)
                if written is None:
                    continue
                tried[layout] += 1
                path = Path(folder, source.name)
                path.write_bytes(written.encode())
                for fault in faults(path, config):
                    bad[layout] += 1
                    print(f"{os.path.relpath(source)} ({layout}): {fault}")
    for layout, number in tried.items():
        print(f"{number:>6}  {bad[layout]:>4}  {layout}")
    print(f"{tried.total():>6}  {bad.total():>4}  in all")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
