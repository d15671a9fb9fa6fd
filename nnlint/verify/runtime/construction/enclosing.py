"""A class as the project itself uses it: built and called by what encloses it.

`self.block = Block(dim, heads)` in a network's constructor says what a block is built
with, and the network's forward pass says what it is called with.
"""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Iterator
from typing import Any, Optional

import torch
from torch import nn

from ..inputs import Inputs, seed_all
from ..overlay import source_of
from .constructing import NotBuilt, construct
from .fitting import NotRun, fit_inputs
from .same_class import is_same, refers

MOST_FILES, MOST_OWNERS = 16, 6


class _Captured(Exception):
    """Ends a forward pass once the first call of the class has been seen."""


def literal_calls(filename: str, name: str) -> list[tuple[list[Any], dict[str, Any], str]]:
    """Arguments of calls of the class that are literals or module-level constants."""
    found: list[tuple[list[Any], dict[str, Any], str]] = []
    for path, tree in _sources(filename, name):
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node.func) == name:
                try:
                    args = [_literal(a, constants) for a in node.args]
                    kwargs = {k.arg: _literal(k.value, constants) for k in node.keywords if k.arg}
                except ValueError:
                    continue
                if args or kwargs:
                    found.append((args, kwargs, f"call at {os.path.basename(path)}:{node.lineno}"))
    return found[:6]


def _sources(filename: str, name: str) -> Iterator[tuple[str, ast.Module]]:
    folder = os.path.dirname(os.path.abspath(filename))
    near = [os.path.abspath(filename)]
    near += sorted(
        os.path.join(folder, f)
        for f in os.listdir(folder)
        if f.endswith(".py") and f not in filename
    )
    pattern = re.compile(rf"\b{re.escape(name)}\b".encode())
    count = 0
    for path in near:
        try:
            text = source_of(path)
            raw = text.encode() if isinstance(text, str) else text
            if not pattern.search(raw):
                continue
            tree = ast.parse(raw)
        except (OSError, SyntaxError, ValueError):
            continue
        if path != near[0] and not refers(tree, path, name, near[0]):
            # a class of the same name
            continue
        yield path, tree
        count += 1
        if count >= MOST_FILES:
            return


def _constants(tree: ast.Module) -> dict[str, Any]:
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = ast.literal_eval(statement.value)
            except (ValueError, TypeError, SyntaxError):
                continue
    return found


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _literal(node: ast.expr, constants: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id]
    try:
        return ast.literal_eval(node)
    except (TypeError, SyntaxError) as error:
        raise ValueError(str(error)) from error


def owners(filename: str, name: str) -> Iterator[tuple[str, str, str]]:
    """(file, kind, name) of classes and functions that mention the class, nearest first."""
    for path, tree in _sources(filename, name):
        for statement in tree.body:
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)) and statement.name != name:
                if any(_mentions(node, name) for node in ast.walk(statement)):
                    kind = "class" if isinstance(statement, ast.ClassDef) else "function"
                    yield path, kind, statement.name


def _mentions(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def capture(
    cls: type[nn.Module], filename: str, load: Any, deadline: float, depth: int = 0
) -> Iterator[tuple[nn.Module, Optional[Inputs], str]]:
    """Instances of a class inside what encloses it, with the inputs of their first call.

    Parameters:
        load: gives the object of a name in a file.
    """
    tried = 0
    for path, kind, name in owners(filename, cls.__name__):
        if tried >= MOST_OWNERS or time.monotonic() > deadline:
            return
        tried += 1
        try:
            owner = load(path, name)
        except Exception:
            continue
        for model, inputs in _instances(owner, kind, path, load, deadline, depth):
            found = next((m for m in model.modules() if is_same(type(m), cls)), None)
            if found is None:
                continue
            inside = _watch(model, found, inputs) if inputs is not None else None
            apart = path != os.path.abspath(filename)
            place = f" of {os.path.basename(path)}" if apart else ""
            yield found, inside, f"inside {name}{place}"
            if inside is not None:
                return


def _instances(
    owner: Any, kind: str, path: str, load: Any, deadline: float, depth: int
) -> Iterator[tuple[nn.Module, Optional[Inputs]]]:
    limit = min(deadline, time.monotonic() + 8.0)
    if kind == "function":
        try:
            torch.manual_seed(0)
            model = owner()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return
        if isinstance(model, nn.Module):
            yield model, _inputs(model, {}, limit)
        return
    if not (isinstance(owner, type) and issubclass(owner, nn.Module)):
        return
    found = False
    try:
        known = literal_calls(path, owner.__name__)
        for model, arguments, _ in construct(owner, known, 0, limit):
            inputs = _inputs(model, arguments, limit)
            yield model, inputs
            found = True
            if inputs is not None or time.monotonic() > limit:
                return
    except NotBuilt:
        pass
    if not found and depth < 1:
        for model, inputs, _ in capture(owner, path, load, deadline, depth + 1):
            yield model, inputs


def _inputs(model: nn.Module, arguments: dict[str, Any], limit: float) -> Optional[Inputs]:
    try:
        return fit_inputs(model, arguments, limit)
    except NotRun:
        return None


def _watch(model: nn.Module, part: nn.Module, inputs: Inputs) -> Optional[Inputs]:
    """The arguments of the first call of a part during a run of the whole."""
    caught: list[tuple[Any, Any]] = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        caught.append((args, kwargs))
        raise _Captured

    handle = part.register_forward_pre_hook(hook, with_kwargs=True)
    was_training = model.training
    model.eval()
    try:
        args, kwargs = inputs.copied()
        seed_all(0)
        with torch.no_grad():
            model(*args, **kwargs)
    except _Captured:
        pass
    except Exception:
        return None
    finally:
        handle.remove()
        model.train(was_training)
    if not caught:
        return None
    args, kwargs = caught[0]
    try:
        return Inputs.of(tuple(args), dict(kwargs), 0, None, None, True).folded(inputs.count)
    except ValueError:
        return None
