"""Notebooks: their code cells as one text, with magics blanked out."""

from __future__ import annotations

import json
import re

from nnlint.source.file import Cell, SourceError

_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|[\w, ]+=\s*[%!])")
_FOREIGN_CELL = re.compile(r"^\s*%%(?!time|capture|timeit|prun)\w+")


def read_notebook(raw: bytes) -> tuple[str, tuple[Cell, ...]]:
    """The joined code of a notebook, and where each code cell's rows are.

    Lines of IPython syntax become `pass`, so that rows stay where they were.

    Raises:
        SourceError: NN003 when the bytes are no notebook.
    """
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
        blocks = notebook["cells"]
        sources = [
            (number, "".join(block["source"]))
            for number, block in enumerate(blocks, start=1)
            if block["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            "NN003", f"is no valid notebook: {type(error).__name__}: {error}"
        ) from error
    rows: list[str] = []
    cells: list[Cell] = []
    for number, text in sources:
        lines = text.split("\n")
        cells.append(Cell(number, len(rows) + 1, len(lines)))
        foreign = bool(_FOREIGN_CELL.match(text))
        rows += [_plain(line, foreign) for line in lines]
    return "\n".join(rows) + "\n", tuple(cells)


def _plain(line: str, foreign: bool) -> str:
    if foreign or _MAGIC.match(line):
        indent = line[: len(line) - len(line.lstrip())]
        return f"{indent}pass"
    return line
