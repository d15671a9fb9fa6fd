"""Which lines of the user's code a probe ran: a finding is taken back only by its own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Optional

Statement = tuple[str, int, int]
"""A file, and the first and the last row of a statement in it."""


class Lines:
    """The statements that findings lie in, and which of them ran."""

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = [(os.path.realpath(f), first, last) for f, first, last in statements]
        self.ran: set[Statement] = set()
        self._rows: dict[CodeType, dict[int, list[Statement]]] = {}

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
        sys.settrace(self._entered)
        try:
            yield
        finally:
            sys.settrace(before)

    def _entered(self, frame: FrameType, event: str, arg: Any) -> Optional[Any]:
        rows = self._rows_of(frame.f_code)
        if not rows:
            return None

        def each(inner: FrameType, kind: str, _: Any) -> Any:
            if kind == "line":
                self.ran.update(rows.get(inner.f_lineno, ()))
            return each

        return each

    def _rows_of(self, code: CodeType) -> dict[int, list[Statement]]:
        """The watched statements of a function by row; none for all code of libraries."""
        known = self._rows.get(code)
        if known is None:
            known = self._rows[code] = {}
            near = [
                s
                for s in self.statements
                if os.path.basename(s[0]) == os.path.basename(code.co_filename)
            ]
            if near and not code.co_name.startswith("<module"):
                path = os.path.realpath(code.co_filename)
                for statement in near:
                    if statement[0] == path:
                        for row in range(statement[1], statement[2] + 1):
                            known.setdefault(row, []).append(statement)
        return known
