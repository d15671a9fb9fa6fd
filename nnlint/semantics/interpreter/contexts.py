"""`with`: what a context manager sets for its block."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nnlint.semantics.values import (
    NONE,
    BoundMethod,
    Built,
    External,
    Function,
    Instance,
    Unknown,
    Value,
    constant,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.statements import Statements

_SWITCHES = frozenset({"no_grad", "inference_mode"})
"""What switches gradients off, under whatever name torch comes."""


class Contexts:
    """Interprets `with`."""

    def __init__(self, machine: Statements) -> None:
        self.machine = machine

    def run(self, node: ast.With | ast.AsyncWith) -> str:
        """Run `with`; gives how its block ends."""
        with ExitStack() as stack:
            return self._with_items(node.items, node.body, stack)

    def _with_items(
        self, items: Sequence[ast.withitem], body: Sequence[ast.stmt], stack: ExitStack
    ) -> str:
        if not items:
            return self.machine.execute(body)
        item, rest = items[0], items[1:]
        generator = self.machine.context_manager(item.context_expr)
        if generator is None:
            value = self.machine.evaluate(item.context_expr)
            enabled = self.grad_mode(value)
            if enabled is not None:
                stack.enter_context(self.machine.gradients(enabled))
            if _is_autocast(value):
                stack.enter_context(self.machine.autocasting())
            if isinstance(value, Instance):
                value = self.enter_instance(value, item.context_expr, stack)
            if item.optional_vars is not None:
                self.machine.bind(item.optional_vars, value)
            return self._with_items(rest, body, stack)
        ends: list[str] = []
        outer_frame, grad = self.machine.frame, self.machine.grad

        def resume(value: Value) -> None:
            inner = self.machine.frames.pop()
            assert self.machine.frame is outer_frame
            if item.optional_vars is not None:
                self.machine.bind(item.optional_vars, value)
            ends.append(self._with_items(rest, body, stack))
            self.machine.frames.append(inner)

        generator(resume)
        self.machine.grad = grad
        if not ends:
            return self._with_items(rest, body, stack)
        return ends[0]

    def enter_instance(self, context: Instance, node: ast.expr, stack: ExitStack) -> Value:
        """`with context`, of a project class: its `__enter__` now, its `__exit__` at the end."""
        site = self.machine.site(node)
        enter, leave = context.cls.find("__enter__"), context.cls.find("__exit__")
        if isinstance(leave, Function):
            method = BoundMethod(context, "__exit__", leave)
            stack.callback(self.machine.call, method, (NONE, NONE, NONE), {}, site)
        if not isinstance(enter, Function):
            return context
        return self.machine.call(BoundMethod(context, "__enter__", enter), (), {}, site)

    def grad_mode(self, value: Value) -> bool | None:
        """What a context manager or decorator sets the gradient mode to, if it does."""
        mode: bool | None = value.state.get("grad") if isinstance(value, Built) else None
        if isinstance(value, External) and value.entry and value.entry.family in _SWITCHES:
            mode = False
        if isinstance(value, Unknown) and value.name.rpartition(".")[2] in _SWITCHES:
            # torch by a name that comes from a file which cannot be read
            mode = False
        return mode


def _is_autocast(value: Value) -> bool:
    """Whether a context manager casts to half precision, and is not known to be turned off.

    bfloat16 has the range of float32: nothing is lost where operations are cast anew.
    """
    if not isinstance(value, Built) or value.entry.family != "autocast":
        return False
    kind = value.arguments.get("dtype")
    if isinstance(kind, External) and kind.name == "torch.bfloat16":
        return False
    return constant(value.arguments.get("enabled"), True, soft=False) is not False
