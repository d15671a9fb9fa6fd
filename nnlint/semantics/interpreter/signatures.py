"""What a signature says: which argument goes to which parameter, and what is left to defaults."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from typing import Any

from nnlint.semantics.interpreter.options import click_defaults
from nnlint.semantics.library.signatures import REQUIRED, Parameter
from nnlint.semantics.values import (
    SPREAD,
    Class,
    Constant,
    Function,
    Items,
    Value,
)
from nnlint.syntax.calls import last_name


def defaults_of(
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
    bound: dict[str, Any] = {}
    names = [p for p in signature if p.kind == "positional"]
    given = list(positional)
    for parameter, value in zip(names, given, strict=False):
        if isinstance(value, Items) and value.kind == "star":
            break
        bound[parameter.name] = value
    variadic = next((p for p in signature if p.kind == "variadic"), None)
    if variadic is not None:
        extra = given[len(names) :]
        stars = tuple(v for v in extra if isinstance(v, Items) and v.kind == "star")
        known = tuple(v for v in extra if not (isinstance(v, Items) and v.kind == "star"))
        bound[variadic.name] = Items("tuple", {"items": known, "open": bool(stars)})
        if stars:
            bound[variadic.name].state[SPREAD] = stars
    bound.update(keywords)
    if "axis" in bound and "dim" not in bound:
        # PyTorch takes the names of NumPy, too
        declared = {p.name for p in signature}
        if "dim" in declared and "axis" not in declared:
            bound["dim"] = bound.pop("axis")
    return bound


@cache
def naming(signature: str) -> tuple[str, ...]:
    """The names of what a layer is called with, as its row writes them."""
    return tuple(n.strip().rstrip("*") for n in signature.split(",") if n.strip(" *"))


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


def is_decorated(function: Function | Class, name: str) -> bool:
    """Whether a decorator of that name stands above a function or class."""
    if isinstance(function.node, ast.Lambda):
        return False
    for decorator in function.node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last_name(target) == name:
            return True
    return False
