"""Which values the parameters of a called function have."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnlint.semantics.interpreter.machine import Frame
from nnlint.semantics.interpreter.objects import MODULE
from nnlint.semantics.interpreter.settings import composed_for
from nnlint.semantics.interpreter.signatures import (
    defaults_of,
    is_decorated,
)
from nnlint.semantics.values import (
    STORED_IN,
    TYPED,
    Class,
    Condition,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Site,
    Table,
    Unknown,
    Value,
    note_choice,
    note_name,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.calls import Calls


class ParameterBinding:
    """Binds the arguments of calls to the parameters of project functions."""

    def __init__(self, machine: Calls) -> None:
        self.machine = machine
        self._defaults: dict[ast.AST, dict[str, ast.expr]] = {}

    def bind(
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
        if receiver is not None and not is_decorated(function, "staticmethod"):
            given.insert(0, receiver)
        elif function.owner is not None and is_decorated(function, "classmethod"):
            given.insert(0, function.owner)
        names: dict[str, Any] = {}
        spread: int | None = None
        for place, value in enumerate(given):
            if isinstance(value, Items) and value.kind == "star":
                spread = place
                break
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
        if unknown_mapping is not None:
            self._bind_parts(function, unknown_mapping, names)
        self._bind_defaults(function, names)
        return names

    def _bind_parts(self, function: Function, mapping: Value, names: dict[str, Any]) -> None:
        """What a mapping that is not known gives to parameters that are None without it."""
        arguments = function.node.args
        for parameter in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            default = self._defaults_of(function).get(parameter.arg)
            if parameter.arg in names or not isinstance(default, ast.Constant):
                continue
            if default.value is None:
                whole = mapping.state.get(...) if isinstance(mapping, Table) else mapping
                if isinstance(whole, Unknown):
                    names[parameter.arg] = whole.state.setdefault(
                        parameter.arg,
                        Unknown(parameter.arg, whole.origin, {STORED_IN: whole}),
                    )

    def _defaults_of(self, function: Function) -> dict[str, ast.expr]:
        known = self._defaults.get(function.node)
        if known is None:
            known = self._defaults[function.node] = defaults_of(function.node)
        return known

    def _bind_defaults(self, function: Function, names: dict[str, Any]) -> None:
        arguments = function.node.args
        formal = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        missing = [parameter for parameter in formal if parameter.arg not in names]
        if not missing:
            return
        defaults = self._defaults_of(function)
        self.machine.frames.append(Frame(function.scope))
        try:
            for parameter in missing:
                if parameter.arg in defaults:
                    value = self.machine.evaluate(defaults[parameter.arg])
                    if isinstance(value, Constant):
                        value = Constant(value.value, True, value.site)
                    else:
                        where = Site(function.scope.module, defaults[parameter.arg])
                        note_choice(value, Condition(where, True, True))
                    names[parameter.arg] = value
                else:
                    names[parameter.arg] = composed_for(
                        self.machine, function, parameter
                    ) or self._of_annotation(parameter)
        finally:
            self.machine.frames.pop()

    def _of_annotation(self, parameter: ast.arg) -> Value:
        """What a parameter is that no call gives: what its annotation builds by default.

        Only classes of the project count that nothing in their module derives from.
        """
        unknown = Unknown(parameter.arg, "parameter")
        annotation = parameter.annotation
        if not isinstance(annotation, (ast.Name, ast.Attribute)):
            return unknown
        cls = self.machine.evaluate(annotation)
        if isinstance(cls, External):
            unknown.state[TYPED] = cls.name
            if cls.entry is not None and cls.entry.kind == "frame":
                return Unknown(parameter.arg, "frame", unknown.state)
        if not isinstance(cls, Class) or not self._is_buildable(cls):
            return unknown
        with self.machine.untold():
            instance = self.machine.objects.instantiate(cls, (), {}, self.machine.site(annotation))
        if isinstance(instance, Instance):
            instance.state.pop("training", None)
        return instance

    def _is_buildable(self, cls: Class) -> bool:
        derived = any(
            isinstance(v, Class) and v is not cls and cls in v.ancestry()
            for v in cls.scope.names.values()
        )
        holds_options = is_decorated(cls, "dataclass") or self.machine.objects.derives(
            cls, "typing.NamedTuple"
        )
        return not derived and (holds_options or self.machine.objects.derives(cls, MODULE))
