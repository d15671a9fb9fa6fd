"""Places in the source, and the branches that something stands in."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from nnlint.syntax.module import ModuleSyntax

if TYPE_CHECKING:
    from nnlint.semantics.values.basic import Value

LONGEST_TEXT = 80
"""Characters of source that a message quotes in one piece."""
SiteKey = tuple[str, int, int, int]
"""Identity of a place in the source."""


class Site(NamedTuple):
    """A place in the source: a module and a syntax node in it."""

    module: ModuleSyntax
    node: ast.AST

    @property
    def text(self) -> str:
        """The node's source text, on one line; what is long between brackets is left out."""
        text = self.module.text(self.node)
        if "\n" in text and isinstance(self.node, ast.expr):
            text = ast.unparse(self.node)
        line = " ".join(text.split())
        name = line.partition("(")[0]
        too_long = len(line) > LONGEST_TEXT > len(name) and line.endswith(")")
        return f"{name}(…)" if too_long else line

    @property
    def key(self) -> SiteKey:
        """Identity of the place, equal for equal places."""
        node: Any = self.node
        return (self.module.name, node.lineno, node.col_offset, node.end_col_offset)


class Condition(NamedTuple):
    """An `if` test that guards something, with the branch that was taken."""

    site: Site
    taken: bool
    soft: bool
    """The test depends on an option or parameter that can be set otherwise."""
    test: Value | None = None
    """The value of the test, as far as known."""
