"""Code in HTML: in the colours of its syntax, with what is marked in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import PythonLexer, get_lexer_by_name
from pygments.token import STANDARD_TYPES, Token, _TokenType
from pygments.util import ClassNotFound

from nnlint.finding import Position
from nnlint.report.frame import LONGEST_LINE, Mark, window
from nnlint.text import plain

Piece = tuple[str, str]
"""The class of a token, and its text."""
_PYTHON = PythonLexer(stripnl=False, ensurenl=False)
_PLAIN = frozenset({Token.Text, Token.Text.Whitespace, Token.Name, Token.Punctuation})


def highlighted(
    code: str, first_line: int = 1, marked: Iterable[int | Mark] = (), language: str = "python"
) -> Markup:
    """A piece of code with its line numbers.

    Parameters:
        first_line: the number of its first line; 0 leaves numbers out.
        marked: numbers of lines that are set off, or parts of them.
        language: a name that Pygments knows; another one is shown without colours.
    """
    lines = code.rstrip("\n").split("\n")
    first = first_line or 1
    marks = [m if isinstance(m, Mark) else _whole(m, lines, first) for m in marked]
    shown = _block(lines, first, range(first, first + len(lines)), marks, language)
    return shown if first_line else Markup('<div class="unnumbered">{}</div>').format(shown)


def code_frame(lines: Sequence[str], marks: Iterable[Mark], rows: Iterable[int]) -> Markup:
    """The marked rows of a file, and `rows` as context around them.

    Returns:
        Nothing where the file has none of these rows.
    """
    marks = list(marks)
    wanted = sorted({r for r in (*rows, *(m.start.row for m in marks)) if 1 <= r <= len(lines)})
    return _block(lines, 1, wanted, marks, "python") if wanted else Markup("")


def difference(lines: Iterable[str]) -> Markup:
    """A unified diff, as `difflib.unified_diff` gives its lines."""
    kinds = {"+": "added", "-": "removed", "@": "hunk"}
    body = Markup("\n").join(
        Markup('<span class="{}">{}</span>').format(
            "hunk" if line.startswith(("---", "+++")) else kinds.get(line[:1], "same"),
            plain(line.rstrip("\r\n")),
        )
        for line in lines
    )
    return Markup('<pre class="code diff" tabindex="0"><code>{}</code></pre>').format(body)


def prose(text: str) -> Markup:
    """A sentence, with the code in it set off."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(plain(text)))))


def _whole(row: int, lines: Sequence[str], first: int) -> Mark:
    """A mark of a line, from its first letter on."""
    text = lines[row - first] if 0 <= row - first < len(lines) else ""
    start = len(text) - len(text.lstrip())
    return Mark(Position(row, start + 1), Position(row, len(text) + 1), "", "^", "")


def _block(
    lines: Sequence[str], first: int, rows: Sequence[int], marks: Sequence[Mark], language: str
) -> Markup:
    width = len(str(rows[-1]))
    shown: list[Markup] = []
    for run in _runs(rows):
        if shown:
            shown.append(Markup('<span class="gap">{}</span>').format("⋯".rjust(width)))
        texts = [lines[row - first] for row in run]
        for row, pieces in zip(run, _lexed("\n".join(texts), language), strict=True):
            here = [m for m in marks if m.start.row <= row <= max(m.start.row, m.end.row)]
            shown.append(_line(row, width, pieces, here))
    return Markup('<pre class="code" tabindex="0"><code>{}</code></pre>').format(
        Markup("\n").join(shown)
    )


def _runs(rows: Sequence[int]) -> Iterator[list[int]]:
    """Rows that follow each other."""
    run: list[int] = []
    for row in rows:
        if run and row != run[-1] + 1:
            yield run
            run = []
        run.append(row)
    yield run


def _lexed(text: str, language: str) -> Iterator[list[Piece]]:
    """The tokens of each line."""
    line: list[Piece] = []
    for kind, token in _lexer(language).get_tokens(text):
        first, *others = token.split("\n")
        line.append((_class_of(kind), first))
        for other in others:
            yield line
            line = [(_class_of(kind), other)]
    yield line


def _lexer(language: str) -> Lexer:
    if language == "python":
        return _PYTHON
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return get_lexer_by_name("text", stripnl=False, ensurenl=False)


def _class_of(kind: _TokenType) -> str:
    return "" if kind in _PLAIN else STANDARD_TYPES.get(kind, "")


def _line(row: int, width: int, pieces: Sequence[Piece], marks: Sequence[Mark]) -> Markup:
    text = "".join(token for _, token in pieces)
    spans = [_span(mark, row, text) for mark in marks]
    first, last = window(list(text), marks, LONGEST_LINE)
    cuts = sorted({first, last, *(c for span in spans for c in span if first < c < last)})
    parts = []
    for start, end in pairwise(cuts):
        inner = _between(pieces, start, end)
        over = [m for m, (a, b) in zip(marks, spans, strict=True) if a <= start and end <= b]
        kind = "primary" if any(m.symbol == "^" for m in over) else "secondary"
        parts.append(Markup('<mark class="{}">{}</mark>').format(kind, inner) if over else inner)
    labels = [
        Markup(' <span class="label">{}</span>').format(prose(m.label))
        for m in marks
        if m.label and m.start.row == row
    ]
    before, behind = "…" * (first > 0), "…" * (last < len(text))
    marked = " marked" if any(m.symbol == "^" for m in marks) else ""
    return Markup('<span class="line{}"><span class="row">{} </span>{}{}{}{}</span>').format(
        marked, str(row).rjust(width), before, Markup("").join(parts), behind,
        Markup("").join(labels),
    )  # fmt: skip


def _span(mark: Mark, row: int, text: str) -> tuple[int, int]:
    """The columns, from 0, that a mark covers of a row; of further rows not the indentation."""
    indent = len(text) - len(text.lstrip())
    start = mark.start.column - 1 if row == mark.start.row else indent
    end = mark.end.column - 1 if row == mark.end.row else len(text)
    return min(start, len(text)), min(end, len(text))


def _between(pieces: Sequence[Piece], start: int, end: int) -> Markup:
    """The tokens of a line from one column to another."""
    at, parts = 0, []
    for kind, token in pieces:
        text = token[max(start - at, 0) : max(end - at, 0)]
        at += len(token)
        if text:
            shown = escape(plain(text))
            # put together as text, since there are many: all of it is escaped
            parts.append(f'<span class="{kind}">{shown}</span>' if kind else str(shown))
    return Markup("".join(parts))
