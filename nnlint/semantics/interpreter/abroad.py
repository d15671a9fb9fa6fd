"""How far calls into other modules are followed, and how the program goes on where they are not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nnlint.semantics.interpreter.objects import MODULE
from nnlint.semantics.telling import (
    local_names_that_matter,
    local_names_that_may_train,
    matters,
    may_train,
    names_any,
)
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    Class,
    Function,
    Site,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.calls import Calls

SHARE_ABROAD = 6
"""One call into another module gets one of so many parts of the steps that are left."""

SCRIPT_SHARE_ABROAD = 3
"""The same in a script, which has nobody else to do what it is there for."""

HELPER_STEPS = 300
"""A helper in another module may take so many steps, except in a script."""

ALL_ABROAD = 2
"""All calls into other modules together get one of so many parts of a root's steps."""


class CallsAbroad:
    """Interprets calls into other modules, within a share of the steps."""

    def __init__(self, machine: Calls) -> None:
        self.machine = machine
        self.given_up: dict[ast.AST, int] = {}
        """Functions that took more steps than this, whatever they are given."""

    def call(
        self, function: Function, names: dict[str, Any], receiver: Value | None, site: Site
    ) -> Value:
        """Call into another module, given up when it takes too much of the steps that are left.

        What the file itself does comes first: without this, a base class that is long to
        construct leaves no step for the methods of those who derive from it.
        """
        parts = SCRIPT_SHARE_ABROAD if self.machine.is_script else SHARE_ABROAD
        share = (self.machine.limit - self.machine.steps) // parts
        share = min(share, self.machine.limit // ALL_ABROAD - self.machine.steps_abroad)
        if not self.machine.is_script and self._is_helper(function):
            share = min(share, HELPER_STEPS)
        if share <= self.given_up.get(function.node, 0):
            return self._give_up(function, names, receiver, site)
        run = partial(self.machine.run_function, function, names, receiver, site)
        happened = len(self.machine.block.children)
        value = self.machine.within(share, function, run)
        if value is not None:
            return value
        return self._give_up(
            function, names, receiver, site, self.machine.block.children[happened:]
        )

    def _is_helper(self, function: Function) -> bool:
        """Whether a function is no part of a model, and says nothing that a rule is about."""
        return not self._is_of_model(function) and not matters(
            function.scope.module.words(function.node)
        )

    def _is_of_model(self, function: Function) -> bool:
        return function.owner is not None and self.machine.objects.derives(function.owner, MODULE)

    def _says_nothing(self, function: Function) -> bool:
        """Whether neither a helper, nor its class, nor what they name in their modules is anything
        rules speak of.

        What it is given is seen from outside, as with anything unresolved.
        """
        return not self._is_of_model(function) and not any(
            names_any(part.scope.module, part.node, matters, local_names_that_matter)
            for part in _parts(function)
        )

    def _may_train(self, function: Function) -> bool:
        """Whether a function, its class or what they name in their modules may train a model."""
        return any(
            names_any(part.scope.module, part.node, may_train, local_names_that_may_train)
            for part in _parts(function)
        )

    def _give_up(
        self,
        function: Function,
        names: dict[str, Any],
        receiver: Value | None,
        site: Site,
        happened: Sequence[Event | Block] = (),
    ) -> Value:
        """Go on behind a call of a project function as behind one of something unresolved.

        What is left out counts for those who ask whether a loop is known only if it may train.

        Parameters:
            happened: what has been interpreted of the call.
        """
        self.machine.emit("opaque", site, receiver, tuple(names.values()), function.name)
        if not self._says_nothing(function):
            self.machine.complete = False
            if self._may_train(function):
                if site is not None:
                    self.machine.emit("given_up", site, receiver, name=function.name)
                return Unknown(function.name, "call")
        for block in happened:
            if isinstance(block, Block):
                block.forget("given_up")
        return Unknown(function.name, "call")


def _parts(function: Function) -> Iterator[Function | Class]:
    """A function, and where it is a method what it may call by `self`: its class and its bases."""
    yield function
    if function.owner is not None:
        yield from (c for c in function.owner.ancestry() if isinstance(c, Class))
