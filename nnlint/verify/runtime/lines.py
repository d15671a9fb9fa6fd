"""Which lines of the user's code a probe ran: a finding is taken back only by its own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Optional

Statement = tuple[str, int, int]
"""A file, and the first and the last row of a statement in it."""


class Lines:
    """The statements that findings lie in, and which of them ran."""

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = [(os.path.realpath(f), first, last) for f, first, last in statements]
        self.ran: set[Statement] = set()
        self._rows: dict[str, dict[int, list[Statement]]] = {}

    @property
    def missed(self) -> list[Statement]:
        """The statements of which no line ran."""
        return [s for s in self.statements if s not in self.ran]

    def as_dict(self) -> dict[str, bool]:
        """Whether each ran, by `file:first row`."""
        return {
            f"{file}:{first}": (file, first, last) in self.ran
            for file, first, last in self.statements
        }

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note what runs inside."""
        if not self.missed:
            yield
            return
        before = sys.gettrace()
        rows_of = self._rows

        def entered(frame: FrameType, event: str, arg: Any) -> Optional[Any]:
            # this is called for every function of every library, so it does no more than it must
            code = frame.f_code
            rows = rows_of.get(code.co_filename)
            if rows is None:
                rows = rows_of[code.co_filename] = self._rows_in(code.co_filename)
            if not rows or code.co_name.startswith("<module"):
                return None
            if not self.missed:
                sys.settrace(before)
                return None

            def each(inner: FrameType, kind: str, _: Any) -> Any:
                if kind == "line":
                    self.ran.update(rows.get(inner.f_lineno, ()))
                return each

            return each

        sys.settrace(entered)
        try:
            yield
        finally:
            sys.settrace(before)

    def _rows_in(self, filename: str) -> dict[int, list[Statement]]:
        """The watched statements of a file by row; none for those of libraries."""
        found: dict[int, list[Statement]] = {}
        if any(os.path.basename(s[0]) == os.path.basename(filename) for s in self.statements):
            path = os.path.realpath(filename)
            for statement in self.statements:
                if statement[0] == path:
                    for row in range(statement[1], statement[2] + 1):
                        found.setdefault(row, []).append(statement)
        return found
