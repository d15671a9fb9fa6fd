"""What the static side knows of a class: constructor arguments and input shapes, made real.

Data of the parent: plain values as they are; `{"tuple": […]}`, `{"dict": {…}}`,
`{"name": "torch.nn.ReLU"}`, `{"file": …, "name": …}` for a class of the project,
`{"call": class, "args": {…}}` for an object, `{"shape": [axis, …]}` for a tensor. An axis is a
list of factors, numbers or named sizes; `{"size": axis}` is such a size as a number.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from typing import Any, Callable

from torch import nn

from .guesses import built as built_by_guess
from .specs import (
    BATCH,
    BOOL,
    CONSTANT,
    DICT,
    FLOAT,
    HEIGHT,
    LIST,
    LONG,
    NONE,
    PRIMES,
    TIME,
    Examples,
    Spec,
)

Load = Callable[[str, str], Any]


class _Unmade(Exception):
    """A value that cannot be made here."""


def known_arguments(data: dict[str, Any], load: Load) -> dict[str, Any]:
    """Constructor arguments by name; what cannot be made is left to guesses.

    Parameters:
        load: gives the object of a name in a file.
    """
    sizes = Sizes({}, None)
    made = {}
    for name, value in data.items():
        try:
            made[name] = _made(value, load, sizes)
        except Exception:
            # project code may raise anything; the argument counts as not known
            continue
    return made


def _made(data: Any, load: Load, sizes: Sizes) -> Any:
    if isinstance(data, list):
        return [_made(v, load, sizes) for v in data]
    if not isinstance(data, dict):
        return data
    if "tuple" in data:
        return tuple(_made(v, load, sizes) for v in data["tuple"])
    if "dict" in data:
        return {k: _made(v, load, sizes) for k, v in data["dict"].items()}
    if "size" in data:
        return sizes.of(data["size"])
    if "call" in data:
        return _called(data, load, sizes)
    if "file" in data:
        return load(data["file"], data["name"])
    if "name" in data:
        module, _, name = data["name"].rpartition(".")
        return getattr(importlib.import_module(module), name)
    raise _Unmade


def _called(data: dict[str, Any], load: Load, sizes: Sizes) -> Any:
    target = _made(data["call"], load, sizes)
    args = {}
    for name, value in data["args"].items():
        try:
            args[name] = _made(value, load, sizes)
        except _Unmade:
            continue
    try:
        return target(**args)
    except Exception as error:
        found = built_by_guess(target, args)
        if not found:
            raise _Unmade(str(error)) from error
        return found[0]


class Sizes:
    """Numbers for named sizes: the model's own where it has one of that name, else primes."""

    def __init__(self, arguments: dict[str, Any], model: nn.Module | None) -> None:
        self._arguments, self._model = arguments, model
        self._chosen: dict[int, int] = {}

    def of(self, axis: list[Any]) -> int:
        """The product of an axis' factors."""
        if len(axis) == 1 and not isinstance(axis[0], int):
            # the number of examples stays what it is
            return self._named(axis[0])
        whole = 1
        for factor in axis:
            whole *= factor if isinstance(factor, int) else self._named(factor)
        return whole

    def _named(self, symbol: dict[str, Any]) -> int:
        known = self._chosen.get(symbol["number"])
        if known is None:
            known = self._chosen[symbol["number"]] = self._choose(symbol)
        return known

    def _choose(self, symbol: dict[str, Any]) -> int:
        name = symbol["name"]
        for value in (
            self._arguments.get(name),
            getattr(self._model, name, None) if name else None,
        ):
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        if symbol["role"] == "batch":
            return BATCH
        if isinstance(symbol["value"], int) and symbol["value"] > 0:
            return int(symbol["value"])
        if symbol["role"] in ("height", "width"):
            return HEIGHT
        taken = set(self._chosen.values())
        first = (TIME, *PRIMES) if symbol["role"] == "time" else PRIMES
        return next((p for p in first if p not in taken), PRIMES[-1])


def known_specs(
    data: dict[str, Any], arguments: dict[str, Any], model: nn.Module
) -> Iterator[dict[str, Spec]]:
    """Specifications by parameter for one call, the first axis read as the batch or as it is."""
    for as_batch in (True, False):
        sizes = Sizes(arguments, model)
        found = {}
        for name, value in data.items():
            spec = _spec(name, value, sizes, as_batch)
            if spec is not None:
                found[name] = spec
        if found:
            yield found


def _spec(name: str, data: Any, sizes: Sizes, as_batch: bool) -> Spec | None:
    if data is None:
        return Spec(name, NONE)
    if isinstance(data, (bool, int, float, str)):
        return Spec(name, CONSTANT, value=data)
    parts: Any = data if isinstance(data, list) else data.get("tuple")
    if parts is not None:
        items = [_spec(str(i), part, sizes, as_batch) for i, part in enumerate(parts)]
        return Spec(name, LIST, items=tuple(i for i in items if i)) if all(items) else None
    if "dict" in data:
        items = [_spec(k, part, sizes, as_batch) for k, part in data["dict"].items()]
        return Spec(name, DICT, items=tuple(i for i in items if i)) if all(items) else None
    if "shape" not in data:
        return None
    shape = tuple(sizes.of(axis) for axis in data["shape"])
    if as_batch and shape and data["shape"][0] and isinstance(data["shape"][0][0], int):
        shape = (BATCH, *shape[1:])
    return Spec(name, FLOAT, shape)


def with_examples(specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
    """The same with the first axis as that of the examples, where nothing says which is.

    A shape of which only names are known (`molecules, atoms = numbers.shape`) begins with the
    examples where it is of ids, or has three axes. Rows of numbers may be nodes of one graph.
    """
    shaped = [s for s in specs if s.shape]
    first = next((s.shape[0] for s in shaped), 0)
    if any(isinstance(n, Examples) for s in specs for n in s.shape) or first not in PRIMES:
        return specs
    if any(s.shape[0] != first or first in s.shape[1:] for s in shaped):
        return specs
    if not any(len(s.shape) > (1 if s.kind == LONG else 2) for s in shaped):
        return specs
    return tuple(s.resized(0, BATCH) if s.shape else s for s in specs)


def like(spec: Spec, guess: Spec) -> Spec:
    """A known shape in the kind that was guessed for the parameter: tokens, a mask."""
    if spec.kind != FLOAT or guess.kind in (FLOAT, LIST, DICT, CONSTANT):
        return spec
    kind = BOOL if guess.kind == NONE else guess.kind
    return dataclasses.replace(guess, kind=kind, shape=spec.shape)
