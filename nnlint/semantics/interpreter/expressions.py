"""Expressions: each node type to its abstract value."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nnlint.semantics.draws import drawings
from nnlint.semantics.folding import NotFolded, fits, folded
from nnlint.semantics.interpreter.binding import is_hashable
from nnlint.semantics.interpreter.classes import same_class
from nnlint.semantics.interpreter.machine import Load, OutOfBudget
from nnlint.semantics.interpreter.statements import Statements
from nnlint.semantics.interpreter.tensors import extents
from nnlint.semantics.interpreter.texts import is_text, string_of
from nnlint.semantics.library import Library
from nnlint.semantics.values import (
    DRAWING,
    INDEX,
    LONGEST_SEQUENCE,
    NONE,
    OWNER,
    PART_OF,
    PARTS,
    TAKEN_AT,
    TEST,
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Condition,
    Constant,
    Extent,
    External,
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

_BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.MatMult: ("@", operator.matmul),
    ast.BitOr: ("|", operator.or_),
    ast.BitAnd: ("&", operator.and_),
    ast.BitXor: ("^", operator.xor),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
}
_COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}
_LARGEST_FOLDED = 1 << 40


ARITHMETIC = {
    "+": "torch.add",
    "-": "torch.sub",
    "/": "torch.div",
    "@": "torch.matmul",
}
"""Operators on tensors and the functions that mean the same; others scale."""


COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "torch.eq",
    ast.NotEq: "torch.ne",
    ast.Gt: "torch.gt",
    ast.GtE: "torch.ge",
    ast.Lt: "torch.lt",
    ast.LtE: "torch.le",
}
"""Comparisons that a tensor makes element by element."""


class Expressions(Statements):
    """Evaluates expressions."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
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
            known = Constant(node.value, site=self.site(node))
            self._constants[node] = known
        if isinstance(node.value, (int, complex)) and not fits(node.value):
            return Unknown()
        return known

    def _name(self, node: ast.Name) -> Value:
        found = self.lookup(self.frames[-1].scope, node.id)
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
        for element in node.elts:
            if isinstance(element, ast.Starred):
                value = self.evaluate(element.value)
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
        return Items(kind, state, self.site(node))

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
            key = self.evaluate(key_node)
            if isinstance(key, Constant) and is_hashable(key.value):
                state[key.value] = value
                note_name(value, key.value if isinstance(key.value, str) else "")
            else:
                state[...] = value
        return Table(state, self.site(node))

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        symbol, function = _BINARY[type(node.op)]
        return self.binary(symbol, function, left, right, node)

    def augmented(self, whole: ast.BinOp) -> Value:
        """The new value of a variable that something is added to: a running sum is noted."""
        left, right = self.evaluate(whole.left), self.evaluate(whole.right)
        symbol, function = _BINARY[type(whole.op)]
        if isinstance(left, Instance):
            # its class says what is kept of what is added
            return self._augmented_instance(left, function.__name__.strip("_"), right, whole)
        result = self.binary(symbol, function, left, right, whole)
        if symbol == "+":
            self.gather(self.site(whole), right, result)
        return result

    def _augmented_instance(self, left: Instance, word: str, right: Value, node: ast.expr) -> Value:
        """`left += right` of a project class: `__iadd__`, or `__add__`, where it has one."""
        for name in (f"__i{word}__", f"__{word}__"):
            method = left.cls.find(name)
            if isinstance(method, Function):
                return self.call(BoundMethod(left, name, method), (right,), {}, self.site(node))
        return Unknown()

    def binary(
        self,
        symbol: str,
        function: Callable[[Any, Any], Any],
        left: Value,
        right: Value,
        node: ast.expr,
    ) -> Value:
        """`left symbol right`."""
        if symbol == "/" and (is_text(left) or is_text(right)):
            return string_of((left, right), "/")
        if symbol == "/" and isinstance(right, Unknown) and right.origin == "length":
            self.emit("average", self.site(node), left, (right,))
        if isinstance(left, Constant) and isinstance(right, Constant):
            folded = _fold(function, left, right)
            if (
                isinstance(folded, Constant)
                and folded.soft
                and isinstance(folded.value, (int, float))
            ):
                made = Arithmetic(symbol, (left, right), self.site(node))
                return replace(folded, made=made)
            return folded
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self.tensor_arithmetic(symbol, left, right, node)
        if isinstance(left, Items) and isinstance(right, Items) and symbol == "+":
            return self.concatenated(left, right)
        if isinstance(left, Parameters) and isinstance(right, Parameters):
            return Parameters((*left.models, *right.models))
        if isinstance(left, Items) and symbol == "*":
            times = right.value if isinstance(right, Constant) else None
            if isinstance(times, int) and times * len(left.items) <= 64:
                return Items(left.kind, {"items": left.items * times, "open": left.open})
            return Items(left.kind, {"items": left.items, "open": True, "alike": not left.open})
        if isinstance(left, Extent) or isinstance(right, Extent):
            extent = self.sizes.combined(symbol, left, right)
            if extent is not None:
                return Extent(extent.size, Arithmetic(symbol, (left, right), self.site(node)))
        if (
            symbol == "+"
            and isinstance(left, (ShapeOf, Items))
            and isinstance(right, (ShapeOf, Items))
        ):
            parts = [self.spread(side) for side in (left, right)]
            known = tuple(v for part in parts for v in part or ())
            return Items("tuple", {"items": known, "open": None in parts})
        if isinstance(left, Constant) and isinstance(left.value, str):
            if symbol == "%":
                return Unknown(re.sub(r"%\w", "{}", left.value), "string")
            if symbol == "+":
                return string_of((left, right))
        return Arithmetic(symbol, (left, right), self.site(node))

    def concatenated(self, left: Items, right: Items) -> Items:
        """`left + right`."""
        parts = (left, right)
        state = {
            "items": (*left.in_order, *right.in_order),
            "open": any(part.open for part in parts),
            "alike": all(part.alike or not part.open for part in parts),
            "grown": any(part.grown for part in parts),
        }
        return Items(left.kind, state)

    def arithmetic_result(self, arithmetic: Arithmetic) -> Value:
        """The tensor that arithmetic over unknown values turns out to make."""
        assert arithmetic.site is not None
        entry = self.library.get(ARITHMETIC.get(arithmetic.operator, "torch.mul"))
        if entry is None or len(arithmetic.operands) != 2:
            return Unknown()
        return self.library_call(entry, arithmetic.operands, {}, arithmetic.site)

    def tensor_arithmetic(self, symbol: str, left: Value, right: Value, node: ast.expr) -> Value:
        """Elementwise or matrix arithmetic in which a tensor takes part."""
        name = ARITHMETIC.get(symbol, "torch.mul")
        entry = self.library.get(name)
        if entry is None:
            return Unknown()
        return self.library_call(entry, (left, right), {}, self.site(node))

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            truth, soft = self.truth(value)
            return _test("not", value) if truth is None else Constant(not truth, soft)
        if isinstance(value, Constant) and isinstance(value.value, (int, float)):
            negative = isinstance(node.op, ast.USub)
            return Constant(-value.value if negative else value.value, value.soft, value.site)
        return value if isinstance(value, Tensor) else Arithmetic("-", (NONE, value))

    def _boolean(self, node: ast.BoolOp) -> Value:
        values = [self.evaluate(v) for v in node.values]
        truths = [self.truth(v) for v in values]
        stops = isinstance(node.op, ast.Or)
        for value, (truth, soft) in zip(values, truths, strict=True):
            if truth is stops and not soft:
                return value
            if truth is None or soft:
                break
        else:
            return values[-1]
        if all(truth is not None for truth, _ in truths):
            outcome = next(
                (v for v, (t, _) in zip(values, truths, strict=True) if t is stops), values[-1]
            )
            truth, _ = self.truth(outcome)
            return Constant(outcome.value, True) if isinstance(outcome, Constant) else outcome
        return _test("or" if stops else "and", *values)

    def _compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        rights = [self.evaluate(c) for c in node.comparators]
        if len(rights) == 1:
            return self._compare_one(left, node.ops[0], rights[0], node)
        pairs = zip([left, *rights], node.ops, rights, strict=False)
        return _test("and", *(self._compare_one(a, op, b) for a, op, b in pairs))

    def _compare_one(
        self, left: Value, op: ast.cmpop, right: Value, node: ast.expr | None = None
    ) -> Value:
        name = COMPARISONS.get(type(op))
        entry = self.library.get(name) if name and isinstance(left, Tensor) else None
        if entry is not None and self.frames and node is not None:
            return self.library_call(entry, (left, right), {}, self.site(node))
        decided = self._compare_classes(left, op, right)
        if decided is not None:
            return decided
        if isinstance(op, (ast.Is, ast.IsNot)):
            symbol = "is" if isinstance(op, ast.Is) else "is not"
            if not (isinstance(right, Constant) and right.value is None):
                return _test(symbol, left, right)
            if isinstance(left, Constant):
                return Constant((left.value is None) is isinstance(op, ast.Is), left.soft)
            if isinstance(left, (Unknown, Choice, Arithmetic)):
                self.forget_reading(left)
                return _test(symbol, left, right)
            return Constant(isinstance(op, ast.IsNot))
        symbol, function = _COMPARE[type(op)]
        if isinstance(right, Items) and not right.open and isinstance(left, Constant):
            known = [v for v in right.items if isinstance(v, Constant)]
            if len(known) == len(right.items):
                right = Constant([v.value for v in known], any(v.soft for v in known))
        moves = _is_carried(left) or _is_carried(right)
        if isinstance(left, Constant) and isinstance(right, Constant) and not moves:
            folded = _fold(function, left, right)
            if isinstance(folded, Constant):
                return folded
        return _test(symbol, left, right)

    def _compare_classes(self, left: Value, op: ast.cmpop, right: Value) -> Constant | None:
        """`type(x) is Net` or `type(x) in (Net, Other)`, where both sides are known classes."""
        if not isinstance(left, (Class, External)):
            return None
        others = right.items if isinstance(right, Items) and not right.open else (right,)
        if isinstance(right, Items) is not isinstance(op, (ast.In, ast.NotIn)):
            return None
        answers = {same_class(left, other, self.library) for other in others}
        if None in answers:
            return None
        positive = isinstance(op, (ast.Is, ast.Eq, ast.In))
        negative = isinstance(op, (ast.IsNot, ast.NotEq, ast.NotIn))
        return Constant((True in answers) is positive) if positive or negative else None

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
            key, value = self.evaluate(node.key), self.evaluate(node.value)
            known = isinstance(key, Constant) and is_hashable(key.value)
            state[key.value if known and isinstance(key, Constant) else ...] = value
            if isinstance(key, Constant) and isinstance(key.value, str):
                note_name(value, key.value)

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
            other = Unknown(first.name, first.origin) if isinstance(first, Unknown) else first
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
        if isinstance(receiver, Tensor):
            return self._index_tensor_node(receiver, node)
        if isinstance(node.slice, ast.Slice):
            part = self._slice(receiver, node.slice)
            if isinstance(part, Unknown):
                part.state[TAKEN_AT] = self.site(node)
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
                return Unknown()
            return Unknown(origin="item", state={TAKEN_AT: self.site(node)})
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
                member = receiver.state[index] = Unknown(name, receiver.origin)
                if isinstance(index, int):
                    member.state[INDEX] = index
                if receiver.origin == "param_groups":
                    owner = {OWNER: receiver.state.get(OWNER)}
                    member = receiver.state[index] = Unknown(name, "group", owner)
            return member
        if isinstance(receiver, Constant) and isinstance(index, (int, str)):
            try:
                found = folded(operator.getitem, receiver.value, index)
            except NotFolded:
                return Unknown()
            return Constant(found, receiver.soft or key.soft)
        return self.element(receiver, index, "") if isinstance(index, int) else Unknown()

    def _table_item(self, table: Table, key: Value, node: ast.Subscript) -> Value:
        if isinstance(key, Constant) and is_hashable(key.value) and key.value in table.state:
            found: Value = table.state[key.value]
            return softened(found)
        chosen = self._some_item(table, key, node)
        return chosen or Unknown(self.site(node).text, "option")

    def _some_item(self, table: Table, key: Value, node: ast.Subscript) -> Value | None:
        """One of the objects in a small dict, each when the key is its own."""
        known = [(k, v) for k, v in table.state.items() if isinstance(v, (Built, Instance))]
        if not 1 < len(known) == len(table.state) <= 4:
            return None
        site = self.site(node.slice)
        reasons = [(Condition(site, True, True, _test("==", key, Constant(k))),) for k, _ in known]
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
            return Items(receiver.kind, {"items": receiver.items[lower:upper:step]})
        if isinstance(receiver, Constant) and isinstance(receiver.value, (str, tuple, list)):
            return Constant(receiver.value[lower:upper:step], receiver.soft)
        if isinstance(receiver, Built) and receiver.entry.kind == "container":
            members = receiver.members[lower:upper:step]
            return Built(receiver.entry, {}, frozenset(), receiver.site, (), {"items": members})
        if isinstance(receiver, Unknown):
            # a part of what a caller or an option gives is given by it too
            known = {key: receiver.state[key] for key in (PART_OF,) if key in receiver.state}
            return Unknown(receiver.name, receiver.origin, known)
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


def _is_carried(value: Value | None) -> bool:
    """Whether a loop goes on from a value to others, so that a comparison ends either way."""
    if isinstance(value, Arithmetic):
        return any(_is_carried(v) for v in value.operands)
    return isinstance(value, Constant) and (value.carried or _is_carried(value.made))


def _test(symbol: str, *operands: Value) -> Unknown:
    """The outcome of a comparison that is not known: it remembers what is compared."""
    return Unknown(origin="test", state={TEST: Arithmetic(symbol, operands)})


def _formatted(template: Constant, values: Constant) -> Value:
    if len(template.value) > 80 or re.search(r"%[^a-z%]", template.value):
        return Unknown(origin="string")
    try:
        result = folded(operator.mod, template.value, values.value)
    except NotFolded:
        return Unknown(origin="string")
    return Constant(result, template.soft or values.soft)


def _fold(function: Callable[[Any, Any], Any], left: Constant, right: Constant) -> Value:
    soft = left.soft or right.soft
    if isinstance(left.value, str) and function is operator.mod:
        return _formatted(left, right)
    try:
        result = folded(function, left.value, right.value)
    except NotFolded:
        return Unknown()
    if isinstance(result, int) and abs(result) > _LARGEST_FOLDED:
        return Unknown()
    return Constant(result, soft)


_EVALUATORS: dict[type[ast.expr], Callable[[Any, Any], Value]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.List: Expressions._sequence,
    ast.Tuple: Expressions._sequence,
    ast.Set: Expressions._sequence,
    ast.Dict: Expressions._dict,
    ast.BinOp: Expressions._binary,
    ast.UnaryOp: Expressions._unary,
    ast.BoolOp: Expressions._boolean,
    ast.Compare: Expressions._compare,
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
