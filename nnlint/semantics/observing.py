"""What those are told who look on while a program is interpreted."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Function, Site, Value


class Observer:
    """Looks on, and keeps what it is interested in; on its own, nothing.

    It is not compiled, so that any class can be one.
    """

    looks_at_assertions = False
    """Whether what an `assert` tests is interpreted, which says nothing of how a model trains."""

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether a class or function is to be entered whatever its words say."""
        return False

    def evaluated(self, node: ast.expr, value: Value) -> None:
        """An expression has a value."""

    def happened(self, event: Event) -> None:
        """An event is on the timeline."""

    def returned(
        self, function: Function, given: Mapping[str, Any], owner: Value | None, site: Site | None
    ) -> None:
        """A function of the project has run to its end.

        Parameters:
            given: what its parameters were bound to.
            owner: its `self`, if it has one.
            site: where it was called.
        """
