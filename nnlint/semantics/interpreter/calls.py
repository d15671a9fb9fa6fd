"""Calls of project functions and classes: binding, inlining, construction."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import is_tried_out
from nnlint.semantics.interpreter.abroad import CallsAbroad
from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.expressions import Expressions
from nnlint.semantics.interpreter.machine import Frame, Load
from nnlint.semantics.interpreter.objects import MODULE, Objects, SuperProxy
from nnlint.semantics.interpreter.parameters import ParameterBinding
from nnlint.semantics.interpreter.signatures import (
    bind_signature,
    in_order,
    is_decorated,
    with_defaults,
)
from nnlint.semantics.library import Entry, Library
from nnlint.semantics.values import (
    ARGUMENTS,
    AS_TENSOR,
    CALLEE,
    IS_CALLED,
    MADE,
    MADE_OF,
    NONE,
    BoundMethod,
    Built,
    Choice,
    Class,
    Condition,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Parameters,
    Partial,
    Scope,
    Site,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
    note_choice,
    note_name,
    softened,
)
from nnlint.stopping import stop_if_asked
from nnlint.syntax.statements import is_placeholder

DECORATOR_STEPS = 100
"""What takes longer checks or registers what it decorates; the function stays what it is."""
MOST_ALIKE = 3
"""So many closures of one function may call each other, as decorated functions do."""


class Calls(Expressions):
    """Interprets calls."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self.calls_abroad = CallsAbroad(self)
        self.parameters = ParameterBinding(self)
        self.objects = Objects(self)

    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """`def`, with the decorators of the project applied; library ones are read at the call."""
        super().define_function(node)
        for decorator in node.decorator_list[::-1]:
            self._decorate(node.name, decorator)

    def _decorate(self, name: str, decorator: ast.expr) -> None:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not isinstance(target, (ast.Name, ast.Attribute)):
            return
        made = self.evaluate(target)
        if not isinstance(made, Function) or made.node in self.calls_abroad.given_up:
            return
        names = self.frame.scope.names

        plain: Value = names[name]
        happened, complete = len(self.block.children), self.complete

        def apply() -> Value:
            wrap = self.evaluate(decorator)
            if not isinstance(wrap, Function) or is_decorated(wrap, "contextmanager"):
                return plain
            return self.call(wrap, (plain,), {}, self.site(decorator))

        wrapped = self.within(DECORATOR_STEPS, made, apply)
        if wrapped is None:
            # the function is what it is without it, so nothing is missing
            del self.block.children[happened:]
            self.complete = complete
        elif isinstance(wrapped, Function) and wrapped is not plain:
            self.write(names, name, wrapped)

    def within(self, steps: int, function: Function, run: Callable[[], Value]) -> Value | None:
        """What `run` gives; None, and the state as before, where it takes more steps than it may.

        Parameters:
            function: what is run, for the steps it is known to exceed and its module.
        """
        limit, depth, mark = self.limit, len(self.frames), len(self.journal)
        outer, before = self.abroad, self.steps
        self.limit = min(limit, before + steps)
        self.abroad = outer or function.scope.module is not self.home
        try:
            return run()
        except OutOfBudget:
            if self.limit == limit:
                raise
            del self.frames[depth:]
            self.rollback(mark)
            self.calls_abroad.given_up[function.node] = steps
            return None
        finally:
            if self.abroad is not outer:
                self.steps_abroad += self.steps - before
            self.limit, self.abroad = limit, outer

    def call_node(self, node: ast.Call) -> Value:
        """The value of a call expression."""
        callee = self.evaluate(node.func)
        positional: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                value = self.evaluate(argument.value)
                spread = self.spread(value)
                positional += (
                    (Items("star", {"items": (), "open": True, MADE_OF: value}),)
                    if spread is None
                    else spread
                )
            else:
                positional.append(self.evaluate(argument))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, Table):
                given = {k: v for k, v in value.state.items() if isinstance(k, str)}
                if value.site is not None and not isinstance(keyword.value, ast.Dict):
                    # a dictionary that was written down configures; `**kwargs` passes on
                    given = {k: softened(v) for k, v in given.items()}
                keywords.update(given)
                if ... in value.state:
                    keywords["**"] = Unknown()
            else:
                keywords["**"] = value
        if isinstance(callee, External) and callee.name == "builtins.super":
            return self.objects.super_of()
        site = self.site(node)
        result = self.call(callee, positional, keywords, site)
        if isinstance(result, Unknown) and result.origin == "call":
            result.state.setdefault(MADE, (*self.callers, site))
        return result

    def call(
        self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of a call, whatever is called."""
        self.tick()
        match callee:
            case Choice():
                return self._call_choice(callee, positional, keywords, site)
            case Function():
                return self.call_function(callee, None, positional, keywords, site)
            case BoundMethod(function=Function()):
                return self.call_method(callee, positional, keywords, site)
            case BoundMethod():
                return self.method(callee, positional, keywords, site)
            case Class():
                return self.objects.instantiate(callee, positional, keywords, site)
            case Partial():
                merged = {**callee.keywords, **keywords}
                return self.call(callee.function, (*callee.positional, *positional), merged, site)
            case Instance():
                return self.call_instance(callee, positional, keywords, site)
            case Built():
                return self.apply_layer(callee, positional, keywords, site)
            case External(entry=Entry() as entry):
                return self.library_call(entry, positional, keywords, site)
            case External():
                return self.external_call(callee.name, positional, keywords, site)
            case _:
                return self.unknown_call(callee, positional, keywords, site)

    def external_call(
        self, name: str, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of a library name that has no entry; overridden for builtins."""
        return Unknown(name, "call")

    def unknown_call(
        self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of something unresolved: it may do anything to what it is given."""
        name = callee.name if isinstance(callee, Unknown) else ""
        operands = (*positional, *keywords.values())
        tensors = [v for v in operands if isinstance(v, Tensor)]
        if isinstance(callee, Unknown):
            callee.state[IS_CALLED] = True
            if operands or self.model_call is None:
                # what a model calls with nothing (`layer.reset()`) is no layer
                self.emit_forward(site, callee, operands, name)
        else:
            self.emit_opaque(site, callee, positional, keywords, name)
        result = Unknown(name, "call", {ARGUMENTS: tuple(operands), CALLEE: callee})
        self.sample_unknown(result, keywords, site)
        if tensors:
            result.state[AS_TENSOR] = Tensor(Source(name, site, result))
        return result

    def sample_unknown(self, result: Unknown, keywords: dict[str, Value], site: Site) -> None:
        """Look at a call of something unresolved as at one that may build a dataset."""

    def _call_choice(
        self, callee: Choice, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        results = []
        unknown = ((Condition(site, True, True),),) * len(callee.options)
        reasoned = list(zip(callee.options, callee.reasons or unknown, strict=False))
        # where None would be called nothing goes on
        called = [pair for pair in reasoned if not isinstance(pair[0], Constant)]
        with self.inside("branch", site):
            for option, why in (called or reasoned)[:4]:
                with self.inside("arm", site) as arm, ExitStack() as stack:
                    for condition in why:
                        stack.enter_context(self.under(condition))
                    arm.subject = _only_one(option, why)
                    results.append(self.call(option, positional, keywords, site))
        joined: Any = results[0]
        for result in results[1:]:
            joined = self.join(joined, result)
        return joined if isinstance(joined, Value) else Unknown()

    def call_method(
        self,
        method: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A call of a project method; overridden where methods have a meaning of their own."""
        assert method.function is not None
        return self.call_function(method.function, method.receiver, positional, keywords, site)

    def emit_opaque(
        self,
        site: Site,
        callee: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        name: str,
    ) -> None:
        """Note a call of something unresolved; overridden where it may call back."""

    def call_function(
        self,
        function: Function,
        receiver: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """Interpret a project function with the arguments of a call."""
        if receiver is None and self._is_self(function, positional):
            receiver, positional = positional[0], positional[1:]
        if len(self.callers) >= self.DEPTH or self._is_active(function):
            operands = (*positional, *keywords.values())
            self.emit("opaque", site, receiver, operands, function.name)
            return Unknown(function.name, "call")
        names = self.parameters.bind(function, receiver, positional, keywords)
        if function.scope.module is self.home or self.abroad or self.sampling:
            return self.run_function(function, names, receiver, site)
        return self.calls_abroad.call(function, names, receiver, site)

    def _is_self(self, function: Function, positional: Sequence[Value]) -> bool:
        """Whether the first argument is the `self` of a method called as `Class.method(self)`."""
        first = positional[0] if positional else None
        return (
            function.owner is not None
            and isinstance(first, Instance)
            and function.owner in first.cls.ancestry()
            and not is_decorated(function, "staticmethod")
        )

    def _is_active(self, function: Function) -> bool:
        """Whether a call would recur: in itself, or through functions that it makes anew."""
        made_alike = 0
        for frame in self.frames:
            running = frame.function
            if running is not None and running.node is function.node:
                made_alike += 1
                if running.scope is function.scope or made_alike == MOST_ALIKE:
                    return True
        return False

    def run_function(
        self,
        function: Function,
        names: dict[str, Any],
        owner: Value | None,
        site: Site | None,
        on_yield: Callable[[Value], None] | None = None,
    ) -> Value:
        """Interpret a function's body with its parameters bound."""
        stop_if_asked()
        node = function.node
        tried = self.tried_out
        if tried is None:
            self.tried_out = is_tried_out(names.values())
        if not self.tried_out:
            self.interpreted.add(id(node))
        scope = Scope(function.scope.module, names, function.scope)
        instance = owner if isinstance(owner, Instance) else self._enclosing_owner(function)
        frame = Frame(scope, function, instance, function.owner, on_yield=on_yield)
        # methods see the module, not the class body
        frame.cls = None
        callers, grad, conditions = self.callers, self.grad, self.conditions
        if site is not None:
            self.callers = (*callers, site)
        mode = self._decorated_grad(function)
        if mode is not None:
            self.grad = mode
        self.frames.append(frame)
        try:
            with self.inside("call", site, function.name):
                if isinstance(node, ast.Lambda):
                    return self.evaluate(node.body)
                self.execute(node.body)
        except OutOfBudget:
            self.grad = grad
            raise
        finally:
            # giving up inside a context manager's body has taken it off already
            if frame in self.frames:
                self.frames.remove(frame)
            self.callers, self.conditions, self.tried_out = callers, conditions, tried
            if mode is not None or on_yield is not None:
                # a decorator switches gradients for one call
                self.grad = grad
        if frame.yields:
            return Items("list", {"items": tuple(frame.yields[:1]), "open": True})
        returned = [
            (value, reason[len(self.conditions) :])
            for value, reason in zip(frame.returns, frame.reasons, strict=True)
            if value is not NONE
        ]
        usual = [r for r in returned if not off_by_default(r[1])] or returned
        if not frame.returns and function.owner is not None and is_placeholder(node):
            # what stands for the methods of other classes says nothing of what they give
            return Unknown(function.name, "call")
        result: Any = usual[0][0] if usual else NONE
        if len(usual) < len(returned):
            for value, reason in usual:
                for condition in reason:
                    note_choice(value, condition)
        for position, (value, reason) in enumerate(usual[1:], start=1):
            first = usual[0][1] if position == 1 else ()
            result = self.join(result, value, (first, reason))
        if not isinstance(result, Value):
            return Unknown(function.name, "call")
        note_name(result, function.name)
        return result

    def _enclosing_owner(self, function: Function) -> Instance | None:
        for frame in self.frames[::-1]:
            if frame.scope is function.scope:
                return frame.owner
        return None

    def _decorated_grad(self, function: Function) -> bool | None:
        if isinstance(function.node, ast.Lambda):
            return None
        for decorator in function.node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not isinstance(target, (ast.Name, ast.Attribute)):
                continue
            self.frames.append(Frame(function.scope))
            try:
                value = self.evaluate(decorator)
                mode = self.contexts.grad_mode(value)
                if mode is None:
                    mode = self.contexts.grad_mode(self.evaluate(target))
            finally:
                self.frames.pop()
            if mode is not None:
                return mode
        return None

    def context_manager(self, node: ast.expr) -> Callable[[Callable[[Value], None]], None] | None:
        """How to run a project's `@contextmanager` around a body; None for others."""
        if not isinstance(node, ast.Call):
            return None
        callee = self.evaluate(node.func)
        function = callee.function if isinstance(callee, BoundMethod) else callee
        if not isinstance(function, Function) or not is_decorated(function, "contextmanager"):
            return None
        known: Function = function
        receiver = callee.receiver if isinstance(callee, BoundMethod) else None
        positional = [self.evaluate(a) for a in node.args if not isinstance(a, ast.Starred)]
        keywords = {k.arg: self.evaluate(k.value) for k in node.keywords if k.arg}
        site = self.site(node)

        def run(resume: Callable[[Value], None]) -> None:
            names = self.parameters.bind(known, receiver, positional, keywords)
            self.run_function(known, names, receiver, site, on_yield=resume)

        return run

    def call_instance(
        self,
        instance: Instance,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """`instance(...)`: `forward` of a module, else `__call__`."""
        module = self.objects.is_module(instance) or not instance.cls.known
        method = instance.cls.find("__call__")
        if method is None and module:
            method = instance.cls.find("forward")
        if module:
            operands = (*positional, *keywords.values())
            self.emit_forward(site, instance, operands)
            if isinstance(method, Function):
                told = self.within_model(instance, site, operands, told=True)
                with told, self.calling(instance):
                    return self.call_function(method, instance, positional, keywords, site)
        library = instance.state.get("library")
        if method is None and isinstance(library, Built) and library.entry.kind == "layer":
            # a subclass of a library's layer does what it says itself
            method = instance.cls.find("forward")
            if isinstance(method, Function):
                with self.calling(instance):
                    return self.call_function(method, instance, positional, keywords, site)
        if isinstance(method, Function):
            return self.call_function(method, instance, positional, keywords, site)
        if isinstance(library, Built):
            with self.calling(instance):
                return self.apply_layer(library, positional, keywords, site)
        return Unknown(instance.cls.node.name, "call")


def _only_one(callee: Value, reasons: Sequence[Condition]) -> Value | None:
    """What a method is called on, if it is built under the conditions on which it is taken."""
    receiver = callee.receiver if isinstance(callee, BoundMethod) else None
    if not isinstance(receiver, Built) or not reasons:
        return None
    built_under = {(c.site.key, c.taken) for c in receiver.conditions}
    return receiver if {(c.site.key, c.taken) for c in reasons} <= built_under else None


__all__ = [
    "MODULE",
    "Calls",
    "Parameters",
    "SuperProxy",
    "bind_signature",
    "in_order",
    "with_defaults",
]
