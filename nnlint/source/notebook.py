"""Notebooks: their code cells as one text, with magics blanked out."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from nnlint.finding import Position
from nnlint.source.file import Cell, SourceError, with_line_feeds

_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|[\w,][\w, ]*=\s*[%!])")
_AUTOMAGIC = re.compile(
    r"^(?:pip3?|conda|mamba|cd|ls|cat|mkdir|cp|mv|rm|rmdir|man|more|less|run|time|timeit|load_ext|"
    r"reload_ext|matplotlib|env|config|store|who|whos)"
    r"[ \t]+(?!(?:in|is|if|and|or|not|for|else)\b)"
    r"(?:['\"$]?[\w~./*$-]*[A-Za-z]|[~.*-]+(?:[/\s]|$))"
)
"""Commands that a notebook takes without `%` in front. No Python has two names side by side."""
_TIMED = re.compile(r"^(\s*)(%(?:time|timeit|prun|memit)[ \t]+)(?!-)(\S.*)$")
"""A magic in front of a statement, which it runs."""
_FOREIGN_CELL = re.compile(r"^\s*%%(?!time|capture|timeit|prun)\w+")
_PERCENT_CELL = re.compile(r"^# ?%%", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<string>(?:\"\"\"|'''|"|'))|(?P<comment>\#.*)|(?P<open>[(\[{])|(?P<close>[)\]}])""",
)


def read_notebook(raw: bytes) -> tuple[str, tuple[Cell, ...], str]:
    """The joined code of a notebook, where each code cell's rows are, and the code as written.

    Lines of IPython syntax become `pass`, so that rows stay where they were.

    Raises:
        SourceError: NN003 when the bytes are no notebook.
    """
    rows: list[str] = []
    written: list[str] = []
    cells: list[Cell] = []
    for number, text in code_cells(raw):
        lines = with_line_feeds(text).split("\n")
        cells.append(Cell(number, len(rows) + 1, len(lines)))
        written += lines
        rows += _without_magics(lines)
    return "\n".join(rows) + "\n", tuple(cells), "\n".join(written) + "\n"


def without_magics(script: str) -> str:
    """A script divided into cells by `# %%`, as Jupytext, Spyder and VS Code write them, without
    the commands that only a kernel can run; any other text as it is."""
    if not _PERCENT_CELL.search(script):
        return script
    return "\n".join(_without_magics(with_line_feeds(script).split("\n")))


def _load(raw: bytes) -> dict[str, Any]:
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SourceError("NN003", f"the notebook is no valid UTF-8: {error.reason}") from error
    except json.JSONDecodeError as error:
        place = Position(error.lineno, error.colno)
        raise SourceError("NN003", f"the notebook is no valid JSON: {error.msg}", place) from error
    except RecursionError as error:
        raise SourceError("NN003", "the notebook is nested too deeply to be read") from error
    except ValueError as error:
        # all that is left: Python refuses to convert it
        place = Position(row_of_long_number(raw), 1)
        message = "the notebook holds a number with more digits than Python reads"
        raise SourceError("NN003", message, place) from error
    if not isinstance(notebook, dict):
        raise SourceError("NN003", "the notebook is no JSON object")
    return notebook


def row_of_long_number(raw: bytes) -> int:
    """The row of a text in which its longest number stands."""
    longest = max(re.finditer(rb"\d+", raw), key=lambda m: len(m[0]), default=None)
    return raw[: longest.start()].count(b"\n") + 1 if longest else 1


def code_cells(raw: bytes) -> list[tuple[int, str]]:
    """Numbers and texts of a notebook's code cells, as they are written.

    Raises:
        SourceError: NN003 when the bytes are no notebook.
    """
    return list(_code_cells(_load(raw)))


def _code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """The code cells of a notebook in Python, of nbformat 3 and 4: numbers and texts."""
    try:
        metadata = notebook.get("metadata", {})
        kernel, language = metadata.get("kernelspec", {}), metadata.get("language_info", {})
        spoken = kernel.get("language") or language.get("name") or "python"
        if "python" not in spoken.lower():
            return
        if "cells" in notebook:
            cells = notebook["cells"]
        else:
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        for number, cell in enumerate(cells, start=1):
            if cell["cell_type"] == "code":
                yield number, "".join(cell["source"] if "source" in cell else cell["input"])
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError("NN003", "the notebook does not have the form of one") from error


def _without_magics(lines: list[str]) -> list[str]:
    """The lines of a cell with those of IPython syntax blanked out.

    Only a line that begins a statement can be a magic: `%` inside brackets or a string
    goes on from the line before.
    """
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if _FOREIGN_CELL.match(first):
        return ["pass"] * len(lines)
    plain: list[str] = []
    state = _LineState()
    goes_on = False
    margin = _margin(lines)
    for line in lines:
        if margin and not goes_on and not state.continues and line.startswith(margin):
            # a form feed begins the indentation anew, and takes no more room than a space
            line = f"{margin[:-1]}\f{line[len(margin) :]}"
        if not goes_on and not state.continues and (timed := _TIMED.match(line)):
            # as wide as the magic, so that columns stay where they were
            line = f"{timed[1]}{'if 1:':{len(timed[2])}}{timed[3]}"
        if goes_on or (not state.continues and (_MAGIC.match(line) or _is_automagic(line))):
            indent = plain[-1] if goes_on else line
            plain.append(f"{indent[: len(indent) - len(indent.lstrip())]}pass")
            # a command goes on behind a backslash
            goes_on = line.endswith("\\")
            continue
        plain.append(line)
        state.read(line)
    return plain


def _margin(lines: list[str]) -> str:
    """What the first row of a cell is indented by, which the kernel takes off all of its rows.

    Source: IPython 9, `IPython.core.inputtransformer2.leading_indent`.
    """
    first = next((line for line in lines if line.strip()), "")
    return first[: len(first) - len(first.lstrip(" \t"))]


def _is_automagic(line: str) -> bool:
    """Whether a line is a command to the notebook and no Python."""
    if not _AUTOMAGIC.match(line):
        return False
    try:
        ast.parse(line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


class _LineState:
    """Whether the next line goes on with a statement: brackets, strings, a backslash."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""
        self._backslash = False

    @property
    def continues(self) -> bool:
        """Whether a statement is still open."""
        return self._depth > 0 or bool(self._quote) or self._backslash

    def read(self, line: str) -> None:
        """Take in one line."""
        position = 0
        while True:
            if self._quote:
                position = self._end_of_string(line, position)
                if position < 0:
                    break
            token = _TOKEN.search(line, position)
            if token is None or token["comment"]:
                break
            position = token.end()
            if token["string"]:
                self._quote = token["string"]
            else:
                self._depth = max(0, self._depth + (1 if token["open"] else -1))
        if len(self._quote) == 1:
            self._quote = ""
        self._backslash = line.endswith("\\")

    def _end_of_string(self, line: str, position: int) -> int:
        """The position behind the string's end, or -1 when it goes on in the next line."""
        while position < len(line):
            if line[position] == "\\":
                position += 2
            elif line.startswith(self._quote, position):
                end = position + len(self._quote)
                self._quote = ""
                return end
            else:
                position += 1
        return -1
