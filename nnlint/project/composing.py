"""What Hydra makes of a primary configuration and the groups that its `defaults` name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.settings import merge
from nnlint.semantics.values import Constant, Items, Settings, Unknown, Value, text_of
from nnlint.syntax.module import ModuleSyntax

if TYPE_CHECKING:
    from nnlint.project.configurations import Configurations

_DEEPEST = 8
_MOST_FILES = 60
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)
_REFERENCE = re.compile(r"\$\{\s*([\w.]+)\s*\}\Z")
MISSING = "???"
"""What OmegaConf writes for a value that has to be given."""


def compose(files: Configurations, name: str, importer: ModuleSyntax) -> Value | None:
    """The configuration that `hydra.main` gives to a program that nobody sets an option of.

    Parameters:
        name: the path of the primary configuration, from the program's folder.
    """
    path = files.find(_with_suffix(name), importer)
    if path is None:
        return None
    whole = Settings({}, None)
    composing = _Composing(files, os.path.dirname(path))
    composing.add(whole, path, (), 0)
    return resolved(whole)


def _with_suffix(name: str) -> str:
    return name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"


class _Composing:
    def __init__(self, files: Configurations, root: str) -> None:
        self.files = files
        self.root = root
        self.read = 0

    def add(self, whole: Settings, path: str, package: tuple[str, ...], depth: int) -> None:
        """Lay a file over what there is, in its package, its defaults below or above it."""
        self.read += 1
        own = self.files.content(path, numbers=True)
        if not isinstance(own, Settings) or depth > _DEEPEST or self.read > _MOST_FILES:
            return
        said = _PACKAGE.search(own.site.module.source.text) if own.site else None
        if said is not None and depth:
            package = _said_package(said[1], package)
        defaults = own.state.get("defaults")
        state = {key: value for key, value in own.state.items() if key != "defaults"}
        placed = False
        for entry in defaults.items if isinstance(defaults, Items) else ():
            if text_of(entry) == "_self_":
                _lay(whole, package, state)
                placed = True
            for below, inner in self._named(entry, path, package):
                self.add(whole, below, inner, depth + 1)
        if not placed:
            _lay(whole, package, state)

    def _named(
        self, entry: Value, path: str, package: tuple[str, ...]
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The files that an entry of a list of defaults names, each with its package."""
        folder = os.path.dirname(path)
        if isinstance(entry, Constant) and isinstance(entry.value, str):
            if entry.value != "_self_":
                name, _, told = entry.value.partition("@")
                inner = (*package, *os.path.dirname(name).strip("/").split("/"))
                yield from self._file(folder, name, _said_package(told, inner))
        elif isinstance(entry, Settings):
            for group, chosen in entry.state.items():
                words = str(group).split()
                if not words or "override" in words:
                    continue
                group, _, told = words[-1].partition("@")
                names = chosen.items if isinstance(chosen, Items) else (chosen,)
                inner = (*package, *group.strip("/").split("/"))
                for name in filter(None, map(text_of, names)):
                    yield from self._file(folder, f"{group}/{name}", _said_package(told, inner))

    def _file(
        self, folder: str, name: str, package: tuple[str, ...]
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        base = self.root if name.startswith("/") else folder
        path = os.path.normpath(os.path.join(base, _with_suffix(name.lstrip("/"))))
        if path.startswith(self.root + os.sep) and os.path.isfile(path):
            yield path, tuple(part for part in package if part)


def _said_package(told: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    if told in ("_global_", "_here_"):
        return () if told == "_global_" else usual[:-1]
    if told in ("", "_group_"):
        return usual
    return tuple(told.removeprefix("_global_.").split("."))


def _lay(whole: Settings, package: tuple[str, ...], state: dict[object, Value]) -> None:
    for part in reversed(package):
        state = {part: Settings(state, None)}
    merge(whole.state, state)


def resolved(whole: Settings) -> Settings:
    """Settings in which references to others are what these are; a missing value is unknown."""
    return Settings(
        {key: _resolved(value, whole, 0) for key, value in whole.state.items()}, whole.site
    )


def _resolved(value: Value, whole: Settings, depth: int) -> Value:
    if depth > _DEEPEST:
        return Unknown(origin="option")
    if isinstance(value, Settings):
        state = {key: _resolved(part, whole, depth + 1) for key, part in value.state.items()}
        return Settings(state, value.site)
    if isinstance(value, Items):
        parts = tuple(_resolved(part, whole, depth + 1) for part in value.items)
        return Items(value.kind, {"items": parts}, value.site)
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        return value
    if value.value == MISSING:
        return Unknown(origin="option")
    if "${" not in value.value:
        return value
    reference = _REFERENCE.match(value.value)
    target: Value | None = whole if reference else None
    for part in reference[1].split(".") if reference else ():
        target = target.state.get(part) if isinstance(target, Settings) else None
    return Unknown(origin="option") if target is None else _resolved(target, whole, depth + 1)
