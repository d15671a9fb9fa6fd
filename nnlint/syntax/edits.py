"""Changes to a module's text that keep every other character.

Each function returns the changes that do what it says, or None when the source is written
in a way that leaves no place for it: two statements on one line, `**kwargs` that may hold
the argument already. A fix that needs such a change is not offered.
"""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from typing import Protocol

from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import Placed, enclosing_statement, first_row

Place = tuple[int, int]
"""Row and column in characters, both from 1."""


class Site(Protocol):
    """A node of a module."""

    @property
    def module(self) -> ModuleSyntax:
        """The module."""

    @property
    def node(self) -> ast.AST:
        """The node."""


@dataclass(frozen=True, slots=True)
class Change:
    """Put `content` where the text from `start` to `end` (exclusive) is; lines end in `\\n`."""

    module: ModuleSyntax
    start: Place
    end: Place
    content: str


Changes = tuple[Change, ...] | None
PLAIN = ast.Name | ast.Attribute | ast.Call | ast.Subscript
"""Expressions that a method can be called on as they are."""


def source_text(site: Site) -> str:
    """The text of a node as it is written, on as many lines as it has."""
    return site.module.text(site.node)


def replace(site: Site, text: str) -> Changes:
    """Put an expression in the place of another."""
    start, end = site.module.span(site.node)
    return (Change(site.module, start, end, text),)


def unwrap(call: Site, argument: Site) -> Changes:
    """Put an argument in the place of the call that takes it."""
    inner = argument.node
    if call.module is not argument.module or isinstance(inner, ast.Starred):
        return None
    text = source_text(argument)
    whole = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Dict)
    bare = isinstance(inner, whole) or ("\n" not in text and _stands_alone(call))
    return replace(call, text if bare else f"({text})")


def _stands_alone(site: Site) -> bool:
    """Whether an expression is all of what is assigned, returned or passed."""
    found = enclosing_statement(site.module, site.node)
    if found is None:
        return False
    return any(
        site.node is value
        for node in ast.walk(found.node)
        if isinstance(node, ast.Assign | ast.Return | ast.Call | ast.keyword | ast.List)
        for value in (
            *getattr(node, "args", ()),
            *getattr(node, "elts", ()),
            getattr(node, "value", None),
        )
    )


def insert_before(site: Site, *lines: str) -> Changes:
    """Put statements on lines of their own before the statement that a node is in."""
    found = _own_lines(site)
    if found is None or site.module.text(found.node).startswith("elif"):
        return None
    row = first_row(found.node)
    indent = _indent(site.module, row)
    content = "".join(f"{indent}{line}\n" for line in lines)
    return (Change(site.module, (row, 1), (row, 1), content),)


def insert_after(site: Site, *lines: str) -> Changes:
    """Put statements on lines of their own after the statement that a node is in."""
    found = _own_lines(site)
    if found is None or isinstance(found.node, ast.Return | ast.Raise | ast.Continue | ast.Break):
        return None
    row = found.node.end_lineno or found.node.lineno
    indent = _indent(site.module, first_row(found.node))
    place = (row, len(site.module.lines[row - 1]) + 1)
    content = "".join(f"\n{indent}{line}" for line in lines)
    return (Change(site.module, place, place, content),)


def delete_statement(site: Site) -> Changes:
    """Remove the statement that a node is in, with its lines."""
    found = _own_lines(site)
    if found is None:
        return None
    module, statement = site.module, found.node
    if len(found.block) == 1:
        start, end = module.span(statement)
        return (Change(module, (first_row(statement), start[1]), end, "pass"),)
    return _without_rows(module, first_row(statement), statement.end_lineno or statement.lineno)


def call_method(site: Site, call: str) -> Changes:
    """Call a method on an expression: `detach()` makes `x` into `x.detach()`."""
    text = source_text(site)
    return replace(site, f"{text}.{call}" if isinstance(site.node, PLAIN) else f"({text}).{call}")


def move_behind(site: Site, other: Site) -> Changes:
    """Move the statement that a node is in to right behind the one that another node is in."""
    found, last = _own_lines(site), _own_lines(other)
    if found is None or last is None or site.module is not other.module:
        return None
    if len(found.block) == 1:
        return None
    if found.node.end_lineno == last.node.end_lineno:
        # it ends the other statement: less indent takes it out
        first = first_row(found.node)
        rows = range(first, (found.node.end_lineno or first) + 1)
        if len(rows) > 1:
            return None
        indent = _indent(site.module, first_row(last.node))
        return (Change(site.module, (first, 1), site.module.span(found.node)[0], indent),)
    return together(delete_statement(site), insert_after(other, site.module.text(found.node)))


def take_out_of(site: Site, outer: Site) -> Changes:
    """Let a block end before the statement that a node is in: it and those behind it follow it.

    None where there is a text over several lines, which would change with its indent.
    """
    found, whole = _own_lines(site), _own_lines(outer)
    if found is None or whole is None or found.block.index(found.node) == 0:
        return None
    module, tail = site.module, found.block[found.block.index(found.node) :]
    texts = (n for s in tail for n in ast.walk(s) if isinstance(n, ast.Constant | ast.JoinedStr))
    if any(n.lineno != n.end_lineno for n in texts):
        return None
    first = first_row(found.node)
    deeper, indent = (_indent(module, row) for row in (first, first_row(whole.node)))
    surplus = len(deeper) - len(indent)
    rows = range(first, (tail[-1].end_lineno or first) + 1)
    written = [row for row in rows if module.lines[row - 1].startswith(deeper[:surplus])]
    return tuple(Change(module, (row, 1), (row, surplus + 1), "") for row in written)


def wrap(site: Site, header: str) -> Changes:
    """Make the statement that a node is in the body of a block of its own: `header` and a colon.

    None where it has a text over several lines, which would change with its indent.
    """
    found = _own_lines(site)
    if found is None or site.module.text(found.node).startswith("elif"):
        return None
    texts = (n for n in ast.walk(found.node) if isinstance(n, ast.Constant | ast.JoinedStr))
    if any(n.lineno != n.end_lineno for n in texts):
        return None
    module, first = site.module, first_row(found.node)
    indent = _indent(module, first)
    rows = range(first, (found.node.end_lineno or first) + 1)
    deeper = [
        Change(module, (r, 1), (r, 1), "    ") for r in rows[1:] if module.lines[r - 1].strip()
    ]
    return (Change(module, (first, 1), (first, 1), f"{indent}{header}:\n    "), *deeper)


def set_keyword(call: Site, name: str, value: str) -> Changes:
    """Give a call a keyword argument, or another value where it has it already."""
    node = call.node
    if not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            start, end = call.module.span(keyword.value)
            return (Change(call.module, start, end, value),)
    if any(keyword.arg is None for keyword in node.keywords):
        return None
    arguments = _items(call.module, node)
    if arguments is None or any(isinstance(a, ast.GeneratorExp) for a in node.args):
        return None
    return _append(call.module, arguments, f"{name}={value}")


def remove_keyword(call: Site, name: str) -> Changes:
    """Take a keyword argument from a call; no change when it has none of that name."""
    node = call.node
    if not isinstance(node, ast.Call):
        return None
    found = next((k for k in node.keywords if k.arg == name), None)
    return () if found is None else _remove(call.module, node, [found])


def remove_items(container: Site, *items: Site) -> Changes:
    """Take elements from a list, tuple or set that is written out, or arguments from a call."""
    node = container.node
    if not isinstance(node, ast.List | ast.Set | ast.Tuple | ast.Call):
        return None
    if any(item.module is not container.module for item in items):
        return None
    if isinstance(node, ast.Tuple) and len(node.elts) - len(items) <= 1:
        # what is left may need a comma of its own
        return None
    return _remove(container.module, node, [item.node for item in items])


def together(*changes: Changes) -> Changes:
    """All of several changes, or none when one of them cannot be made."""
    parts: list[Change] = []
    for part in changes:
        if part is None:
            return None
        parts += part
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class _Items:
    """What stands between the brackets of a call, list, tuple or set."""

    opening: Place
    """Behind the opening bracket."""
    spans: list[tuple[Place, Place]]
    """Start and end of each item, with parentheses around it."""
    comma: Place | None
    """Behind the comma after the last item, if there is one."""
    comments: list[Place]


def _items(module: ModuleSyntax, node: ast.AST) -> _Items | None:
    """The items of the last pair of brackets of an expression."""
    (row, column), _ = module.span(node)

    def place(at: tuple[int, int]) -> Place:
        return (row + at[0] - 1, at[1] + (column if at[0] == 1 else 1))

    items: _Items | None = None
    depth = 0
    start: Place | None = None
    end: Place = (row, column)
    try:
        for token in tokenize.generate_tokens(io.StringIO(module.text(node)).readline):
            text = token.string
            closes = token.type == tokenize.OP and text in ")]}"
            if closes:
                depth -= 1
            if items is not None and depth == 0 and closes and start is not None:
                items.spans.append((start, end))
                start = None
            if token.type == tokenize.COMMENT and items is not None:
                items.comments.append(place(token.start))
            elif items is not None and depth == 1 and token.type == tokenize.OP and text == ",":
                if start is not None:
                    items.spans.append((start, end))
                start = None
                items = _Items(items.opening, items.spans, place(token.end), items.comments)
            elif depth >= 1 and token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT):
                if start is None and items is not None:
                    start = place(token.start)
                    items = _Items(items.opening, items.spans, None, items.comments)
                end = place(token.end)
            if token.type == tokenize.OP and text in "([{":
                depth += 1
                if depth == 1:
                    items, start = _Items(place(token.end), [], None, []), None
    except (tokenize.TokenError, SyntaxError):
        return None
    if items is None or depth:
        return None
    bare = not isinstance(node, ast.Call) and items.opening != (row, column + 1)
    return None if bare else items


def _append(module: ModuleSyntax, items: _Items, text: str) -> Changes:
    if not items.spans:
        return (Change(module, items.opening, items.opening, text),)
    (row, column), end = items.spans[-1]
    line = module.lines[row - 1]
    if line[: column - 1].strip() or row == items.opening[0]:
        return (Change(module, end, end, f", {text}"),)
    # one item a line: the new one gets its own, behind a comment on the last one's
    indent = line[: column - 1]
    behind = (end[0], len(module.lines[end[0] - 1]) + 1)
    if items.comma is not None:
        if items.comma[0] != end[0]:
            return None
        return (Change(module, behind, behind, f"\n{indent}{text},"),)
    if any(comment[0] == end[0] for comment in items.comments):
        comma = Change(module, end, end, ",")
        return (comma, Change(module, behind, behind, f"\n{indent}{text}"))
    return (Change(module, end, end, f",\n{indent}{text}"),)


def _remove(module: ModuleSyntax, container: ast.AST, gone: list[ast.AST]) -> Changes:
    items = _items(module, container)
    if items is None:
        return None
    starts = [module.span(node)[0] for node in gone]
    numbers = [i for i, (s, e) in enumerate(items.spans) if any(s <= start < e for start in starts)]
    if len(numbers) != len(gone):
        return None
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return together(*(_without_run(module, items, first, last) for first, last in runs))


def _without_run(module: ModuleSyntax, items: _Items, first: int, last: int) -> Changes:
    """Take the items from one to another away, with the commas and rows that go with them."""
    spans = items.spans[first : last + 1]
    start, end = spans[0][0], spans[-1][1]
    if all(_is_alone(module, *span) for span in spans):
        rows = (_without_rows(module, s[0], e[0]) for s, e in spans)
        return together(*rows)
    if last + 1 < len(items.spans):
        end = items.spans[last + 1][0]
    elif first:
        start = items.spans[first - 1][1]
    elif items.comma is not None:
        end = items.comma
    if any(start <= comment < end for comment in items.comments):
        return None
    return (Change(module, start, end, ""),)


def _is_alone(module: ModuleSyntax, start: Place, end: Place) -> bool:
    """Whether nothing but a comma and a comment shares the rows of an item."""
    before = module.lines[start[0] - 1][: start[1] - 1]
    after = module.lines[end[0] - 1][end[1] - 1 :].lstrip().removeprefix(",").lstrip()
    return not before.strip() and after[:1] in ("", "#")


def _without_rows(module: ModuleSyntax, first: int, last: int) -> Changes:
    lines = module.lines
    if last < len(lines) and _same_cell(module, last, last + 1):
        return (Change(module, (first, 1), (last + 1, 1), ""),)
    end = (last, len(lines[last - 1]) + 1)
    if first == 1 or not _same_cell(module, first - 1, first):
        return (Change(module, (first, 1), end, ""),)
    # the last row has no end of its own, so the one before it gives up its
    return (Change(module, (first - 1, len(lines[first - 2]) + 1), end, ""),)


def _same_cell(module: ModuleSyntax, row: int, other: int) -> bool:
    position = module.source.position
    return position(row, 1)[0] == position(other, 1)[0]


def _own_lines(site: Site) -> Placed | None:
    """The statement around a node, when nothing else stands on its first and last line."""
    found = enclosing_statement(site.module, site.node)
    if found is None:
        return None
    lines = site.module.lines
    _, (end_row, end_column) = site.module.span(found.node)
    before = _indent(site.module, first_row(found.node))
    after = lines[end_row - 1][end_column - 1 :].strip()
    column = _first_column(site.module, found.node)
    alone = len(before) == column - 1 and after[:1] in ("", "#")
    return found if alone else None


def _first_column(module: ModuleSyntax, statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", None)
    if decorators:
        # the sign stands before the expression
        row, column = module.span(decorators[0])[0]
        return module.lines[row - 1].rindex("@", 0, column - 1) + 1
    return module.span(statement)[0][1]


def _indent(module: ModuleSyntax, row: int) -> str:
    line = module.lines[row - 1]
    return line[: len(line) - len(line.lstrip())]
