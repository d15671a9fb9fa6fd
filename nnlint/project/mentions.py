"""Which files of a project mention a name: where a class or function may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nnlint.project.modules import PROJECT_MARKERS, ProjectModules
from nnlint.source.file import SourceError
from nnlint.syntax.module import ModuleSyntax

MOST_FILES = 12
"""Files that are looked into, of those that mention a name."""


def mentioning(modules: ProjectModules, path: str, name: str) -> Iterator[str]:
    """A file, then others of its project that mention a name, nearest first."""
    yield path
    yield from _naming(modules, path, name, modules.files(_top_of(modules, path)))


def _naming(
    modules: ProjectModules, path: str, name: str, candidates: Iterable[str]
) -> Iterator[str]:
    """The first candidates that mention a name, nearest to `path` first, but for that itself."""
    pattern = re.compile(rf"\b{re.escape(name)}\b".encode())
    near = os.path.dirname(path)
    count = 0
    for file in sorted(candidates, key=lambda f: -len(os.path.commonpath([near, f]))):
        if file == path or not file.endswith(".py") or count >= MOST_FILES:
            continue
        try:
            hit = pattern.search(modules.read(file))
        except (FileNotFoundError, SourceError):
            continue
        if hit:
            count += 1
            yield file


def _top_of(modules: ProjectModules, path: str) -> str:
    """The folder of the project, else that of the outermost package, else the file's own."""
    root = modules.root_of(path)
    for folder in (Path(root), *list(Path(root).parents)[:2]):
        if any((folder / marker).exists() for marker in PROJECT_MARKERS):
            return str(folder)
    package = Path(path).relative_to(root).parts[0]
    return os.path.join(root, package) if package != os.path.basename(path) else root


class Users:
    """Finds other modules that mention a name: in the folders that are linted, and beside it."""

    def __init__(self, modules: ProjectModules) -> None:
        self._modules = modules

    def __call__(self, module: ModuleSyntax, name: str) -> Iterator[ModuleSyntax]:
        """The modules that mention `name`, but for `module` itself."""
        path = str(module.source.path)
        for file in _naming(self._modules, path, name, self._candidates(path)):
            try:
                yield self._modules.parse(file)
            except (SourceError, FileNotFoundError):
                continue

    def _candidates(self, path: str) -> set[str]:
        folder = os.path.dirname(path)
        linted = [f for f in self._modules.folders if Path(path).is_relative_to(f)]
        below = (file for top in linted for file in self._modules.files(top))
        return {*below, *(os.path.join(folder, n) for n in self._modules.names(folder))}
