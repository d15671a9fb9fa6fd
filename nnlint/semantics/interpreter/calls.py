"""Calls of project functions and classes: binding, inlining, construction."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.interpreter.expressions import Expressions
from nnlint.semantics.interpreter.machine import Frame, Load, OutOfBudget
from nnlint.semantics.interpreter.options import click_defaults
from nnlint.semantics.library import REQUIRED, Entry, Library, Parameter
from nnlint.semantics.telling import (
    local_names_that_matter,
    local_names_that_may_train,
    matters,
    may_train,
    names_any,
)
from nnlint.semantics.timeline import Block, Event
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

MODULE = "torch.nn.Module"
SHARE_ABROAD = 6
"""One call into another module gets one of so many parts of the steps that are left."""
SCRIPT_SHARE_ABROAD = 3
"""The same in a script, which has nobody else to do what it is there for."""
DECORATOR_STEPS = 100
"""What takes longer checks or registers what it decorates; the function stays what it is."""
HELPER_STEPS = 300
"""A helper in another module may take so many steps, except in a script."""
ALL_ABROAD = 2
"""All calls into other modules together get one of so many parts of a root's steps."""
MOST_ALIKE = 3
"""So many closures of one function may call each other, as decorated functions do."""


class Calls(Expressions):
    """Interprets calls."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self._derives: dict[tuple[Class, str], bool] = {}
        self._defaults: dict[ast.AST, dict[str, ast.expr]] = {}
        self._given_up: dict[ast.AST, int] = {}
        """Functions of other modules that took more steps than this, whatever they are given."""

    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """`def`, with the decorators of the project applied; library ones are read at the call."""
        super().define_function(node)
        for decorator in reversed(node.decorator_list):
            self._decorate(node.name, decorator)

    def _decorate(self, name: str, decorator: ast.expr) -> None:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not isinstance(target, (ast.Name, ast.Attribute)):
            return
        made = self.evaluate(target)
        if not isinstance(made, Function) or made.node in self._given_up:
            return
        names = self.frame.scope.names

        plain: Value = names[name]
        happened, complete = len(self.block.children), self.complete

        def apply() -> Value:
            wrap = self.evaluate(decorator)
            if not isinstance(wrap, Function) or _decorated(wrap, "contextmanager"):
                return plain
            return self.call(wrap, (plain,), {}, self.site(decorator))

        wrapped = self._within(DECORATOR_STEPS, made, apply)
        if wrapped is None:
            # the function is what it is without it, so nothing is missing
            del self.block.children[happened:]
            self.complete = complete
        elif isinstance(wrapped, Function) and wrapped is not plain:
            self.write(names, name, wrapped)

    def _within(self, steps: int, function: Function, run: Callable[[], Value]) -> Value | None:
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
            self._given_up[function.node] = steps
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
                if value.site is not None:
                    # a dictionary that was written down configures; `**kwargs` passes on
                    given = {k: softened(v) for k, v in given.items()}
                keywords.update(given)
                if ... in value.state:
                    keywords["**"] = Unknown()
            else:
                keywords["**"] = value
        if isinstance(callee, External) and callee.name == "builtins.super":
            return self._super()
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
                return self.instantiate(callee, positional, keywords, site)
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
        with self.inside("branch", site):
            for option, why in zip(callee.options[:4], callee.reasons or unknown, strict=False):
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
        names = self.bind_parameters(function, receiver, positional, keywords)
        if function.scope.module is self.home or self.abroad or self.sampling:
            return self.run_function(function, names, receiver, site)
        return self._call_abroad(function, names, receiver, site)

    def _call_abroad(
        self, function: Function, names: dict[str, Any], receiver: Value | None, site: Site
    ) -> Value:
        """Call into another module, given up when it takes too much of the steps that are left.

        What the file itself does comes first: without this, a base class that is long to
        construct leaves no step for the methods of those who derive from it.
        """
        parts = SCRIPT_SHARE_ABROAD if self.is_script else SHARE_ABROAD
        share = (self.limit - self.steps) // parts
        share = min(share, self.limit // ALL_ABROAD - self.steps_abroad)
        if not self.is_script and self._is_helper(function):
            share = min(share, HELPER_STEPS)
        if share <= self._given_up.get(function.node, 0):
            return self._give_up(function, names, receiver, site)
        run = partial(self.run_function, function, names, receiver, site)
        happened = len(self.block.children)
        value = self._within(share, function, run)
        if value is not None:
            return value
        return self._give_up(function, names, receiver, site, self.block.children[happened:])

    def _is_helper(self, function: Function) -> bool:
        """Whether a function is no part of a model, and says nothing that a rule is about."""
        return not self._is_of_model(function) and not matters(
            function.scope.module.words(function.node)
        )

    def _is_of_model(self, function: Function) -> bool:
        return function.owner is not None and self.derives(function.owner, MODULE)

    def _says_nothing(self, function: Function) -> bool:
        """Whether neither a helper nor what it names in its module is anything rules speak of.

        What it is given is seen from outside, as with anything unresolved.
        """
        return not self._is_of_model(function) and not names_any(
            function.scope.module, function.node, matters, local_names_that_matter
        )

    def _may_train(self, function: Function) -> bool:
        """Whether a function, its class or what they name in their modules may train a model."""
        parts: list[Function | Class] = [function]
        if function.owner is not None:
            parts += [c for c in function.owner.ancestry() if isinstance(c, Class)]
        return any(
            names_any(part.scope.module, part.node, may_train, local_names_that_may_train)
            for part in parts
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
        self.emit("opaque", site, receiver, tuple(names.values()), function.name)
        if not self._says_nothing(function):
            self.complete = False
            if self._may_train(function):
                if site is not None:
                    self.emit("given_up", site, receiver, name=function.name)
                return Unknown(function.name, "call")
        for block in happened:
            if isinstance(block, Block):
                block.forget("given_up")
        return Unknown(function.name, "call")

    def _is_self(self, function: Function, positional: Sequence[Value]) -> bool:
        """Whether the first argument is the `self` of a method called as `Class.method(self)`."""
        first = positional[0] if positional else None
        return (
            function.owner is not None
            and isinstance(first, Instance)
            and function.owner in first.cls.ancestry()
            and not _decorated(function, "staticmethod")
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

    def bind_parameters(
        self,
        function: Function,
        receiver: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
    ) -> dict[str, Any]:
        """The local names a call starts with; missing ones get their soft defaults."""
        arguments = function.node.args
        formal = [*arguments.posonlyargs, *arguments.args]
        given = list(positional)
        if receiver is not None and not _decorated(function, "staticmethod"):
            given.insert(0, receiver)
        elif function.owner is not None and _decorated(function, "classmethod"):
            given.insert(0, function.owner)
        names: dict[str, Any] = {}
        spread = next(
            (i for i, v in enumerate(given) if isinstance(v, Items) and v.kind == "star"), None
        )
        certain = given if spread is None else given[:spread]
        for parameter, value in zip(formal, certain, strict=False):
            names[parameter.arg] = value
        if arguments.vararg:
            extra = tuple(given[len(formal) :])
            names[arguments.vararg.arg] = Items(
                "tuple", {"items": extra, "open": spread is not None}
            )
        rest = dict(keywords)
        for parameter in [*formal, *arguments.kwonlyargs]:
            if parameter.arg in rest:
                names[parameter.arg] = rest.pop(parameter.arg)
        unknown_mapping = rest.pop("**", None)
        if arguments.kwarg:
            state: dict[Any, Any] = dict(rest)
            if unknown_mapping is not None:
                state[...] = unknown_mapping
            names[arguments.kwarg.arg] = Table(state)
        for name, value in names.items():
            note_name(value, name)
        self._bind_defaults(function, names)
        return names

    def _bind_defaults(self, function: Function, names: dict[str, Any]) -> None:
        arguments = function.node.args
        formal = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        missing = [parameter for parameter in formal if parameter.arg not in names]
        if not missing:
            return
        defaults = self._defaults.get(function.node)
        if defaults is None:
            defaults = self._defaults[function.node] = _defaults_of(function.node)
        self.frames.append(Frame(function.scope))
        try:
            for parameter in missing:
                if parameter.arg in defaults:
                    value = self.evaluate(defaults[parameter.arg])
                    if isinstance(value, Constant):
                        value = Constant(value.value, True, value.site)
                    else:
                        where = Site(function.scope.module, defaults[parameter.arg])
                        note_choice(value, Condition(where, True, True))
                    names[parameter.arg] = value
                else:
                    names[parameter.arg] = self._of_annotation(parameter)
        finally:
            self.frames.pop()

    def _of_annotation(self, parameter: ast.arg) -> Value:
        """What a parameter is that no call gives: what its annotation builds by default.

        Only classes of the project count that nothing in their module derives from.
        """
        unknown = Unknown(parameter.arg, "parameter")
        annotation = parameter.annotation
        if not isinstance(annotation, (ast.Name, ast.Attribute)):
            return unknown
        cls = self.evaluate(annotation)
        if not isinstance(cls, Class) or not self._is_buildable(cls):
            return unknown
        with self.untold():
            instance = self.instantiate(cls, (), {}, self.site(annotation))
        if isinstance(instance, Instance):
            instance.state.pop("training", None)
        return instance

    def _is_buildable(self, cls: Class) -> bool:
        derived = any(
            isinstance(v, Class) and v is not cls and cls in v.ancestry()
            for v in cls.scope.names.values()
        )
        holds_options = _decorated(cls, "dataclass") or self.derives(cls, "typing.NamedTuple")
        return not derived and (holds_options or self.derives(cls, MODULE))

    def run_function(
        self,
        function: Function,
        names: dict[str, Any],
        owner: Value | None,
        site: Site | None,
        on_yield: Callable[[Value], None] | None = None,
    ) -> Value:
        """Interpret a function's body with its parameters bound."""
        node = function.node
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
        finally:
            # giving up inside a context manager's body has taken it off already
            if frame in self.frames:
                self.frames.remove(frame)
            self.callers, self.grad, self.conditions = callers, grad, conditions
        if frame.yields:
            return Items("list", {"items": tuple(frame.yields[:1]), "open": True})
        returned = [
            (value, reason[len(self.conditions) :])
            for value, reason in zip(frame.returns, frame.reasons, strict=True)
            if value is not NONE
        ]
        usual = [r for r in returned if not off_by_default(r[1])] or returned
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
        for frame in reversed(self.frames):
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
                mode = self.grad_mode(value)
                if mode is None:
                    mode = self.grad_mode(self.evaluate(target))
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
        if not isinstance(function, Function) or not _decorated(function, "contextmanager"):
            return None
        known: Function = function
        receiver = callee.receiver if isinstance(callee, BoundMethod) else None
        positional = [self.evaluate(a) for a in node.args if not isinstance(a, ast.Starred)]
        keywords = {k.arg: self.evaluate(k.value) for k in node.keywords if k.arg}
        site = self.site(node)

        def run(resume: Callable[[Value], None]) -> None:
            names = self.bind_parameters(known, receiver, positional, keywords)
            self.run_function(known, names, receiver, site, on_yield=resume)

        return run

    def instantiate(
        self, cls: Class, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """An instance of a project class, its constructor interpreted."""
        instance = Instance(cls, {}, site, (*positional, *keywords.values()), self.conditions)
        self.built_states.append(instance.state)
        if self.is_module(instance):
            instance.state["training"] = Constant(True)
        constructor = cls.find("__init__")
        instance.named.update(keywords)
        if isinstance(constructor, Function):
            formal = [a.arg for a in constructor.node.args.args[1:]]
            instance.named.update(zip(formal, positional, strict=False))
            self.call_function(constructor, instance, positional, keywords, site)
        else:
            self._assign_fields(instance, positional, keywords, site)
            base = self.library_base(cls)
            if base is not None and base.kind not in ("base", ""):
                names = bind_signature(base.signature, positional, keywords)
                instance.state["library"] = Built(
                    base, names, frozenset(names), site, self.conditions
                )
        self.emit("build", site, instance, instance.arguments, cls.node.name)
        self.sample_dataset(instance)
        return instance

    def _assign_fields(
        self,
        instance: Instance,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> None:
        given = list(positional)
        for name in instance.cls.fields:
            if given:
                instance.state[name] = given.pop(0)
            elif name in keywords:
                instance.state[name] = keywords[name]
            else:
                default = instance.cls.find(name)
                if isinstance(default, Constant):
                    instance.state[name] = Constant(default.value, True, default.site)
                elif default is None:
                    instance.state[name] = Unknown(name, "option")
        initialiser = instance.cls.find("__post_init__")
        if isinstance(initialiser, Function):
            self.call_function(initialiser, instance, (), {}, site)

    def library_base(self, cls: Class) -> Entry | None:
        """The entry of the first library class among the bases that has one."""
        for ancestor in cls.ancestry():
            if isinstance(ancestor, External) and ancestor.entry is not None:
                return ancestor.entry
        return None

    def is_module(self, value: Value) -> bool:
        """Whether a value is an `nn.Module` of the project."""
        return isinstance(value, Instance) and self.derives(value.cls, MODULE)

    def derives(self, cls: Class, base: str) -> bool:
        """Whether a project class derives from a library class."""
        known = self._derives.get((cls, base))
        if known is None:
            known = self._derives[cls, base] = any(
                isinstance(a, External) and self.library.is_subclass(a.name, base)
                for a in cls.ancestry()
            )
        return known

    def call_instance(
        self,
        instance: Instance,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """`instance(...)`: `forward` of a module, else `__call__`."""
        module = self.is_module(instance) or not instance.cls.known
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

    def _super(self) -> Value:
        frame = self.frame
        owner: Value | None = frame.owner
        cls = frame.function.owner if frame.function else None
        if owner is None or cls is None:
            return Unknown("super")
        return SuperProxy(owner, cls)


class SuperProxy(Value):
    """`super()` in a method: its attributes come from the bases of `cls`."""

    __slots__ = ("cls", "owner")

    def __init__(self, owner: Value, cls: Class) -> None:
        self.owner = owner
        self.cls = cls

    def find(self, name: str) -> Value | None:
        """The inherited attribute, if a project base has it."""
        for base in self.cls.bases:
            if isinstance(base, Class):
                found = base.find(name)
                if found is not None:
                    return found
        return None


def _defaults_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
) -> dict[str, ast.expr]:
    """The expressions that parameters are by default, those of options included."""
    arguments = node.args
    formal = [*arguments.posonlyargs, *arguments.args]
    defaults: dict[str, ast.expr] = {}
    if arguments.defaults:
        last = formal[-len(arguments.defaults) :]
        defaults |= {p.arg: d for p, d in zip(last, arguments.defaults, strict=True)}
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            defaults[parameter.arg] = default
    return defaults | dict(click_defaults(node))


def bind_signature(
    signature: Sequence[Parameter], positional: Sequence[Value], keywords: dict[str, Value]
) -> dict[str, Value]:
    """The arguments of a library call by parameter name; variadic ones as `Items`."""
    bound: dict[str, Value] = {}
    names = [p for p in signature if p.kind == "positional"]
    given = list(positional)
    for parameter, value in zip(names, given, strict=False):
        if isinstance(value, Items) and value.kind == "star":
            break
        bound[parameter.name] = value
    variadic = next((p for p in signature if p.kind == "variadic"), None)
    if variadic is not None:
        extra = given[len(names) :]
        unknown = any(isinstance(v, Items) and v.kind == "star" for v in extra)
        known = tuple(v for v in extra if not (isinstance(v, Items) and v.kind == "star"))
        bound[variadic.name] = Items("tuple", {"items": known, "open": unknown})
    bound.update(keywords)
    return bound


def in_order(
    names: Sequence[str], positional: Sequence[Value], keywords: dict[str, Value]
) -> tuple[Value, ...]:
    """The arguments of a call as if they were given by position, those without a name last."""
    places = {name: place for place, name in enumerate(names)}
    given = sorted(keywords, key=lambda name: places.get(name, len(names)))
    return (*positional, *(keywords[name] for name in given))


def with_defaults(signature: Sequence[Parameter], bound: dict[str, Value]) -> dict[str, Value]:
    """`bound` with the library's own defaults for what the program leaves out."""
    filled = dict(bound)
    for parameter in signature:
        if parameter.name not in filled and parameter.kind in ("positional", "keyword"):
            if parameter.default is not REQUIRED and "**" not in bound:
                filled[parameter.name] = Constant(parameter.default)
    return filled


def _decorated(function: Function | Class, name: str) -> bool:
    if isinstance(function.node, ast.Lambda):
        return False
    for decorator in function.node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        if last == name:
            return True
    return False


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
