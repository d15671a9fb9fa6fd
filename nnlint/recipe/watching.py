"""What programs call and assert, put on their timelines beside the events that rules ask for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.observing import Observer
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    BoundMethod,
    Built,
    Class,
    External,
    Function,
    Instance,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk

CALLED, ASSERTED = "called", "asserted"
"""Kinds of the events that are added: a call of whatever it is, and an `assert`."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call, or an assertion, where it happens."""

    event: Event
    name: str
    """The qualified name of what is called, as far as it is known: of a library's function, of a
    method as `torch.Tensor.item`; of what is not known its source name. Empty for an `assert`."""
    receiver: Value | None
    """What a method is called on."""
    arguments: tuple[Value, ...]
    """The positional arguments; of an `assert`, its test."""
    keywords: Mapping[str, Value]
    result: Value
    blocks: tuple[Block, ...] = ()
    """The blocks that it stands in, outermost first."""

    @property
    def site(self) -> Site:
        """Where it is written."""
        return self.event.site

    @property
    def last_name(self) -> str:
        """The last part of what is called: `item` of `torch.Tensor.item`."""
        return self.name.rpartition(".")[2]

    @property
    def given(self) -> tuple[Value, ...]:
        """All that it is given, what it is called on included."""
        own = () if self.receiver is None else (self.receiver,)
        return (*own, *self.arguments, *self.keywords.values())


@dataclass(slots=True, eq=False)
class Onlooker(Observer):
    """Looks into everything, and notes calls and assertions as they happen."""

    machine: ObservedInterpreter | None = None
    """Who interprets; its observer is there first."""
    calls: dict[int, Call] = field(default_factory=dict)
    """By the identity of the event that was added for it."""
    _values: dict[ast.AST, Value] = field(default_factory=dict)
    _tests: set[ast.AST] = field(default_factory=set)
    _looked_at: set[str] = field(default_factory=set)

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether a definition is entered whatever its words say: each is."""
        return True

    def evaluated(self, node: ast.expr, value: Value) -> None:
        """An expression has a value."""
        self._values[node] = value
        machine = self.machine
        if machine is None or not machine.frames:
            return
        if isinstance(node, ast.Call):
            self._called(machine, node, value)
        if node in self._tests_of(machine.frame.scope.module):
            event = machine.emit(ASSERTED, machine.site(node), None, (value,))
            self.calls[id(event)] = Call(event, "", None, (value,), {}, value)

    def _called(self, machine: ObservedInterpreter, node: ast.Call, result: Value) -> None:
        callee = self._values.get(node.func, Unknown())
        receiver = None
        if isinstance(node.func, ast.Attribute):
            receiver = self._values.get(node.func.value)
        arguments = tuple(self._values.get(a, Unknown()) for a in node.args)
        keywords = {k.arg or "**": self._values.get(k.value, Unknown()) for k in node.keywords}
        name = _name_of(callee, result, node)
        event = machine.emit(CALLED, machine.site(node), callee, arguments, name)
        self.calls[id(event)] = Call(event, name, receiver, arguments, keywords, result)

    def _tests_of(self, module: ModuleSyntax) -> set[ast.AST]:
        """The tests of the assertions of a module, with those of modules seen before."""
        if module.name not in self._looked_at:
            self._looked_at.add(module.name)
            self._tests |= {n.test for n in walk(module.tree) if isinstance(n, ast.Assert)}
        return self._tests


def _name_of(callee: Value, result: Value, node: ast.Call) -> str:
    """The qualified name of what is called."""
    match callee:
        case External():
            return callee.entry.name if callee.entry else callee.name
        case Function():
            return callee.name
        case Class():
            return callee.node.name
        case BoundMethod(receiver=Tensor()):
            made = result.producer if isinstance(result, Tensor) else None
            if isinstance(made, Operation) and made.site.node is node:
                return made.entry.name
            return f"torch.Tensor.{callee.name}"
        case BoundMethod(receiver=Built() as built):
            return f"{built.entry.name}.{callee.name}"
        case BoundMethod(receiver=Instance() as instance):
            return f"{instance.cls.node.name}.{callee.name}"
        case BoundMethod(receiver=Unknown() as owner):
            return f"{owner.name}.{callee.name}" if owner.name else callee.name
        case Built():
            return callee.entry.name
        case Unknown():
            return callee.name or ast.unparse(node.func)
        case _:
            return ast.unparse(node.func)
