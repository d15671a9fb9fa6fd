"""Building a module class: arguments that are known first, then guesses, repaired by errors."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import time
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import torch
from torch import nn

from ..sources import nodes_of
from .guesses import built, candidates, lend, of_lengths
from .missing import Missing

BUDGET = 12.0
"""Seconds for one class."""
LARGEST = 1024
"""No size is guessed over this."""
COMPLETED = ", completed by guesses"
"""What is added to where arguments come from that did not do alone."""


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
    partly: Sequence[tuple[dict[str, Any], str]] = (),
) -> Iterator[tuple[nn.Module, dict[str, Any], str]]:
    """Instances of a class, best guess first.

    Parameters:
        known: positional and keyword arguments with where they come from, tried first.
        partly: keyword arguments that others may have to join, with where they come from;
            each is completed by guesses if it does not do alone.

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
    for fixed, origin in partly:
        # a share of the time for each, so that the search without them has some left
        limit = min(deadline, time.monotonic() + (deadline - time.monotonic()) / 4)
        for model, arguments in _Search(cls, seed, limit, fixed).run():
            built = True
            added = "" if arguments.keys() == fixed.keys() else COMPLETED
            yield model, arguments, origin + added
            break
    search = _Search(cls, seed, deadline)
    for model, arguments in search.run():
        built = True
        yield model, arguments, "defaults and guesses by name"
    if not built:
        raise NotBuilt(search.last or last)


def as_given(
    cls: type[nn.Module],
    args: list[Any],
    kwargs: dict[str, Any],
    seed: int = 0,
    deadline: Optional[float] = None,
) -> tuple[nn.Module, dict[str, Any], str]:
    """An instance made with the user's arguments; guesses only join what they leave out.

    Returns:
        the instance, its arguments, and where they come from.

    Raises:
        NotBuilt: these arguments do not do.
    """
    try:
        return _make(cls, args, kwargs, seed), {"args": args, **kwargs}, "the arguments given"
    except Exception as error:
        problem = _told(error)
        lacking = isinstance(error, TypeError) and "required" in str(error)
    if lacking and not args and kwargs.keys() <= {p.name for p in signature_of(cls)}:
        search = _Search(cls, seed, deadline or time.monotonic() + BUDGET, kwargs)
        for model, arguments in search.run():
            return model, arguments, f"the arguments given{COMPLETED}"
        problem = search.last or problem
    raise NotBuilt(f"with the arguments given: {problem}")


def _make(cls: type[nn.Module], args: list[Any], kwargs: dict[str, Any], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = cls(*args, **kwargs)
    if isinstance(model, Missing) or not isinstance(model, nn.Module):
        raise TypeError(f"{cls.__name__}(…) gives no nn.Module")
    return model


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _compared(function: Any) -> tuple[dict[str, list[Any]], dict[str, list[int]]]:
    """What a constructor compares its parameters with.

    Returns:
        words (`if mode == "linear"`) and lengths (`assert len(depths) == 4`) by parameter.
    """
    words: dict[str, list[Any]] = {}
    lengths: dict[str, list[int]] = {}
    scope = getattr(function, "__globals__", {})
    for node in nodes_of(function):
        if not isinstance(node, ast.Compare):
            continue
        values = list(_constants_in(node.comparators[0], scope))
        if isinstance(node.left, ast.Name):
            words.setdefault(node.left.id, []).extend(v for v in values if isinstance(v, str))
        elif isinstance(node.left, ast.Call) and ast.unparse(node.left.func) == "len":
            name = ast.unparse(node.left.args[0])
            lengths.setdefault(name, []).extend(v for v in values if type(v) is int and 0 < v < 9)
    return words, lengths


def _taken_apart(cls: type[nn.Module]) -> dict[str, int]:
    """Into how many parts an attribute is unpacked (`h, w = self.resolution`), by its name.

    A part of a model may do so with what the model itself was given.
    """
    parts: dict[str, int] = {}
    own = [c for c in _beside(cls) if c.__module__ == cls.__module__]
    for node in (n for owner in (cls, *own) for n in nodes_of(owner)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            value, targets = node.value, node.targets[0].elts
            if isinstance(value, ast.Attribute) and ast.unparse(value.value) == "self":
                if not any(isinstance(t, ast.Starred) for t in targets):
                    parts.setdefault(value.attr, len(targets))
    return parts


def _in_parts(values: list[Any], count: int) -> list[Any]:
    """The candidates that are tuples of so many, or the first number so many times."""
    whole = [v for v in values if isinstance(v, tuple) and len(v) == count > 0]
    numbers = [v for v in values if type(v) is int][: min(count, 1)]
    return whole or [(v,) * count for v in numbers]


def _beside(cls: type[nn.Module]) -> list[type[nn.Module]]:
    """The other models that the module of a class holds or imports."""
    scope = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    models = (c for c in scope.values() if isinstance(c, type) and issubclass(c, nn.Module))
    return [c for c in models if c is not cls]


def _relatives(name: str, cls: type[nn.Module]) -> tuple[list[Any], list[Any]]:
    """Instances of classes of the same module that a parameter is called after.

    Returns:
        that of the very name (`RNN` for `rnn`), and those that have it in theirs.
    """
    plain = name.lower().replace("_", "")
    if len(plain) < 3:
        return [], []
    alike = [c for c in _beside(cls) if plain in c.__name__.lower()]
    alike.sort(key=lambda c: len(c.__name__))
    namesake = [c for c in alike if c.__name__.lower() == plain][:1]
    return (
        [v for c in namesake for v in built(c)],
        [v for c in alike[:3] if c not in namesake for v in built(c)],
    )


def _constants_in(node: ast.expr, scope: dict[str, Any]) -> Iterator[Any]:
    """The constants that an expression is or lists, a global's included."""
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for part in node.elts:
            yield from _constants_in(part, scope)
    elif isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.Name):
        value = scope.get(node.id)
        yield from value if isinstance(value, (list, tuple, set, dict)) else [value]


class _Search:
    """One guess per required parameter, changed one at a time by what errors say."""

    def __init__(
        self,
        cls: type[nn.Module],
        seed: int,
        deadline: float,
        fixed: Optional[dict[str, Any]] = None,
    ) -> None:
        self.cls, self.seed, self.deadline = cls, seed, deadline
        self.fixed = fixed or {}
        self.last = ""
        hints = annotations_of(getattr(cls, "__init__", cls))
        words, lengths = _compared(getattr(cls, "__init__", cls))
        parts = _taken_apart(cls)
        self.options: dict[str, list[Any]] = {}
        self.optional: dict[str, list[Any]] = {}
        for parameter in signature_of(cls):
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if parameter.name in self.fixed:
                continue
            namesake, relatives = _relatives(parameter.name, cls)
            guesses = candidates(parameter, hints.get(parameter.name))
            values = [
                *namesake,
                *words.get(parameter.name, []),
                *of_lengths(parameter.name, lengths.get(parameter.name, [])),
                *_in_parts(guesses, parts.get(parameter.name, 0)),
                *guesses,
                *relatives,
            ]
            if parameter.default is True and "pretrained" in parameter.name:
                self.options[parameter.name] = [False]
            elif parameter.default is parameter.empty:
                self.options[parameter.name] = values
            elif parameter.default is None:
                self.optional[parameter.name] = values

    def run(self) -> Iterator[tuple[nn.Module, dict[str, Any]]]:
        start = {**self.fixed, **{name: values[0] for name, values in self.options.items()}}
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
                if lend(error):
                    tried.remove(mark)
                    pending.insert(0, arguments)
                    continue
                repaired = self._repaired(arguments, error)
                pending = [{**r, **self.fixed} for r in repaired] + pending
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
        changed += list(self._by_numbers(arguments, text))
        changed += list(self._of_one_length(arguments, text))
        lacking = re.search(r"NoneType", text)
        if lacking:
            for name, values in self.optional.items():
                if name not in arguments:
                    changed.append({**arguments, name: values[0]})
        rest = [n for n in self.options if n not in named]
        return (changed + list(self._neighbours(arguments, near + rest)))[:40]

    def _of_listed(self, arguments: dict[str, Any], text: str) -> list[dict[str, Any]]:
        """A word that the error names as allowed: `must be one of b0, b1`."""
        marks = r"\b(?:one of|choose from|supported|available|among|in|options are)\b:?\s*"
        *_, listed = re.split(marks, text, flags=re.IGNORECASE)
        if listed == text:
            return []
        words = (re.findall(r"'([\w.-]+)'", listed) or re.findall(r"[\w.-]+", listed))[:3]
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
            r"'(list|tuple)' (and|object)|'(int|float)' and '(list|tuple)'|type tuple|got tuple|got list|index out of range|not '(list|tuple)'",
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

    def _by_numbers(self, arguments: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
        """Every number of the error's text that is an argument becomes any other in it."""
        numbers = [int(n) for n in re.findall(r"\d+", text) if 0 < int(n) <= LARGEST]
        for actual in dict.fromkeys(numbers):
            holders = [n for n, v in arguments.items() if type(v) is int and v == actual]
            for wanted in dict.fromkeys(numbers):
                if wanted == actual or not holders:
                    continue
                yield {**arguments, **dict.fromkeys(holders, wanted)}
                if len(holders) > 1:
                    yield from ({**arguments, name: wanted} for name in holders)

    def _of_one_length(self, arguments: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
        """All sequences as long as each other: `kernel_size and strides should be the same`."""
        held = {n: v for n, v in arguments.items() if isinstance(v, (list, tuple)) and v}
        if not re.search(r"length|len|same|index out of range|zip|unpack", text) or not held:
            return
        for length in (3, 4, 5, 2):
            changed = {n: type(v)([v[0]] * length) for n, v in held.items()}
            if any(len(v) != length for v in held.values()):
                yield {**arguments, **changed}

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
