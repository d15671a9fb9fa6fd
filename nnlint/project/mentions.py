"""Which files of a project mention a name: where a class or function may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from nnlint.project.modules import PROJECT_MARKERS, ProjectModules
from nnlint.source.discovery import MissingPathError, discover
from nnlint.source.file import SourceError
from nnlint.syntax.module import ModuleSyntax

MOST_FILES = 12
"""Files that are looked into, of those that mention a name."""


def mentioning(modules: ProjectModules, path: str, name: str) -> Iterator[str]:
    """A file, then others of its project that mention a name, nearest first."""
    yield path
    pattern = re.compile(rf"\b{re.escape(name)}\b".encode())
    try:
        found = discover([_top_of(modules, path)]).files
    except MissingPathError:
        return
    near = os.path.dirname(path)
    files = sorted(found, key=lambda f: -len(os.path.commonpath([near, os.path.abspath(f)])))
    count = 0
    for file in files:
        absolute = os.path.abspath(file)
        if absolute == path or not file.endswith(".py"):
            continue
        try:
            hit = pattern.search(Path(file).read_bytes())
        except OSError:
            continue
        if hit:
            count += 1
            yield absolute
            if count >= MOST_FILES:
                return


def _top_of(modules: ProjectModules, path: str) -> str:
    """The folder of the project, else that of the outermost package, else the file's own."""
    root = modules.root_of(path)
    for folder in (Path(root), *list(Path(root).parents)[:2]):
        if any((folder / marker).exists() for marker in PROJECT_MARKERS):
            return str(folder)
    package = Path(path).relative_to(root).parts[0]
    return os.path.join(root, package) if package != os.path.basename(path) else root


class Users:
    """Finds the other modules of a project that mention a name."""

    def __init__(self, modules: ProjectModules) -> None:
        self._modules = modules

    def __call__(self, module: ModuleSyntax, name: str) -> Iterator[ModuleSyntax]:
        """The modules that mention `name`, but for `module` itself."""
        path = str(module.source.path)
        for file in mentioning(self._modules, path, name):
            if file == path:
                continue
            try:
                yield self._modules.parse(file)
            except (SourceError, FileNotFoundError):
                continue
