"""Blocks of the timeline, and conditions, while the program is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnlint.semantics.timeline import Block
from nnlint.semantics.values import Condition

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.machine import Machine


class OutOfBudget(Exception):
    """The interpretation of one root took more steps than it may."""


class Inside:
    """A block of the timeline, for as long as the program is in it."""

    __slots__ = ("_block", "_machine", "_outer")

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine = machine
        self._block = block

    def __enter__(self) -> Block:
        self._outer = self._machine.block
        self._machine.block = self._block
        return self._block

    def __exit__(self, *exception: object) -> None:
        if exception[0] is OutOfBudget:
            self._note_the_end()
        # an arm in which nothing happens still says that the others may not run
        if self._block.kind == "arm" or self._machine.block.matters:
            self._outer.children.append(self._machine.block)
        self._machine.block = self._outer

    def _note_the_end(self) -> None:
        """Note that a block breaks off; arms and iterations do it for what they are part of."""
        block = self._block
        if block.site is not None and block.kind != "branch" and not block.unrolled:
            self._machine.emit("given_up", block.site)


class Under:
    """A condition, for as long as the program is under it."""

    __slots__ = ("_condition", "_machine", "_outer")

    def __init__(self, machine: Machine, condition: Condition) -> None:
        self._machine = machine
        self._condition = condition

    def __enter__(self) -> None:
        self._outer = self._machine.conditions
        self._machine.conditions = (*self._outer, self._condition)

    def __exit__(self, *exception: object) -> None:
        self._machine.conditions = self._outer
