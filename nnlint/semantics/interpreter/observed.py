"""The interpreter as others look on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.interpreter.builtin_calls import Interpreter
from nnlint.semantics.interpreter.machine import Load
from nnlint.semantics.library import load_library
from nnlint.semantics.observing import Observer
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Function, Site, Value


class ObservedInterpreter(Interpreter):
    """Interprets, and tells an observer what it comes across.

    A class that is not compiled cannot be derived from one that is: observers are asked instead.

    Parameters:
        observer: who looks on.
    """

    def __init__(self, load: Load, observer: Observer) -> None:
        super().__init__(load_library(), load)
        self._observer = observer

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether the observer wants a class or function to be entered."""
        return self._observer.looks_into(definition)

    def check(self, test: ast.expr) -> None:
        """Interpret what an `assert` tests, if the observer wants to know."""
        if self._observer.looks_at_assertions:
            self.evaluate(test)

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression in the current frame."""
        value = super().evaluate(node)
        self._observer.evaluated(node, value)
        return value

    def emit(
        self,
        kind: str,
        site: Site,
        subject: Value | None = None,
        operands: Sequence[Value] = (),
        name: str = "",
    ) -> Event:
        """Add an event to the timeline."""
        event = super().emit(kind, site, subject, operands, name)
        self._observer.happened(event)
        return event

    def run_function(
        self,
        function: Function,
        names: dict[str, Any],
        owner: Value | None,
        site: Site | None,
        on_yield: Callable[[Value], None] | None = None,
    ) -> Value:
        """Interpret a function's body with its parameters bound."""
        given = dict(names)
        result = super().run_function(function, names, owner, site, on_yield)
        self._observer.returned(function, given, owner, site)
        return result
