"""Questions about the branches that something stands in."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nnlint.semantics.values import (
    TEST,
    Arithmetic,
    Condition,
    Constant,
    Function,
    Site,
    Unknown,
    Value,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.walking import walk


def taken_by_default(condition: Condition) -> bool | None:
    """Whether a branch is taken as long as nobody sets an option; None when not known."""
    if isinstance(condition.test, Constant):
        return bool(condition.test.value) is condition.taken
    return None if condition.soft else True


def off_by_default(conditions: Iterable[Condition]) -> bool:
    """Whether one of the branches is not taken as long as nobody sets an option."""
    return any(taken_by_default(c) is False for c in conditions)


def left_by_parameter(condition: Condition) -> bool:
    """Whether a branch is not taken because a call leaves a parameter to its default: no option
    of the program, but what a caller may ask of the function."""
    test = condition.test
    if not isinstance(test, Constant) or test.site is None or not test.soft:
        return False
    return taken_by_default(condition) is False and any(
        default is test.site.node
        for node in test.site.module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for default in (*node.args.defaults, *node.args.kw_defaults)
    )


def handles_failure(conditions: Iterable[Condition]) -> bool:
    """Whether something stands in an `except`: it is done where another attempt has failed."""
    return any(isinstance(c.site.node, ast.ExceptHandler) for c in conditions)


def parts_of(condition: Condition) -> Iterator[Condition]:
    """The operands of an `and` or `or`, each as a condition of its own."""
    node = condition.site.node
    if not isinstance(node, ast.BoolOp):
        yield condition
        return
    whole = condition.test.state.get(TEST) if isinstance(condition.test, Unknown) else None
    values: tuple[Value | None, ...] = whole.operands if isinstance(whole, Arithmetic) else ()
    if len(values) != len(node.values):
        values = (condition.test,) * len(node.values)
    for operand, value in zip(node.values, values, strict=True):
        yield Condition(
            Site(condition.site.module, operand), condition.taken, condition.soft, value
        )


def told_types(conditions: Iterable[Condition], expression: ast.expr) -> frozenset[str]:
    """The last names of the types of which `isinstance` tests say that an expression is one."""
    found: set[str] = set()
    for part in (part for condition in conditions for part in parts_of(condition)):
        match part.site.node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[tested, kinds]) if part.taken:
                if ast.dump(tested) == ast.dump(expression):
                    several = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
                    found.update(map(last_name, several))
    return frozenset(found)


def classes_told(
    conditions: Iterable[Condition], expression: ast.expr, function: Function | None
) -> frozenset[str]:
    """The names of classes, or what is looked for in such names, of which tests say that the class
    of an expression may be one: by `isinstance`, or by the name of its class.

    Parameters:
        function: what the tests stand in, where the name may be put aside.
    """
    found: set[str] = set()
    for part in (part for condition in conditions for part in parts_of(condition)):
        if part.taken and isinstance(part.site.node, ast.expr):
            found |= _class_told(part.site.node, expression, function)
    return frozenset(found) | told_types(conditions, expression)


def _class_told(test: ast.expr, asked: ast.expr, function: Function | None) -> set[str]:
    match test:
        case ast.Compare(left=ast.Constant(value=str() as word), ops=[ast.In()]):
            named = test.comparators[0]
        case ast.Compare(left=named, ops=[ast.Eq()], comparators=[ast.Constant(str() as word)]):
            pass
        case ast.Compare(
            left=ast.Call(
                func=ast.Attribute(value=named, attr="find"),
                args=[ast.Constant(value=str() as word)],
            ),
            ops=[ast.NotEq() | ast.Gt() | ast.GtE()],
        ):
            pass
        case ast.Call(
            func=ast.Attribute(value=named, attr="startswith" | "endswith"),
            args=[ast.Constant(value=str() as word)],
        ):
            pass
        case _:
            return set()
    wanted = ast.dump(asked)
    for node in (named, *_assigned(named, function)):
        if "__name__" in set(words(node)) and any(ast.dump(n) == wanted for n in walk(node)):
            return {word}
    return set()


def _assigned(named: ast.expr, function: Function | None) -> Iterator[ast.expr]:
    """What a name is assigned in a function."""
    if isinstance(named, ast.Name) and function is not None:
        for node in walk(function.node):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == named.id for target in node.targets
            ):
                yield node.value


def exclude(left: tuple[Condition, ...], right: tuple[Condition, ...]) -> bool:
    """Whether two places are never reached in one round: they ask the same for opposite answers,
    or for values of the same that cannot both be."""
    answers = {condition.site.text: condition.taken for condition in left}
    if any(answers.get(c.site.text, c.taken) != c.taken for c in right):
        return True
    ours = [held for c in left if (held := _held(c.site.node, c.taken))]
    theirs = [held for c in right if (held := _held(c.site.node, c.taken))] if ours else []
    return any(a == b and not x & y for a, x in ours for b, y in theirs)


_FEW = 64
"""The most remainders that are gone through one by one."""


def _held(node: ast.AST, answer: bool) -> tuple[str, frozenset[object]] | None:
    """What a test asks about, and the values that it has if the test is answered so."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _held(operand, not answer)
        case ast.Compare(left=asked, ops=[ast.NotEq()], comparators=[ast.Constant(value=value)]):
            return _among(asked, value, not answer)
        case ast.Compare(left=asked, ops=[ast.Eq()], comparators=[ast.Constant(value=value)]):
            return _among(asked, value, answer)
        case ast.BinOp(op=ast.Mod()):
            return _among(node, 0, not answer)
        case _:
            return None


def _among(asked: ast.expr, value: object, equal: bool) -> tuple[str, frozenset[object]] | None:
    """What is asked about, and the one value that it has, or the others where these are known."""
    if equal:
        return ast.dump(asked), frozenset({value})
    match asked:
        case ast.BinOp(op=ast.Mod(), right=ast.Constant(value=int(count))) if 0 < count <= _FEW:
            return ast.dump(asked), frozenset(range(count)) - {value}
        case _:
            return None


_TYPE_TESTS = frozenset({"isinstance", "issubclass", "hasattr", "type", "__class__", "signature"})


def may_be_another(conditions: Iterable[Condition], expression: ast.expr) -> bool:
    """Whether a test that nobody can decide here asks what an expression is, or has."""
    wanted = ast.dump(expression)
    return any(
        not isinstance(condition.test, Constant)
        and not _TYPE_TESTS.isdisjoint(words(condition.site.node))
        and any(ast.dump(inner) == wanted for inner in walk(condition.site.node))
        for condition in conditions
    )


def words(node: ast.AST) -> Iterator[str]:
    """The names, attributes and strings in an expression, such as a test."""
    for inner in walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
