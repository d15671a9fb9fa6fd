"""Comments that are changed, or go."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from nnlint.finding import Change, ChangeKind
from nnlint.rewriting.blocks import Plan
from nnlint.rewriting.tree import Refused


def rewrite_comment(plan: Plan, change: Change) -> None:
    """Another comment in the place of one, or none."""
    (place,), (old, new) = change.places, change.texts
    for node in plan.tree.at(place):
        if isinstance(node, cst.Comment) and node.value == old:
            if new:
                plan.updates[node].append(lambda comment: comment.with_changes(value=new))
            else:
                plan.updates[next(plan.tree.enclosing(node))].append(_without)
            return
    raise Refused("the comment stands elsewhere")


def _without(row: cst.CSTNode) -> cst.CSTNode | cst.RemovalSentinel:
    if isinstance(row, cst.TrailingWhitespace):
        return row.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
    # it had a row for itself
    return cst.RemoveFromParent()


def rewritten_comments(changes: Iterable[Change]) -> list[str]:
    """The comments that changes put others in the place of."""
    return [c.texts[0].rstrip() for c in changes if c.kind is ChangeKind.REWRITE_COMMENT]
