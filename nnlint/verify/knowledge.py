"""What the static analysis of a project knows of a module class.

Call sites say what a class is built with (`Net(width=64)`, `Decoder(Encoder(8), heads=2)`),
calls of its instances and the code of its `forward` what it takes: shapes from loaders, from
`B, T, C = x.shape`, from the sizes of layers. The worker reads both as data.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from nnlint.project.mentions import mentioning
from nnlint.project.modules import ProjectModules
from nnlint.semantics.analysis import analyse
from nnlint.semantics.axes import Dimension, Shape, size_of
from nnlint.semantics.axes.sizes import Size, Symbol
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.observing import Observer
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    Built,
    Class,
    Constant,
    Extent,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
)
from nnlint.source.file import SourceError
from nnlint.verify.targets import Target

MOST_SECONDS, MOST_CALLS = 3.0, 6
DEEPEST = 4


class _Untold(Exception):
    """A value that nothing known makes."""


def knowledge_of(target: Target) -> dict[str, Any]:
    """Constructor arguments and input shapes of a class, as the project uses it.

    Returns:
        `built`: for each call of the class its `args` by name and the place it is `at`;
        `inputs`: for each call of an instance, or for `forward` alone, the arguments by
        name, and the place. Both are data as `construction/known.py` reads it.
    """
    if not target.file:
        return {}
    path = os.path.abspath(target.file)
    modules = ProjectModules()
    watcher = _Watcher(modules, path, target.name)
    started = time.monotonic()
    for file in mentioning(modules, path, target.name):
        watcher.watch(file)
        if time.monotonic() - started > MOST_SECONDS:
            break
    # a call that says more is a better guide, and of two such the smaller model is
    watcher.built.sort(key=lambda b: (-len(b["args"]), _magnitude(b["args"])))
    return {"built": watcher.built[:MOST_CALLS], "inputs": watcher.inputs[:MOST_CALLS]}


def _magnitude(data: Any) -> float:
    if isinstance(data, dict):
        return sum(_magnitude(v) for v in data.values())
    if isinstance(data, list):
        return sum(_magnitude(v) for v in data)
    return abs(data) if isinstance(data, int | float) else 0.0


class _Watcher(Observer):
    """Interprets files, and notes what becomes of one class."""

    def __init__(self, modules: ProjectModules, path: str, name: str) -> None:
        self.modules, self.path, self.name = modules, path, name
        self.built: list[dict[str, Any]] = []
        self.inputs: list[dict[str, Any]] = []

    def watch(self, file: str) -> None:
        """Interpret one file as a script and from everything in it that names the class."""
        try:
            module = self.modules.parse(file)
        except (SourceError, FileNotFoundError):
            return
        machine = ObservedInterpreter(self.modules.load, self)
        # a defect of the analysis costs what it would have told, not the verdict
        with contextlib.suppress(Exception):
            analyse(module, self.modules.load, machine, frozenset({self.name}))

    def is_target(self, value: Value | None) -> bool:
        """Whether a value is an instance of the class."""
        cls = value.cls if isinstance(value, Instance) else None
        return (
            cls is not None
            and cls.node.name == self.name
            and str(cls.scope.module.source.path) == self.path
        )

    def happened(self, event: Event) -> None:
        """Note a call of the class; the analysis' own entry has neither arguments nor a call."""
        instance = event.subject
        if event.kind != "build" or not isinstance(instance, Instance):
            return
        args = as_data(instance.named) if instance.arguments and self.is_target(instance) else {}
        if args:
            _add(self.built, {"args": args, "at": _place(instance.site)})

    def returned(
        self, function: Function, given: Mapping[str, Any], owner: Value | None, site: Site | None
    ) -> None:
        """Note one run of `forward`, after its body has told what its arguments are."""
        if function.name != "forward" or not self.is_target(owner):
            return
        own = function.node.args.args[1:] + function.node.args.kwonlyargs
        shapes = as_data({a.arg: given[a.arg] for a in own if isinstance(given.get(a.arg), Value)})
        if any(_tells(v) for v in shapes.values()):
            at = _place(site) or f"its {function.name}"
            _add(self.inputs, {"args": shapes, "at": at})


def _add(found: list[dict[str, Any]], new: dict[str, Any]) -> None:
    _renumber(new["args"], {})
    if all(f["args"] != new["args"] for f in found):
        found.append(new)


def _renumber(data: Any, numbers: dict[int, int]) -> None:
    """Number symbols in the order in which they come, so that equal shapes are equal."""
    if isinstance(data, dict) and "number" in data:
        data["number"] = numbers.setdefault(data["number"], len(numbers))
    elif isinstance(data, dict | list):
        for part in data.values() if isinstance(data, dict) else data:
            _renumber(part, numbers)


def _place(site: Site | None) -> str:
    if site is None:
        return ""
    return f"{os.path.basename(site.module.source.path)}:{getattr(site.node, 'lineno', 0)}"


def _tells(data: Any) -> bool:
    return isinstance(data, dict) and ("shape" in data or any(_tells(v) for v in data.values()))


def as_data(values: dict[str, Value]) -> dict[str, Any]:
    """The values that are known, by name."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = _data(value)
        except _Untold:
            continue
    return found


def _data(value: Value, depth: int = 0) -> Any:
    """A value as the worker makes it again.

    Raises:
        _Untold: it is not known, or no plain value.
    """
    if depth > DEEPEST:
        raise _Untold
    match value:
        case Constant(value=None | bool() | int() | float() | str() as plain):
            return plain
        case Extent():
            return {"size": _size(value.size)}
        case External() if value.name.partition(".")[0] in ("torch", "functools", "math"):
            return {"name": value.name}
        case Class():
            return _class(value)
        case Items() if not value.open:
            items = [_data(v, depth + 1) for v in value.items]
            return {"tuple": items} if value.kind == "tuple" else items
        case Table() if ... not in value.state:
            return {"dict": {str(k): _data(v, depth + 1) for k, v in value.state.items()}}
        case Built():
            explicit = {k: v for k, v in value.arguments.items() if k in value.explicit}
            args = {k: _data(v, depth + 1) for k, v in explicit.items()}
            return {"call": {"name": value.entry.name}, "args": args}
        case Instance() if value.cls.known:
            return {"call": _class(value.cls), "args": as_data(value.named)}
        case Maybe():
            raise _Untold
    return _shaped(value)


def _class(cls: Class) -> dict[str, str]:
    return {"file": str(cls.scope.module.source.path), "name": cls.node.name}


def _shaped(value: Value) -> Any:
    tensor = value.state.get("tensor") if isinstance(value, Unknown) else value
    if not isinstance(tensor, Tensor) or tensor.shape is None:
        raise _Untold
    return {"shape": _shape(tensor.shape)}


def _shape(shape: Shape) -> list[Any]:
    return [_axis(dimension) for dimension in shape]


def _axis(dimension: Dimension) -> list[Any]:
    """The factors of one dimension; a symbol that has no role of its own has its axis'."""
    factors = _size(size_of(dimension))
    if len(dimension) == 1 and len(factors) == 1 and isinstance(factors[0], dict):
        factors[0]["role"] = factors[0]["role"] or dimension[0].meaning
    return factors


def _size(size: Size) -> list[Any]:
    known: list[Any] = [size.coefficient] if size.coefficient != 1 or not size.symbols else []
    return [*known, *(_symbol(s) for s in size.symbols)]


def _symbol(symbol: Symbol) -> dict[str, Any]:
    """A size that only has a name: equal symbols have equal numbers."""
    name = symbol.name.rpartition(".")[2]
    return {"number": symbol.serial, "name": name, "role": symbol.role, "value": symbol.value}
