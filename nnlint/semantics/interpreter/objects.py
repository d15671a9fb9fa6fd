"""Objects of project classes: how they are made, and what their classes derive from."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.signatures import (
    bind_signature,
)
from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    BUILT_IN,
    Built,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Site,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.calls import Calls

MODULE = "torch.nn.Module"


class Objects:
    """Makes objects of project classes."""

    def __init__(self, machine: Calls) -> None:
        self.machine = machine
        self._derives: dict[tuple[Class, str], bool] = {}

    def instantiate(
        self, cls: Class, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """An instance of a project class, its constructor interpreted; something unknown of a
        call that stops the program, as when the class has meanwhile been defined anew."""
        if _refuses(cls, positional, keywords):
            return Unknown(cls.node.name, "call")
        instance = Instance(
            cls, {}, site, (*positional, *keywords.values()), self.machine.conditions
        )
        self.machine.built_states.append(instance.state)
        if self.machine.modules:
            instance.state[BUILT_IN] = self.machine.modules
        if self.is_module(instance):
            instance.state["training"] = Constant(True)
        constructor = cls.find("__init__")
        instance.named.update(keywords)
        if isinstance(constructor, Function):
            formal = [a.arg for a in constructor.node.args.args[1:]]
            instance.named.update(zip(formal, positional, strict=False))
            self.machine.call_function(constructor, instance, positional, keywords, site)
        else:
            self._assign_fields(instance, positional, keywords, site)
            base = self.library_base(cls)
            if base is not None and base.kind not in ("base", ""):
                names = bind_signature(base.signature, positional, keywords)
                instance.state["library"] = Built(
                    base, names, frozenset(names), site, self.machine.conditions
                )
        self.machine.emit("build", site, instance, instance.arguments, cls.node.name)
        self.machine.sample_dataset(instance)
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
            self.machine.call_function(initialiser, instance, (), {}, site)

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
                isinstance(a, External) and self.machine.library.is_subclass(a.name, base)
                for a in cls.ancestry()
            )
        return known

    def super_of(self) -> Value:
        """`super()` in the method that runs."""
        frame = self.machine.frame
        owner: Value | None = frame.owner
        cls = frame.function.owner if frame.function else None
        if owner is None or cls is None:
            return Unknown("super")
        return SuperProxy(owner, cls)


def _refuses(cls: Class, positional: Sequence[Value], keywords: dict[str, Value]) -> bool:
    """Whether a class has a constructor that takes no argument by a name that it is given, or
    not that many by their places."""
    constructor = cls.find("__init__")
    if not isinstance(constructor, Function) or isinstance(constructor.node, ast.Lambda):
        return False
    arguments = constructor.node.args
    taken = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
    if constructor.node.decorator_list or cls.node.decorator_list or cls.node.keywords:
        return False
    places = len(arguments.posonlyargs) + len(arguments.args) - 1
    spread = any(isinstance(value, Items) and value.kind == "star" for value in positional)
    if arguments.vararg is None and not spread and len(positional) > places:
        return True
    return arguments.kwarg is None and not taken.issuperset({*keywords} - {"**"})


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
