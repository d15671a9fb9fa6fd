"""nnlint as an extension of flake8: `flake8 --enable-extensions NN`."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from functools import cache

from nnlint import __version__
from nnlint.config import ConfigFiles
from nnlint.engine import Linter
from nnlint.source.discovery import Discovery


class Extension:
    """Lints one file for flake8, which selects, suppresses and shows what is found.

    Parameters:
        tree: not looked at; flake8 tells by its name that a file is wanted as a whole.
        filename: the file, or a name for what comes on stdin.
        lines: its text as flake8 has read it.
    """

    name = "nnlint"
    version = __version__
    off_by_default = True

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        self._filename = "stdin.py" if filename in ("-", "stdin") else os.path.relpath(filename)
        self._text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Extension]]]:
        """Row, column counted from 0, code with message, and who says so, of each finding."""
        name = self._filename
        found = Discovery.of_file(name)
        result = _linter().run(found, {os.path.abspath(name): self._text.encode()})
        for finding in result.findings:
            # flake8 tells itself of a file that does not parse
            if finding.filename == name and finding.code != "NN001":
                place = finding.start.row, finding.start.column - 1
                yield *place, f"{finding.code} {finding.message}", type(self)


@cache
def _linter() -> Linter:
    # flake8 has processes of its own
    return Linter(ConfigFiles().of, jobs=1, follows_edits=False)
