"""Changes that set `nn.Module` up before a constructor gives it layers.

Each returns None where it cannot.
"""

from __future__ import annotations

from nnlint.questions.model.construction import Unprepared
from nnlint.rewriting.changes import Changes, insert_before, move_before


def set_up_first(found: Unprepared) -> Changes:
    """Call the constructor of the base at the head of one's own; None where it takes arguments
    that are not known there."""
    if not found.plain:
        return None
    if found.called is None:
        return insert_before(found.first, "super().__init__()")
    return move_before(found.called, found.first)
