"""What a test says of the values it tests: in each arm, one of several is only some of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nnlint.semantics.interpreter.binding import Binding
from nnlint.semantics.interpreter.classes import is_instance
from nnlint.semantics.interpreter.machine import Load
from nnlint.semantics.library import Library
from nnlint.semantics.values import (
    BoundMethod,
    Built,
    Choice,
    Constant,
    Function,
    Instance,
    Items,
    Maybe,
    Tensor,
    Unknown,
    Value,
    choose,
)
from nnlint.syntax.walking import walk

_TESTS = frozenset({"isinstance", "issubclass", "type", "hasattr", "getattr"})
"""Functions that a test may call without any effect."""
_PLAIN = (
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.Tuple,
    ast.List,
    ast.BinOp,
    ast.boolop,
    ast.unaryop,
    ast.cmpop,
    ast.operator,
    ast.expr_context,
)


class Place(NamedTuple):
    """Where a variable or attribute keeps its value."""

    state: dict[Any, Any]
    key: str


Narrowed = list[tuple[Place, Value, Value]]
"""Places, with what they hold and what they can hold where a test ended in one way."""


class Told:
    """What a test has told, for as long as the program is where it holds."""

    __slots__ = ("_machine", "_told")

    def __init__(self, machine: Narrowing, told: Narrowed) -> None:
        self._machine = machine
        self._told = told

    def __enter__(self) -> None:
        self._machine.settle(self._told)

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._machine.unsettle(self._told)


class Narrowing(Binding):
    """Tests variables that hold one of several values, one value after the other."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self._variables_of: dict[ast.expr, tuple[ast.expr, ...]] = {}
        """For a test that has been met, the variables in it."""

    def truth(self, value: Value) -> tuple[bool | None, bool]:
        """Whether a value is true, if known, and whether an option could change that."""
        match value:
            case Constant():
                return bool(value.value), value.soft
            case BoundMethod(receiver=Tensor(), name=name) if not self.library.tensor_method(name):
                # taken for a tensor by what it was asked for; it may be something else
                return None, False
            case Instance() | Built() | Function() | BoundMethod():
                return True, False
            case Items() if not value.open and not any(isinstance(v, Maybe) for v in value.items):
                return bool(value.items), value.grown
            case _:
                return None, False

    def told_by(self, test: ast.expr, taken: bool) -> Narrowed:
        """What variables can be where a test is true (`taken`), or false."""

        variables = self._variables_of.get(test)
        if variables is None:
            variables = self._variables_of[test] = _tested(test)
        if not variables:
            return []

        def ends_so(option: Value) -> bool:
            truth, soft = self.truth(self.evaluate(test))
            return truth is None or soft or truth is taken

        return self._narrowed(variables, ends_so)

    def matched(self, subject: ast.expr, pattern: ast.pattern, taken: bool) -> Narrowed:
        """What the subject of a `match` can be where a pattern fits (`taken`), or does not."""

        def fits_so(option: Value) -> bool:
            return self.fits(option, pattern) is not (not taken)

        return self._narrowed(_variables(subject), fits_so)

    def _narrowed(self, variables: Sequence[ast.expr], keeps: Callable[[Value], bool]) -> Narrowed:
        found: Narrowed = []
        for variable in variables:
            place = self._place(variable)
            held = place.state.get(place.key) if place else None
            if place is None or not isinstance(held, Choice):
                continue
            reasons = held.reasons or ((),) * len(held.options)
            kept = []
            with self.untold():
                for option, why in zip(held.options, reasons, strict=True):
                    place.state[place.key] = option
                    try:
                        if keeps(option):
                            kept.append((option, why))
                    finally:
                        place.state[place.key] = held
            if 0 < len(kept) < len(held.options):
                options, whys = zip(*kept, strict=True)
                found.append((place, held, choose(options, whys)))
        return found

    def _place(self, node: ast.expr) -> Place | None:
        """Where a variable of this function, or an attribute of a known object, is kept."""
        if isinstance(node, ast.Name):
            names = self.frame.scope.names
            return Place(names, node.id) if node.id in names else None
        assert isinstance(node, ast.Attribute)
        place = (
            self._place(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else None
        )
        owner = place.state.get(place.key) if place else None
        if not isinstance(owner, (Instance, Unknown)) or node.attr not in owner.state:
            return None
        return Place(owner.state, node.attr)

    def narrowed(self, told: Narrowed) -> Told:
        """Interpret the body with what a test has told."""
        return Told(self, told)

    def settle(self, told: Narrowed) -> None:
        """Go on with what a test has told."""
        for place, _, less in told:
            self.write(place.state, place.key, less)

    def unsettle(self, told: Narrowed) -> None:
        """Go on without it, where nothing else has been assigned since."""
        for place, before, less in told:
            if place.state.get(place.key) is less:
                self.write(place.state, place.key, before)

    def fits(self, subject: Value, pattern: ast.pattern) -> bool | None:
        """Whether a value fits the pattern of a `case`; None where that is not known."""
        match pattern:
            case ast.MatchAs(pattern=None):
                return True
            case ast.MatchAs(pattern=inner) if inner is not None:
                return self.fits(subject, inner)
            case ast.MatchOr(patterns=patterns):
                answers = {self.fits(subject, inner) for inner in patterns}
                return True if True in answers else None if None in answers else False
            case ast.MatchSingleton(value=value) if isinstance(subject, Constant):
                return None if subject.soft else subject.value is value
            case ast.MatchClass(cls=cls, patterns=[], kwd_patterns=kwd):
                known = is_instance(subject, self.evaluate(cls), self.library)
                soft = isinstance(subject, Constant) and subject.soft
                return None if soft or (known and kwd) else known
            case _:
                return None


def _tested(test: ast.expr) -> tuple[ast.expr, ...]:
    """The variables in a test; none where evaluating it again could have an effect."""
    for node in walk(test):
        if isinstance(node, ast.Call):
            plain = isinstance(node.func, ast.Name) and node.func.id in _TESTS and not node.keywords
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if not plain and getattr(owner, "attr", "") not in ("__name__", "__qualname__"):
                return ()
        elif not isinstance(node, _PLAIN):
            return ()
    return _variables(test)


def _variables(node: ast.expr) -> tuple[ast.expr, ...]:
    """The names in an expression, and the attributes of names and of such attributes, each once."""
    found: dict[str, ast.expr] = {}
    for inner in walk(node):
        if isinstance(inner, (ast.Name, ast.Attribute)) and isinstance(inner.ctx, ast.Load):
            name = _dotted(inner)
            if name:
                found[name] = inner
    return tuple(found.values())


def _dotted(node: ast.expr) -> str:
    """The words of `a.b.c`; empty for what is no name and no attribute of one."""
    if isinstance(node, ast.Name):
        return node.id
    owner = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{owner}.{node.attr}" if isinstance(node, ast.Attribute) and owner else ""
