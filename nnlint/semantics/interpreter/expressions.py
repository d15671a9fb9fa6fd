"""Expressions: each node type to its abstract value."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.dataflow import shaped
from nnlint.semantics.draws import drawings
from nnlint.semantics.folding import NotFolded, fits, folded
from nnlint.semantics.interpreter.binding import is_hashable, key_of
from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.machine import Load
from nnlint.semantics.interpreter.operators import BINARY, Operators, undecided
from nnlint.semantics.interpreter.preferring import hand_on
from nnlint.semantics.interpreter.statements import Statements
from nnlint.semantics.interpreter.tensors import extents, some_of
from nnlint.semantics.interpreter.texts import string_of
from nnlint.semantics.library import Library
from nnlint.semantics.values import (
    DRAWING,
    INDEX,
    LONGEST_SEQUENCE,
    MODEL_OF,
    NONE,
    OWNER,
    PART_OF,
    PARTS,
    READ_AT,
    RECEIVER,
    STORED_IN,
    TAKEN_AT,
    TAKEN_FROM,
    Built,
    Choice,
    Condition,
    Constant,
    Function,
    Instance,
    Items,
    Parameters,
    ShapeOf,
    Table,
    Tensor,
    Unknown,
    Value,
    choose,
    gap,
    note_choice,
    note_name,
    softened,
)


class Expressions(Statements):
    """Evaluates expressions."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self.operators = Operators(self)
        self._constants: dict[ast.Constant, Constant] = {}

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression in the current frame."""
        # `tick`, written out: this runs a million times
        self.steps += 1
        if self.steps > self.limit:
            raise OutOfBudget
        evaluator = _EVALUATORS.get(type(node))
        return evaluator(self, node) if evaluator else Unknown()

    def _constant(self, node: ast.Constant) -> Value:
        known = self._constants.get(node)
        if known is None:
            if isinstance(node.value, (int, complex)) and not fits(node.value):
                return Unknown()
            known = self._constants[node] = Constant(node.value, site=self.site(node))
        return known

    def _name(self, node: ast.Name) -> Value:
        scope = self.frames[-1].scope
        here = scope.names.get(node.id)
        plain = isinstance(here, Value) and not scope.declared_global
        found: Value | None = here if plain else self.lookup(scope, node.id)
        if found is not None:
            return found
        if node.id == "__name__":
            return Unknown("__name__")
        return self.unbound(self.frames[-1].scope, node.id)

    def _attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.evaluate(node.value), node.attr, self.site(node))

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items: list[Value] = []
        unknown = False
        groups: list[Parameters] = []
        starred: list[Value] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                value = self.evaluate(element.value)
                starred.append(value)
                if isinstance(value, Parameters):
                    groups.append(value)
                spread = self.spread(value)
                unknown = unknown or spread is None
                if spread is None:
                    spread = value.in_order if isinstance(value, Items) else (gap(),)
                items += spread
            else:
                items.append(self.evaluate(element))
        if groups and len(groups) == len(node.elts):
            return Parameters(tuple(model for group in groups for model in group.models))
        kind = type(node).__name__.lower()
        state = {"items": tuple(items), "open": unknown, "grown": kind == "list" and not node.elts}
        made = Items(kind, state, self.site(node))
        for value in starred:
            hand_on(value, made)
        return made

    def spread(self, value: Value) -> tuple[Value, ...] | None:
        """What `*value` adds, or None when not known."""
        if isinstance(value, Items):
            return None if value.open else value.items
        if isinstance(value, ShapeOf) and value.tensor.shape is not None:
            return tuple(extents(value.tensor.shape[value.start : value.stop]))
        if isinstance(value, Built) and value.entry.kind == "container":
            return None if value.state.get("open") else value.members
        if isinstance(value, Constant) and isinstance(value.value, (tuple, list, range)):
            parts = value.value[: LONGEST_SEQUENCE + 1]
            if len(parts) <= LONGEST_SEQUENCE:
                return tuple(Constant(v, value.soft) for v in parts)
        if isinstance(value, Unknown) and PARTS in value.state:
            return tuple(value.state[place] for place in range(value.state[PARTS]))
        return None

    def _dict(self, node: ast.Dict) -> Value:
        state: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node)
            if key_node is None:
                state.update(value.state if isinstance(value, Table) else {...: Unknown()})
                continue
            key = key_of(self.evaluate(key_node))
            state[key] = value
            note_name(value, key if isinstance(key, str) else "")
        return Table(state, self.site(node))

    def augmented(self, whole: ast.BinOp, in_place: bool = False) -> Value:
        """The new value of a variable that something is added to: a running sum is noted.

        Parameters:
            in_place: it is written `x += y`, which changes what `x` is, where that can be.
        """
        left, right = self.evaluate(whole.left), self.evaluate(whole.right)
        symbol, function = BINARY[type(whole.op)]
        if isinstance(left, Instance):
            # its class says what is kept of what is added
            return self.operators.augmented_instance(
                left, function.__name__.strip("_"), right, whole
            )
        result = self.operators.binary(symbol, function, left, right, whole)
        if in_place:
            self.note_written(left, right, whole, f"{symbol}=")
        if symbol == "+":
            self.gather(self.site(whole), right, result)
        return result

    def note_mixture(self, node: ast.BinOp) -> None:
        """A sum that may mix two examples; overridden where samples are followed."""

    def _conditional(self, node: ast.IfExp) -> Value:
        test = self.evaluate(node.test)
        truth, soft = self.truth(test)
        site = self.site(node.test)
        if truth is not None and not soft:
            with self.under(Condition(site, truth, False, test)):
                return self.evaluate(node.body if truth else node.orelse)
        values = []
        conditions = [Condition(site, taken, True, test) for taken in (True, False)]
        with self.inside("branch", site):
            for condition, arm in zip(conditions, (node.body, node.orelse), strict=True):
                told = self.told_by(node.test, condition.taken)
                with self.inside("arm", site), self.under(condition), self.narrowed(told):
                    values.append(self.evaluate(arm))
        if truth is not None:
            preferred = values[0 if truth else 1]
            note_choice(preferred, conditions[0 if truth else 1])
            if isinstance(preferred, Constant):
                return Constant(preferred.value, True, preferred.site)
            return preferred
        joined = self.join(values[0], values[1], ((conditions[0],), (conditions[1],)))
        return joined if isinstance(joined, Value) else Unknown()

    def _lambda(self, node: ast.Lambda) -> Value:
        return Function(node, self._closure(), self.frame.cls)

    def _named(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.bind(node.target, value)
        return value

    def _joined_string(self, node: ast.JoinedStr) -> Value:
        pieces: list[Value] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.evaluate(part.value)
                pieces.append(value if part.format_spec is None else Unknown())
            else:
                pieces.append(self.evaluate(part))
        return string_of(pieces)

    def _await(self, node: ast.Await) -> Value:
        return self.evaluate(node.value)

    def _yield(self, node: ast.Yield) -> Value:
        value = self.evaluate(node.value) if node.value else NONE
        self.frame.yields.append(value)
        if self.frame.on_yield is not None:
            self.frame.on_yield(value)
        return Unknown()

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        items: list[Value] = []
        source = self.evaluate(node.generators[0].iter)
        complete = self._go_over(
            source, node.generators, lambda: items.append(self.evaluate(node.elt))
        )
        grown = isinstance(source, Items) and source.grown
        state = {"items": tuple(items), "open": not complete, "alike": bool(items), "grown": grown}
        return Items("list", state, self.site(node))

    def _dict_comprehension(self, node: ast.DictComp) -> Value:
        state: dict[Any, Any] = {}

        def add() -> None:
            key, value = key_of(self.evaluate(node.key)), self.evaluate(node.value)
            state[key] = value
            if isinstance(key, str):
                note_name(value, key)

        if not self._generate(node.generators, add):
            state.setdefault(..., Unknown())
        return Table(state)

    def _generate(self, generators: Sequence[ast.comprehension], add: Callable[[], None]) -> bool:
        if not generators:
            add()
            return True
        return self._go_over(self.evaluate(generators[0].iter), generators, add)

    def _go_over(
        self,
        iterable: Value,
        generators: Sequence[ast.comprehension],
        add: Callable[[], None],
    ) -> bool:
        head, rest = generators[0], generators[1:]
        elements = self.elements(iterable)
        complete = elements is not None and not head.ifs
        if elements is None:
            first = self.any_element(iterable, head.target)
            other = (
                Unknown(first.name, first.origin, _of_weights(first))
                if isinstance(first, Unknown)
                else first
            )
            elements = [first, other]
        with self.inside("loop", self.site(head.iter)) as block:
            block.subject = iterable
            for element in elements:
                self.bind(head.target, element)
                for test in head.ifs:
                    self.evaluate(test)
                complete = self._generate(rest, add) and complete
        return complete

    def _subscript(self, node: ast.Subscript) -> Value:
        receiver = self.evaluate(node.value)
        return self.item(receiver, node)

    def item(self, receiver: Value, node: ast.Subscript) -> Value:
        """`receiver[...]`."""
        if isinstance(receiver, Choice):
            found = [self.item(option, node) for option in receiver.options]
            joined = found[0]
            for value in found[1:]:
                joined = self.join(joined, value)
            return joined
        tensor = receiver if isinstance(receiver, Tensor) else shaped(receiver)
        if tensor is not None:
            return self._index_tensor_node(tensor, node)
        if isinstance(node.slice, ast.Slice):
            part = self._slice(receiver, node.slice)
            if isinstance(part, Unknown):
                part.state.update({TAKEN_AT: self.site(node), TAKEN_FROM: receiver})
            return part
        key = self.evaluate(node.slice)
        if isinstance(receiver, Table):
            return self._table_item(receiver, key, node)
        if not isinstance(key, Constant):
            if isinstance(receiver, Items) and len(receiver.items) == 1:
                return receiver.items[0]
            if isinstance(receiver, (Items, Constant)) and (drawn := list(drawings(key))):
                # which of several it is depends on the draw
                return Unknown(origin="draw", state={DRAWING: drawn[0]})
            if isinstance(receiver, Items) and receiver.items:
                every = receiver.alike or not receiver.open
                alike = some_of(receiver.items) if every else None
                return alike or Unknown(state={STORED_IN: receiver})
            return Unknown(origin="item", state={TAKEN_AT: self.site(node), TAKEN_FROM: receiver})
        index = key.value
        if isinstance(receiver, ShapeOf) and isinstance(index, int):
            return self.extent(receiver, index)
        if isinstance(receiver, Built) and isinstance(index, str):
            return receiver.member(index) or Unknown(index, "item")
        if isinstance(receiver, Built) and receiver.members and isinstance(index, int):
            members = receiver.members
            return members[index] if -len(members) <= index < len(members) else Unknown()
        if isinstance(receiver, Unknown) and is_hashable(index):
            member: Value | None = receiver.state.get(index)
            if member is None:
                name = f"{receiver.name}.{index}" if isinstance(index, str) else receiver.name
                member = Unknown(name, receiver.origin, _of_weights(receiver))
                member.state[STORED_IN] = receiver
                receiver.state[index] = member
                if isinstance(index, int):
                    member.state[INDEX] = index
                if receiver.origin == "param_groups":
                    owner = {OWNER: receiver.state.get(OWNER)}
                    member = receiver.state[index] = Unknown(name, "group", owner)
            return member
        if isinstance(receiver, Constant) and isinstance(index, (int, str)):
            soft = receiver.soft or key.soft
            try:
                return Constant(folded(operator.getitem, receiver.value, index), soft)
            except NotFolded:
                return Unknown()
        return self.element(receiver, index, "") if isinstance(index, int) else Unknown()

    def _table_item(self, table: Table, key: Value, node: ast.Subscript) -> Value:
        name = key_of(key)
        if name is not ... and name in table.state:
            found: Value = table.state[name]
            return softened(found)
        chosen = self._some_item(table, key, node)
        return chosen or Unknown(self.site(node).text, "option")

    def _some_item(self, table: Table, key: Value, node: ast.Subscript) -> Value | None:
        """One of the objects in a small dict, each when the key is its own."""
        known = [(k, v) for k, v in table.state.items() if isinstance(v, (Built, Instance))]
        if not 1 < len(known) == len(table.state) <= 4:
            return None
        site = self.site(node.slice)
        reasons = [
            (Condition(site, True, True, undecided("==", key, Constant(k))),) for k, _ in known
        ]
        return choose([v for _, v in known], reasons)

    def _slice(self, receiver: Value, node: ast.Slice) -> Value:
        bounds = [
            self.evaluate(part) if part is not None else NONE
            for part in (node.lower, node.upper, node.step)
        ]
        if not all(isinstance(b, Constant) for b in bounds):
            return Unknown()
        lower, upper, step = (b.value for b in bounds if isinstance(b, Constant))
        if not all(isinstance(b, int) or b is None for b in (lower, upper, step)) or step == 0:
            return Unknown()
        if isinstance(receiver, ShapeOf) and step is None:
            return self.slice_shape(receiver, lower or 0, upper)
        if isinstance(receiver, Items) and not receiver.open:
            part = {"items": receiver.items[lower:upper:step], "grown": receiver.grown}
            return Items(receiver.kind, part)
        if isinstance(receiver, Items) and receiver.alike:
            return Items(receiver.kind, dict(receiver.state))
        if isinstance(receiver, Constant) and isinstance(receiver.value, (str, tuple, list)):
            return Constant(receiver.value[lower:upper:step], receiver.soft)
        if isinstance(receiver, Built) and receiver.entry.kind == "container":
            members = receiver.members[lower:upper:step]
            return Built(receiver.entry, {}, frozenset(), receiver.site, (), {"items": members})
        if isinstance(receiver, Unknown):
            # a part of what a caller or an option gives is given by it too
            return Unknown(receiver.name, receiver.origin, _shared(receiver))
        return Unknown()

    def slice_shape(self, receiver: ShapeOf, lower: int, upper: int | None) -> Value:
        """`tensor.shape[lower:upper]`."""
        rank = len(receiver.tensor.shape) if receiver.tensor.shape is not None else None
        if rank is None:
            if lower < 0 or receiver.stop is not None:
                return Unknown()
            stop = upper + receiver.start if upper is not None and upper >= 0 else upper
            return ShapeOf(receiver.tensor, receiver.start + lower, stop)
        window = range(rank)[receiver.start : receiver.stop][lower:upper]
        if not window:
            return Items("tuple", {"items": ()})
        return ShapeOf(receiver.tensor, window[0], window[-1] + 1)

    def _index_tensor_node(self, tensor: Tensor, node: ast.Subscript) -> Value:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index: list[Value] = []
        for part in parts:
            if isinstance(part, ast.Slice):
                ends = [
                    self.evaluate(e) if e else NONE for e in (part.lower, part.upper, part.step)
                ]
                index.append(Items("slice", {"items": tuple(ends)}))
            else:
                index.append(self.evaluate(part))
        return self.index_tensor(tensor, index, node)

    def attribute(self, value: Value, name: str, site: Any) -> Value:
        """`value.name` for plain Python values; libraries come in `members`."""
        return Unknown(name)


def _shared(whole: Unknown) -> dict[Any, Any]:
    """What is known of a slice of something unresolved, since it is known of the whole."""
    known = {PART_OF: whole.state[PART_OF]} if PART_OF in whole.state else {}
    return {**known, **_of_weights(whole)}


def _of_weights(whole: Unknown) -> dict[Any, Any]:
    """Whose weights a part of something unresolved is, and whether it is read without its graph."""
    keys = (MODEL_OF, READ_AT, *((RECEIVER,) if READ_AT in whole.state else ()))
    return {key: whole.state[key] for key in keys if key in whole.state}


_EVALUATORS: dict[type[ast.expr], Callable[[Any, Any], Value]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.List: Expressions._sequence,
    ast.Tuple: Expressions._sequence,
    ast.Set: Expressions._sequence,
    ast.Dict: Expressions._dict,
    ast.BinOp: lambda self, node: self.operators.evaluate_binary(node),
    ast.UnaryOp: lambda self, node: self.operators.evaluate_unary(node),
    ast.BoolOp: lambda self, node: self.operators.evaluate_boolean(node),
    ast.Compare: lambda self, node: self.operators.evaluate_comparison(node),
    ast.IfExp: Expressions._conditional,
    ast.Lambda: Expressions._lambda,
    ast.NamedExpr: Expressions._named,
    ast.JoinedStr: Expressions._joined_string,
    ast.Await: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.ListComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.DictComp: Expressions._dict_comprehension,
    ast.Subscript: Expressions._subscript,
    ast.Call: lambda self, node: self.call_node(node),
}
