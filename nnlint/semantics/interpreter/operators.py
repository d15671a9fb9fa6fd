"""Operators: arithmetic, comparisons, and what is true."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnlint.semantics.folding import NotFolded, folded
from nnlint.semantics.interpreter.classes import same_class
from nnlint.semantics.interpreter.preferring import hand_on
from nnlint.semantics.interpreter.texts import is_text, string_of
from nnlint.semantics.values import (
    COUNTS,
    MADE_OF,
    NONE,
    TEST,
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    Extent,
    External,
    Function,
    Instance,
    Items,
    Parameters,
    ShapeOf,
    Site,
    Tensor,
    Unknown,
    Value,
    is_size,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.expressions import Expressions

BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
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


class Operators:
    """Evaluates operators."""

    def __init__(self, machine: Expressions) -> None:
        self.machine = machine

    def evaluate_binary(self, node: ast.BinOp) -> Value:
        """`left operator right`."""
        left, right = self.machine.evaluate(node.left), self.machine.evaluate(node.right)
        if type(node.op) is ast.Add:
            self.machine.note_mixture(node)
        symbol, function = BINARY[type(node.op)]
        return self.binary(symbol, function, left, right, node)

    def augmented_instance(self, left: Instance, word: str, right: Value, node: ast.expr) -> Value:
        """`left += right` of a project class: `__iadd__`, or `__add__`, where it has one."""
        for name in (f"__i{word}__", f"__{word}__"):
            method = left.cls.find(name)
            if isinstance(method, Function):
                return self.machine.call(
                    BoundMethod(left, name, method), (right,), {}, self.machine.site(node)
                )
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
        if symbol == "/":
            self._note_average(left, right, node)
        if isinstance(left, Constant) and isinstance(right, Constant):
            folded = fold(function, left, right)
            if (
                isinstance(folded, Constant)
                and folded.soft
                and isinstance(folded.value, (int, float))
            ):
                made = Arithmetic(symbol, (left, right), self.machine.site(node))
                return replace(folded, made=made)
            return folded
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self.tensor_arithmetic(symbol, left, right, node)
        if isinstance(left, Items) and isinstance(right, Items) and symbol == "+":
            return self.concatenated(left, right)
        if isinstance(left, Parameters) and isinstance(right, Parameters):
            return Parameters((*left.models, *right.models))
        if isinstance(left, Items) and symbol == "*":
            return self._repeated(left, right, node)
        if isinstance(right, Items) and symbol == "*":
            return self._repeated(right, left, node)
        if isinstance(left, Extent) or isinstance(right, Extent):
            extent = self.machine.sizes.combined(symbol, left, right)
            if extent is not None:
                return Extent(
                    extent.size, Arithmetic(symbol, (left, right), self.machine.site(node))
                )
        if (
            symbol == "+"
            and isinstance(left, (ShapeOf, Items))
            and isinstance(right, (ShapeOf, Items))
        ):
            parts = [self.machine.spread(side) for side in (left, right)]
            known = tuple(v for part in parts for v in part or ())
            return Items("tuple", {"items": known, "open": None in parts})
        if isinstance(left, Constant) and isinstance(left.value, str):
            if symbol == "%":
                return Unknown(re.sub(r"%\w", "{}", left.value), "string")
            if symbol == "+":
                return string_of((left, right))
        return Arithmetic(symbol, (left, right), self.machine.site(node))

    def _repeated(self, repeated: Items, count: Value, node: ast.AST) -> Items:
        """`[layer] * n`."""
        times = count.value if isinstance(count, Constant) else None
        site = self.machine.site(node)
        if isinstance(times, int) and times * len(repeated.items) <= 64:
            state = {"items": repeated.items * times, "open": repeated.open}
            return Items(repeated.kind, state, site)
        # of modules it shows that all of them are the same
        modules = any(isinstance(v, (Built, Instance)) for v in repeated.items)
        items = repeated.items * (1 + modules)
        state = {"items": items, "open": True, "alike": not repeated.open}
        return Items(repeated.kind, state, site)

    def concatenated(self, left: Items, right: Items) -> Items:
        """`left + right`."""
        parts = (left, right)
        state = {
            "items": (*left.in_order, *right.in_order),
            "open": any(part.open for part in parts),
            "alike": all(part.alike or not part.open for part in parts),
            "grown": any(part.grown for part in parts),
        }
        made = Items(left.kind, state)
        for part in parts:
            hand_on(part, made)
        return made

    def arithmetic_result(self, arithmetic: Arithmetic) -> Value:
        """The tensor that arithmetic over unknown values turns out to make."""
        assert arithmetic.site is not None
        entry = self.machine.library.get(ARITHMETIC.get(arithmetic.operator, "torch.mul"))
        if entry is None or len(arithmetic.operands) != 2:
            return Unknown()
        return self.machine.library_call(entry, arithmetic.operands, {}, arithmetic.site)

    def _note_average(self, left: Value, right: Value, node: ast.expr) -> None:
        """Note that something is divided by a length, or by what counts the rounds of a loop."""
        divisor = self._rounds(right, node)
        if divisor is None:
            return
        lists: tuple[Value, ...] = ()
        match node:
            case ast.BinOp(left=ast.Call(func=ast.Name(id="sum"), args=[ast.Name() as summed])):
                lists = (self.machine.evaluate(summed),)
        self.machine.emit("average", self.machine.site(node), left, (divisor, *lists))

    def _rounds(self, right: Value, node: ast.expr) -> Value | None:
        """What something is divided by, if that is a length or counts the rounds of a loop."""
        if isinstance(right, Arithmetic) and right.operator in ("float", "int"):
            right = right.operands[0]
        if not (isinstance(right, Constant) and right.soft):
            return right if _counts(right) else None
        match node:
            case ast.BinOp(right=ast.Call(func=ast.Name(id="len"), args=[ast.Name() as counted])):
                # a list that a loop fills has as many elements as it has rounds
                return Unknown("len", "length", {MADE_OF: self.machine.evaluate(counted)})
            case ast.BinOp(right=ast.Name() | ast.Attribute()) if right.made is not None:
                return right
            case ast.BinOp(
                right=ast.Call(
                    func=ast.Name(id="float" | "int"), args=[ast.Name() | ast.Attribute()]
                )
            ) if right.made is not None:
                return right
            case _:
                return None

    def tensor_arithmetic(self, symbol: str, left: Value, right: Value, node: ast.expr) -> Value:
        """Elementwise or matrix arithmetic in which a tensor takes part."""
        name = ARITHMETIC.get(symbol, "torch.mul")
        entry = self.machine.library.get(name)
        if entry is None:
            return Unknown()
        return self.machine.library_call(entry, (left, right), {}, self.machine.site(node))

    def evaluate_unary(self, node: ast.UnaryOp) -> Value:
        """`not value`, `-value` and the like."""
        value = self.machine.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            truth, soft = self.machine.truth(value)
            return undecided("not", value) if truth is None else Constant(not truth, soft)
        if isinstance(value, Constant) and isinstance(value.value, (int, float)):
            negative = isinstance(node.op, ast.USub)
            return Constant(-value.value if negative else value.value, value.soft, value.site)
        return value if isinstance(value, Tensor) else Arithmetic("-", (NONE, value))

    def evaluate_boolean(self, node: ast.BoolOp) -> Value:
        """`left and right`, `left or right`."""
        values = [self.machine.evaluate(v) for v in node.values]
        truths = [self.machine.truth(v) for v in values]
        stops = isinstance(node.op, ast.Or)
        for value, (truth, soft) in zip(values, truths, strict=True):
            if truth is stops and not soft:
                return value
            if truth is None or soft:
                break
        else:
            return values[-1]
        if any(isinstance(v, Constant) and v.value is stops and not v.soft for v in values):
            # `test and False` switches off what it guards, whatever the test is
            return Constant(stops)
        if all(truth is not None for truth, _ in truths):
            outcome = next(
                (v for v, (t, _) in zip(values, truths, strict=True) if t is stops), values[-1]
            )
            truth, _ = self.machine.truth(outcome)
            return Constant(outcome.value, True) if isinstance(outcome, Constant) else outcome
        site = self.machine.site(node) if self.machine.frames else None
        return undecided("or" if stops else "and", *values, site=site)

    def evaluate_comparison(self, node: ast.Compare) -> Value:
        """`left < right`, chained ones too."""
        left = self.machine.evaluate(node.left)
        rights = [self.machine.evaluate(c) for c in node.comparators]
        if len(rights) == 1:
            return self._compare_one(left, node.ops[0], rights[0], node)
        pairs = zip([left, *rights], node.ops, rights, strict=False)
        return undecided("and", *(self._compare_one(a, op, b) for a, op, b in pairs))

    def _compare_one(
        self, left: Value, op: ast.cmpop, right: Value, node: ast.expr | None = None
    ) -> Value:
        name = COMPARISONS.get(type(op))
        # what stands before a tensor is compared with it element by element, whatever it is
        behind = isinstance(left, Unknown) and isinstance(right, Tensor)
        tensors = isinstance(left, Tensor) or (behind and isinstance(op, ast.Eq | ast.NotEq))
        entry = self.machine.library.get(name) if name and tensors else None
        if entry is not None and self.machine.frames and node is not None:
            return self.machine.library_call(entry, (left, right), {}, self.machine.site(node))
        decided = self._compare_classes(left, op, right)
        if decided is not None:
            return decided
        if isinstance(op, (ast.Is, ast.IsNot)):
            symbol = "is" if isinstance(op, ast.Is) else "is not"
            if not (isinstance(right, Constant) and right.value is None):
                return undecided(symbol, left, right)
            if isinstance(left, Constant):
                return Constant((left.value is None) is isinstance(op, ast.Is), left.soft)
            if isinstance(left, (Unknown, Choice, Arithmetic)):
                self.machine.forget_reading(left)
                return undecided(symbol, left, right)
            return Constant(isinstance(op, ast.IsNot))
        symbol, function = _COMPARE[type(op)]
        if isinstance(right, Items) and not right.open and isinstance(left, Constant):
            known = [v for v in right.items if isinstance(v, Constant)]
            if len(known) == len(right.items):
                right = Constant([v.value for v in known], any(v.soft for v in known))
        moves = _is_carried(left) or _is_carried(right)
        if isinstance(left, Constant) and isinstance(right, Constant) and not moves:
            folded = fold(function, left, right)
            if isinstance(folded, Constant):
                return folded
        return undecided(symbol, left, right)

    def _compare_classes(self, left: Value, op: ast.cmpop, right: Value) -> Constant | None:
        """`type(x) is Net` or `type(x) in (Net, Other)`, where both sides are known classes."""
        if not isinstance(left, (Class, External)):
            return None
        others = right.items if isinstance(right, Items) and not right.open else (right,)
        if isinstance(right, Items) is not isinstance(op, (ast.In, ast.NotIn)):
            return None
        answers = {same_class(left, other, self.machine.library) for other in others}
        if None in answers:
            return None
        positive = isinstance(op, (ast.Is, ast.Eq, ast.In))
        negative = isinstance(op, (ast.IsNot, ast.NotEq, ast.NotIn))
        return Constant((True in answers) is positive) if positive or negative else None


def _is_carried(value: Value | None) -> bool:
    """Whether a loop goes on from a value to others, so that a comparison ends either way."""
    if isinstance(value, Arithmetic):
        return any(_is_carried(v) for v in value.operands)
    return isinstance(value, Constant) and (value.carried or _is_carried(value.made))


def undecided(symbol: str, *operands: Value, site: Site | None = None) -> Unknown:
    """The outcome of a comparison that is not known: it remembers what is compared."""
    return Unknown(origin="test", state={TEST: Arithmetic(symbol, operands, site)})


def _formatted(template: Constant, values: Constant) -> Value:
    if len(template.value) > 80 or re.search(r"%[^a-z%]", template.value):
        return Unknown(origin="string")
    try:
        result = folded(operator.mod, template.value, values.value)
    except NotFolded:
        return Unknown(origin="string")
    return Constant(result, template.soft or values.soft)


def fold(function: Callable[[Any, Any], Any], left: Constant, right: Constant) -> Value:
    """A constant out of two, as far as it is small enough to be followed."""
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


def _counts(value: Value) -> bool:
    """Whether a value is a length, or is computed from what counts the rounds of a loop."""
    match value:
        case Unknown():
            return value.origin == "length" or COUNTS in value.state
        case Arithmetic(operator="+", operands=operands) if any(map(is_size, operands)):
            return True
        case Extent(made=Arithmetic(operator="+", operands=operands)):
            return any(map(is_size, operands))
        case Arithmetic(operator="+" | "*"):
            return any(_is_count(operand) for operand in value.operands)
        case _:
            return False


def _is_count(value: Value) -> bool:
    if isinstance(value, Arithmetic) and value.operator == "+":
        return any(isinstance(v, Unknown) and COUNTS in v.state for v in value.operands)
    return isinstance(value, Unknown) and COUNTS in value.state
