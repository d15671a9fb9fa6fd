"""Loops: element by element, or once for all of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.model_parts import go_through_parts
from nnlint.semantics.interpreter.rewrites import names_assigned_in
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import COUNTS, Constant, Unknown, Value, softened

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.statements import Statements


LEAVES = frozenset({"break", "return", "raise"})
_DEEPEST_SECOND_ROUND = 8
"""Loops in loops that are run twice: each doubles what is run of those in it."""
TRAINING = ("backward", "step", "fit")
"""Events that make a loop one of training."""


class Loops:
    """Interprets `for` and `while`."""

    def __init__(self, machine: Statements) -> None:
        self.machine = machine

    def go_through(self, node: ast.For | ast.AsyncFor) -> str:
        """Run `for`; gives how its block ends."""
        iterable = self.machine.evaluate(node.iter)
        elements = self.machine.elements(iterable)
        with self._all_ways_out(), self.machine.inside("loop", self.machine.site(node)) as block:
            block.subject = iterable
            if elements is not None:
                self._unroll(node, elements, block)
            else:
                self._repeat(node, iterable, block)
        return self.machine.execute(node.orelse) if node.orelse else "next"

    @contextmanager
    def _all_ways_out(self) -> Iterator[None]:
        """Behind a loop the state may also be what it was where `break` or `continue` left a
        round."""
        self.machine.jumps.append([])
        try:
            yield
        finally:
            jumps = self.machine.jumps.pop()
        for writes, condition in jumps:
            self.machine.join_writes({}, writes, ((), (condition,)))

    def _repeat(self, node: ast.For | ast.AsyncFor, iterable: Value, block: Block) -> None:
        """Run a loop once; once more when it only builds, for what the first round carries."""
        self._soften_carried(node)
        self.machine.bind(node.target, self.machine.any_element(iterable, node.target))
        end = self.machine.execute(node.body)
        go_through_parts(self.machine, node, iterable, partial(self._run_round, node))
        if end in LEAVES:
            block.end = end
        elif _only_builds(block) and len(self.machine.jumps) <= _DEEPEST_SECOND_ROUND:
            # what one round leaves, the next takes up: layers in a list, features in a model
            with self.machine.untold():
                self.machine.bind(node.target, self.machine.any_element(iterable, node.target))
                self.machine.execute(node.body)

    def _run_round(self, node: ast.For | ast.AsyncFor, element: Value) -> None:
        self.machine.bind(node.target, element)
        self.machine.execute(node.body)

    def _unroll(self, node: ast.For | ast.AsyncFor, elements: list[Value], block: Block) -> None:
        """Run a loop round by round; a counted loop in which training goes on stays one."""
        block.unrolled = True
        for element in elements:
            self.machine.bind(node.target, element)
            with self.machine.inside("iteration", self.machine.site(node)) as iteration:
                iteration.end = self.machine.execute(node.body)
            if isinstance(block.subject, Constant) and iteration.events(*TRAINING):
                block.unrolled = False
                block.children[:] = iteration.children
                block.end = iteration.end if iteration.end in LEAVES else "next"
                break
            if iteration.end in LEAVES:
                break

    def _soften_carried(self, loop: ast.For | ast.AsyncFor | ast.While) -> None:
        """What the body of a loop assigns has its first value in the first round only."""
        names = self.machine.frame.scope.names
        for name in names_assigned_in(loop, self.machine.frame.scope.module):
            value = names.get(name)
            if isinstance(value, Constant):
                self.machine.write(names, name, softened(value, carried=True))

    def go_on_while(self, node: ast.While) -> str:
        """Run `while`; gives how its block ends."""
        self._soften_carried(node)
        truth, soft = self.machine.truth(self.machine.evaluate(node.test))
        if truth is False and not soft:
            return "next"
        with self._all_ways_out(), self.machine.inside("loop", self.machine.site(node)) as block:
            end = self.machine.execute(node.body)
            if end in LEAVES:
                block.end = end
            elif all(event.kind == "gather" for event, _ in block.walk()):
                if len(self.machine.jumps) <= _DEEPEST_SECOND_ROUND:
                    self.machine.execute(node.body)
        return "next"


def _only_builds(block: Block) -> bool:
    """Whether nothing happens in a part of the program but that layers are built and called."""
    return all(event.kind in ("build", "forward", "gather") for event, _ in block.walk())


def index_of(counted: Value) -> Unknown:
    """What counts the elements of an `enumerate` in some round."""
    return Unknown("index", "loop", {COUNTS: counted})
