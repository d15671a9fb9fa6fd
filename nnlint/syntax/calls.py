"""What a call calls, and its arguments, as they are written."""

from __future__ import annotations

import ast


def last_name(node: ast.AST | None) -> str:
    """What a name or attribute ends with: `step` of `optimizer.step`; empty for all else."""
    return getattr(node, "attr", getattr(node, "id", ""))


def first_name(node: ast.AST | None) -> str:
    """What a name or attribute begins with: `self` of `self.net.head`; empty for all else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")


def called_name(call: ast.AST | None) -> str:
    """What the name of what a call calls ends with; empty for what is no call."""
    return last_name(getattr(call, "func", None))


def argument_of(call: ast.AST | None, name: str, position: int) -> ast.expr | None:
    """The argument of a call that is given by name or at a position.

    None also where the call spreads a sequence, so that positions are not known.
    """
    if not isinstance(call, ast.Call) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    named = next((k.value for k in call.keywords if k.arg == name), None)
    if named is not None:
        return named
    return call.args[position] if len(call.args) > position else None


_FIRST = frozenset("optimizer outputs parameters module model tensors loss obj state_dict".split())
"""Names of parameters that come first, of functions and methods by which models are trained."""


def first_argument(call: ast.Call) -> ast.expr | None:
    """The first argument of a call by which a model is trained, also where it is named."""
    named = (k.value for k in call.keywords if k.arg in _FIRST)
    return call.args[0] if call.args else next(named, None)
