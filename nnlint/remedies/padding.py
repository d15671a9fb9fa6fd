"""Changes after which a loss leaves out what targets are padded with."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nnlint.questions.loss.padding import IGNORED, uses_of
from nnlint.rewriting.changes import Changes, set_keyword
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Operation, constant
from nnlint.syntax.calls import argument_of
from nnlint.syntax.walking import walk

_OVER_CLASSES = frozenset({"cross_entropy", "nll"})


def leave_padding_out(programs: Iterable[Program], loss: Operation, padding: Operation) -> Changes:
    """Pad targets with the class that losses ignore, or let the loss ignore the padding's.

    None where something else than losses is given the targets, and it is not known that the
    padding's class stands for padding alone.
    """
    uses = uses_of(programs, padding)
    if uses.seen and all(_ignores_by_default(use) for use in uses.operations):
        return set_keyword(padding.site, "padding_value", str(IGNORED))
    value = constant(padding.arguments.get("padding_value"), soft=False)
    call = loss.written_at
    if type(value) is not int or not any(_embeds_as_padding(u, value) for u in uses.operations):
        return None
    given = argument_of(padding.site.node, "padding_value", 2)
    named = isinstance(given, ast.Name) and padding.site.module is call.module
    if isinstance(given, ast.Name) and not (named and _is_global(call.module.tree, given.id)):
        return None
    return set_keyword(
        call, "ignore_index", given.id if isinstance(given, ast.Name) else str(value)
    )


def _ignores_by_default(use: Operation) -> bool:
    return use.entry.family in _OVER_CLASSES and "ignore_index" not in use.explicit


def _embeds_as_padding(use: Operation, value: int) -> bool:
    """Whether a layer takes a number for padding, in the vocabulary of what it is given."""
    known = use.layer.arguments.get("padding_idx") if use.layer is not None else None
    return use.entry.family == "embedding" and constant(known, soft=False) == value


def _is_global(tree: ast.Module, name: str) -> bool:
    """Whether a file gives a name one value, at its top, wherever it is used."""
    stored = [n for n in walk(tree) if isinstance(n, ast.Name) and n.id == name]
    stores = [n for n in stored if isinstance(n.ctx, ast.Store)]
    top = (s.targets for s in tree.body if isinstance(s, ast.Assign))
    return len(stores) == 1 and any(stores[0] in targets for targets in top)
