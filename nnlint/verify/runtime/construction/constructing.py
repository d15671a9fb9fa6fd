"""Building a module class: arguments that are known first, then guesses, repaired by errors."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import time
import typing
from collections.abc import Iterator
from typing import Any, Optional

import torch
from torch import nn

from .guesses import candidates
from .missing import Missing

BUDGET = 12.0
"""Seconds for one class."""


class NotBuilt(Exception):
    """No arguments were found; the message has the last error of the class itself."""


def signature_of(cls: type) -> list[inspect.Parameter]:
    """The constructor's parameters without `self`."""
    try:
        signature = inspect.signature(cls)
    except (ValueError, TypeError):
        return []
    return list(signature.parameters.values())


def annotations_of(function: Any) -> dict[str, Any]:
    """Annotations, evaluated where that is possible."""
    try:
        return typing.get_type_hints(function)
    except Exception:
        return dict(getattr(function, "__annotations__", {}))


def construct(
    cls: type[nn.Module],
    known: list[tuple[list[Any], dict[str, Any], str]],
    seed: int = 0,
    deadline: Optional[float] = None,
) -> Iterator[tuple[nn.Module, dict[str, Any], str]]:
    """Instances of a class, best guess first.

    Parameters:
        known: positional and keyword arguments with where they come from, tried first.

    Yields:
        the instance, its arguments, and where they come from.

    Raises:
        NotBuilt: nothing worked within the budget.
    """
    deadline = deadline or time.monotonic() + BUDGET
    last = "no arguments were tried"
    built = False
    for args, kwargs, origin in known:
        try:
            yield _make(cls, args, kwargs, seed), {"args": args, **kwargs}, origin
            built = True
        except Exception as error:
            last = _told(error)
    search = _Search(cls, seed, deadline)
    for model, arguments in search.run():
        built = True
        yield model, arguments, "defaults and guesses by name"
    if not built:
        raise NotBuilt(search.last or last)


def _make(cls: type[nn.Module], args: list[Any], kwargs: dict[str, Any], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = cls(*args, **kwargs)
    if isinstance(model, Missing) or not isinstance(model, nn.Module):
        raise TypeError(f"{cls.__name__}(…) gives no nn.Module")
    return model


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _compared(function: Any) -> dict[str, list[Any]]:
    """Constants that a constructor compares its parameters with: `if mode == "linear"`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return {}
    scope = getattr(function, "__globals__", {})
    found: dict[str, list[Any]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.left, ast.Name):
            continue
        right = node.comparators[0]
        parts = right.elts if isinstance(right, (ast.Tuple, ast.List, ast.Set)) else [right]
        for part in parts:
            value = part.value if isinstance(part, ast.Constant) else None
            if isinstance(part, ast.Name):
                value = scope.get(part.id)
            if isinstance(value, str):
                found.setdefault(node.left.id, []).append(value)
    return found


class _Search:
    """One guess per required parameter, changed one at a time by what errors say."""

    def __init__(self, cls: type[nn.Module], seed: int, deadline: float) -> None:
        self.cls, self.seed, self.deadline = cls, seed, deadline
        self.last = ""
        hints = annotations_of(getattr(cls, "__init__", cls))
        compared = _compared(getattr(cls, "__init__", cls))
        self.options: dict[str, list[Any]] = {}
        self.optional: dict[str, list[Any]] = {}
        for parameter in signature_of(cls):
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            values = [
                *compared.get(parameter.name, []),
                *candidates(parameter, hints.get(parameter.name)),
            ]
            if parameter.default is True and "pretrained" in parameter.name:
                self.options[parameter.name] = [False]
            elif parameter.default is parameter.empty:
                self.options[parameter.name] = values
            elif parameter.default is None:
                self.optional[parameter.name] = values

    def run(self) -> Iterator[tuple[nn.Module, dict[str, Any]]]:
        start = {name: values[0] for name, values in self.options.items()}
        pending = [start]
        tried: list[str] = []
        found = 0
        while pending and time.monotonic() < self.deadline and len(tried) < 120:
            arguments = pending.pop(0)
            mark = repr(sorted((k, repr(v)) for k, v in arguments.items()))
            if mark in tried:
                continue
            tried.append(mark)
            try:
                model = _make(self.cls, [], arguments, self.seed)
            except Exception as error:
                self.last = _told(error)
                pending = self._repaired(arguments, error) + pending
                continue
            found += 1
            yield model, arguments
            if found >= 6:
                return
            pending += list(self._neighbours(arguments, list(self.options)))

    def _repaired(self, arguments: dict[str, Any], error: Exception) -> list[dict[str, Any]]:
        """Other arguments that the error's text asks for, then neighbours."""
        text = str(error)
        named = [
            n for n in (*self.options, *self.optional) if re.search(rf"\b{re.escape(n)}\b", text)
        ]
        frames = self._locals(error)
        near = [n for n in self.options if n in frames and n not in named]
        changed = list(self._neighbours(arguments, named))
        changed = self._of_listed(arguments, text) + changed
        changed += self._of_other_kind(arguments, text)
        lacking = re.search(r"NoneType", text)
        if lacking:
            for name, values in self.optional.items():
                if name not in arguments:
                    changed.append({**arguments, name: values[0]})
        rest = [n for n in self.options if n not in named]
        return (changed + list(self._neighbours(arguments, near + rest)))[:40]

    def _of_listed(self, arguments: dict[str, Any], text: str) -> list[dict[str, Any]]:
        """A word that the error names as allowed: `must be one of b0, b1`."""
        match = re.search(
            r"(?:one of|choose from|supported|available|among|in)\b:?\s*(.+)", text, re.DOTALL
        )
        if match is None:
            return []
        words = re.findall(r"[\w.-]+", match.group(1))[:3]
        return [
            {**arguments, name: word}
            for name, value in arguments.items()
            if isinstance(value, str)
            for word in words
        ]

    def _of_other_kind(self, arguments: dict[str, Any], text: str) -> list[dict[str, Any]]:
        """Numbers for sequences, or sequences for numbers, as a type error asks."""
        wrong: tuple[type, ...] = ()
        if re.search(
            r"'(list|tuple)' (and|object)|'(int|float)' and '(list|tuple)'|type tuple|index out of range|not '(list|tuple)'",
            text,
        ):
            wrong = (list, tuple)
        elif re.search(r"'int' object is not|type 'int' has no len|'int' object has no", text):
            wrong = (int,)
        changed = []
        for name, value in arguments.items():
            if wrong and isinstance(value, wrong):
                fits = [v for v in self.options.get(name, []) if type(v) is not type(value)]
                longer = [
                    v
                    for v in self.options.get(name, [])
                    if isinstance(v, (list, tuple))
                    and isinstance(value, (list, tuple))
                    and len(v) > len(value)
                ]
                order = (longer + fits) if "out of range" in text else (fits + longer)
                changed += [{**arguments, name: v} for v in order[:4]]
        return changed

    def _locals(self, error: Exception) -> set[str]:
        trace, names = error.__traceback__, set()
        while trace is not None:
            names = set(trace.tb_frame.f_code.co_names) | set(trace.tb_frame.f_code.co_varnames)
            trace = trace.tb_next
        return names

    def _neighbours(self, arguments: dict[str, Any], names: list[str]) -> Iterator[dict[str, Any]]:
        for name in dict.fromkeys(names):
            for value in (self.options.get(name) or self.optional.get(name) or [])[:8]:
                if arguments.get(name) is not value:
                    yield {**arguments, name: value}
