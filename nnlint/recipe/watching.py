"""What programs call and assert, put on their timelines beside the events that rules ask for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from nnlint.semantics.analysis import Program
from nnlint.semantics.interpreter.binding import key_of
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.observing import Observer
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    ELEMENT_OF,
    ELEMENTS,
    Arithmetic,
    BoundMethod,
    Built,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Operation,
    Partial,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk

CALLED, ASSERTED, ASSIGNED, MET = "called", "asserted", "assigned", "met"
"""Kinds of the events that are added: a call of whatever it is, something that is asserted, a
parameter that is written to by an assignment, and the first time that an element of what a loop
goes over is looked at."""
_PARAMETERS = ("weight", "bias")
MadeOf = Mapping[int, tuple[Value, tuple[Value, ...]]]
"""By the identity of a value: the value, and what it is computed from."""
_KEEPS = frozenset("update add append extend push put accumulate observe record".split())
"""Methods of things of unknown classes that keep what they are given, as running means do."""
_OWN = (Function, Class, Instance, Partial)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call, an assertion or an assignment to a parameter, where it happens."""

    event: Event
    name: str
    """The qualified name of what is called, as far as it is known: of a library's function, of a
    method as `torch.Tensor.item`; of what is not known its source name. Of an assignment the name
    of the parameter. Empty for an assertion."""
    receiver: Value | None
    """What a method is called on, or what the parameter belongs to."""
    arguments: tuple[Value, ...]
    """The positional arguments; of an assertion its test, of an assignment what is assigned."""
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
    def is_own(self) -> bool:
        """Whether a function or class of the project is called: what it does is seen in it."""
        callee = self.event.subject
        if isinstance(callee, BoundMethod):
            return callee.function is not None
        return isinstance(callee, _OWN)

    @property
    def given(self) -> tuple[Value, ...]:
        """All that it is given, what it is called on not included."""
        return (*self.arguments, *self.keywords.values())

    @property
    def involved(self) -> tuple[Value, ...]:
        """All that it is given, and what it is called on."""
        return self.given if self.receiver is None else (*self.given, self.receiver)

    def argument(self, position: int, name: str) -> Value | None:
        """An argument that may be given by its position or name."""
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[position] if position < len(self.arguments) else None


@dataclass(slots=True, eq=False)
class Onlooker(Observer):
    """Looks into everything, and notes calls and assertions as they happen."""

    machine: ObservedInterpreter | None = None
    """Who interprets; its observer is there first."""
    calls: dict[int, Call] = field(default_factory=dict)
    """By the identity of the event that was added for it."""
    made_of: MutableMapping[int, tuple[Value, tuple[Value, ...]]] = field(default_factory=dict)
    """What values that are not known are computed from, by their identity, with the values
    themselves: texts, and what else the interpreter keeps nothing of."""
    _met: dict[int, Value] = field(default_factory=dict)
    _values: dict[ast.AST, Value] = field(default_factory=dict)
    _tests: set[ast.AST] = field(default_factory=set)
    _targets: dict[ast.AST, ast.expr] = field(default_factory=dict)
    """By what is assigned, what it is assigned to, where that is a parameter or a part of one."""
    _looked_at: set[str] = field(default_factory=set)
    _entries: dict[tuple[int, object], Value] = field(default_factory=dict)
    """By a table's identity and the key, what was first taken out of a table whose keys are not
    known."""

    looks_at_assertions = True

    @property
    def values(self) -> Mapping[ast.AST, Value]:
        """What expressions have come to last."""
        return self._values

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether a definition is entered whatever its words say: each is."""
        return True

    def evaluated(self, node: ast.expr, value: Value) -> None:
        """An expression has a value."""
        self._values[node] = value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            # to the interpreter, a mask that is turned round is the mask
            self._values[node] = Arithmetic("~", (self._values.get(node.operand, value),))
        machine = self.machine
        if machine is None or not machine.frames:
            return
        if isinstance(node, ast.Call):
            self._called(machine, node, value)
        if isinstance(value, Unknown) and value.origin == "loop" and id(value) not in self._met:
            self._met[id(value)] = value
            machine.emit(MET, machine.site(node), value)
        if _is_followed(value) or isinstance(node, ast.Subscript):
            parts = tuple(self._values[p] for p in _parts(node) if p in self._values)
            if is_entry(parts):
                # what is taken out of a table twice is the same
                first = self._entries.setdefault((id(parts[0]), key_of(parts[1])), value)
                parts = parts if first is value else (first,)
            if parts:
                self.made_of[id(value)] = value, parts
        if node in self._tests_of(machine.frame.scope.module):
            event = machine.emit(ASSERTED, machine.site(node), None, (value,))
            self.calls[id(event)] = Call(event, "", None, (value,), {}, value)
        if node in self._targets:
            self._assigned(machine, self._targets[node], value)

    def trace_loops(self, programs: Sequence[Program]) -> None:
        """Note of the elements of what loops go over, and of what is taken out of loaders, that
        they are of it."""
        wholes = {
            id(event.subject.state[ELEMENTS]): event.subject
            for program in programs
            for event, _ in program.walk()
            if isinstance(event.subject, Unknown) and ELEMENTS in event.subject.state
        }
        for program in programs:
            for event, blocks in program.walk():
                met = event.subject if event.kind == MET else None
                if not isinstance(met, Unknown):
                    continue
                loop = next((b for b in reversed(blocks) if b.kind == "loop"), None)
                whole = _went_over(loop, event.site.node) if loop is not None else None
                if whole is None and ELEMENT_OF in met.state:
                    whole = wholes.get(id(met.state[ELEMENT_OF][0]))
                if whole is not None and whole is not met:
                    self.made_of.setdefault(id(met), (met, (whole,)))

    def _called(self, machine: ObservedInterpreter, node: ast.Call, result: Value) -> None:
        callee = self._values.get(node.func, Unknown())
        receiver = None
        if isinstance(node.func, ast.Attribute):
            receiver = self._values.get(node.func.value)
        given = (a.value if isinstance(a, ast.Starred) else a for a in node.args)
        arguments = tuple(self._values.get(a, Unknown()) for a in given)
        keywords = {k.arg or "**": self._values.get(k.value, Unknown()) for k in node.keywords}
        name = _name_of(callee, result, node)
        last = name.rpartition(".")[2]
        written = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if (isinstance(receiver, Unknown | Items) and last in _KEEPS) or (
            isinstance(receiver, Unknown | Tensor) and _writes(written)
        ):
            # lists that loops in loops fill are forgotten by the interpreter, too
            held = self.made_of.get(id(receiver), (receiver, ()))[1]
            new = (v for v in (*arguments, *keywords.values()) if v not in held)
            self.made_of[id(receiver)] = receiver, (*held, *new)
        event = machine.emit(CALLED, machine.site(node), callee, arguments, name)
        self.calls[id(event)] = Call(event, name, receiver, arguments, keywords, result)

    def _assigned(self, machine: ObservedInterpreter, target: ast.expr, value: Value) -> None:
        parameter = _parameter(target)
        if parameter is None:
            return
        owner = machine.evaluate(parameter.value)
        event = machine.emit(ASSIGNED, machine.site(target), owner, (value,), parameter.attr)
        self.calls[id(event)] = Call(event, parameter.attr, owner, (value,), {}, value)

    def _tests_of(self, module: ModuleSyntax) -> set[ast.AST]:
        """What a module asserts, with what modules seen before do: the tests of `assert`, and of
        an `if` that raises."""
        if module.name not in self._looked_at:
            self._looked_at.add(module.name)
            for node in walk(module.tree):
                if isinstance(node, ast.Assert) or _raises(node):
                    self._tests.add(node.test)
                elif isinstance(node, ast.Assign) and _parameter(node.targets[0]) is not None:
                    self._targets[node.value] = node.targets[0]
        return self._tests


def _writes(method: str) -> bool:
    """Whether a method of tensors writes what it is given into its tensor, by torch's naming."""
    return method.endswith("_") and not method.endswith("__")


def is_entry(parts: Sequence[Value]) -> bool:
    """Whether a value with some parts is what an unknown table holds under a known key."""
    return (
        len(parts) == 2
        and isinstance(parts[0], Table)
        and ... in parts[0].state
        and isinstance(parts[1], Constant)
        and key_of(parts[1]) not in parts[0].state
    )


def _went_over(loop: Block, element: ast.AST) -> Value | None:
    """What a loop goes over to get an element: of `zip` and `enumerate` what it is an element of."""
    subject = loop.subject
    target = getattr(loop.site.node, "target", None) if loop.site is not None else None
    while isinstance(subject, Arithmetic) and isinstance(element, ast.Name):
        if not isinstance(target, ast.Tuple):
            return subject
        inside = [
            any(isinstance(n, ast.Name) and n.id == element.id for n in walk(part))
            for part in target.elts
        ]
        if True not in inside:
            return subject
        place = inside.index(True)
        if subject.operator == "enumerate":
            if place == 0:
                return None
            place_in, target = 0, target.elts[1]
        elif subject.operator == "zip" and place < len(subject.operands):
            place_in, target = place, target.elts[place]
        else:
            return subject
        subject = subject.operands[place_in]
    return subject


def _parameter(target: ast.expr) -> ast.Attribute | None:
    """The parameter that something is assigned to: `head.bias`, `head.bias.data[:]`."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        if isinstance(target, ast.Attribute) and target.attr in _PARAMETERS:
            return target
        target = target.value
    return None


def _raises(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether a branch ends in an error."""
    return isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise)


def _is_followed(value: Value) -> bool:
    """Whether the interpreter may keep nothing of what a value is computed from."""
    if isinstance(value, Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    return isinstance(value, Unknown)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions that an expression is computed from."""
    match node:
        case ast.JoinedStr(values=values):
            yield from (part.value for part in values if isinstance(part, ast.FormattedValue))
        case ast.Call(func=func, args=args, keywords=keywords):
            if isinstance(func, ast.Attribute):
                yield func.value
            yield from (a.value if isinstance(a, ast.Starred) else a for a in args)
            yield from (keyword.value for keyword in keywords)
        case ast.BinOp(left=left, right=right):
            yield from (left, right)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Subscript(value=whole, slice=index):
            yield from (whole, index)
        case ast.Compare(left=left, comparators=others):
            yield from (left, *others)
        case ast.BoolOp(values=values):
            yield from values
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
            yield element
        case ast.IfExp(body=body, orelse=other):
            yield from (body, other)


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
