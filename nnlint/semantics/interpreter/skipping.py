"""What a test that can only end in one way passes over, where it matters that it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nnlint.semantics.values import Constant, External, Unknown
from nnlint.syntax.calls import called_name
from nnlint.syntax.walking import walk

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.statements import Statements

_SEED = "seed"
_CLEAR = "zero_grad"


class Skipping:
    """Notes that statements are passed over which would have fixed the seed, or cleared gradients."""

    def __init__(self, machine: Statements) -> None:
        self.machine = machine

    def note(self, test: ast.expr, statements: Sequence[ast.stmt]) -> None:
        """Note what a test that is decided leaves out.

        Parameters:
            test: what is decided by a value that is known.
            statements: what is not run because of it.
        """
        module = self.machine.frame.scope.module
        words = [module.words(s) for s in statements]
        if any(_CLEAR in w.attributes for w in words):
            self._note_clearing(test, statements)
        if any(_SEED in word for w in words for word in w.names | w.attributes):
            self._note_seeding(test, statements)

    def pass_over(self, statement: ast.stmt) -> str:
        """Leave a statement alone that is not followed: what it sets is not known from here on."""
        for node in walk(statement):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.machine.bind(node, Unknown(getattr(node, "id", "")))
        self.machine.emit("given_up", self.machine.site(statement))
        return "next"

    def _note_clearing(self, test: ast.expr, statements: Sequence[ast.stmt]) -> None:
        """Note that gradients are kept on purpose: `if clears: optimizer.zero_grad()`."""
        for call in _calls(statements, _CLEAR):
            if isinstance(call.func, ast.Attribute):
                owner = self.machine.evaluate(call.func.value)
                if not isinstance(owner, Constant):
                    self.machine.emit("clear_off", self.machine.site(test), owner)

    def _note_seeding(self, test: ast.expr, statements: Sequence[ast.stmt]) -> None:
        """Note a seed that turns its seeding off: `if seed >= 0: torch.manual_seed(seed)`."""
        decisive = [
            (ast.unparse(node), value)
            for node in walk(test)
            if isinstance(node, ast.Name | ast.Attribute)
            and isinstance(value := self.machine.evaluate(node), Constant)
        ]
        if len(decisive) == 1 and any(self._seeds_torch(c) for c in _calls(statements, _SEED)):
            name, value = decisive[0]
            self.machine.emit("seed_off", self.machine.site(test), value, name=name)

    def _seeds_torch(self, call: ast.Call) -> bool:
        called = self.machine.evaluate(call.func)
        entry = self.machine.library.get(called.name) if isinstance(called, External) else None
        return entry is not None and entry.kind == "seed" and "torch" in entry.seeds


def _calls(statements: Sequence[ast.stmt], word: str) -> Iterator[ast.Call]:
    """The calls among statements of what a word is part of the name of."""
    for statement in statements:
        for node in walk(statement):
            if isinstance(node, ast.Call) and word in called_name(node):
                yield node
