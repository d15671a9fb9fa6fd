"""Which files of a project mention a name: where a class or function may be used."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from pathlib import Path

from nnlint.project.kept import Words
from nnlint.project.modules import PROJECT_MARKERS, ProjectModules
from nnlint.source.file import SourceError
from nnlint.source.reading import content_hash
from nnlint.syntax.module import ModuleSyntax

MOST_FILES = 12
"""Files that are looked into, of those that mention a name."""
FEW = 8
"""Names that are looked for by searching files; for more, the words of all are noted once."""
ASKED = os.sep + "?"
"""What stands between a file and a name of it, where a result rests on which files mention it."""
_WORD = re.compile(rb"\w+")


def mentioning(modules: ProjectModules, path: str, name: str) -> Iterator[str]:
    """A file, then others of its project that mention a name, nearest first."""
    yield path
    yield from _nearest(path, _naming(modules, name, modules.files(_top_of(modules, path))))


def _nearest(path: str, files: Iterable[str]) -> list[str]:
    """Of files those that are nearest to one of them, in an order that is the same everywhere."""
    near, others = os.path.dirname(path), (file for file in files if file != path)
    return nsmallest(MOST_FILES, others, key=lambda f: (-len(os.path.commonpath([near, f])), f))


def _naming(modules: ProjectModules, name: str, candidates: Iterable[str]) -> Iterator[str]:
    """The Python files that mention a name."""
    pattern = re.compile(rf"\b{re.escape(name)}\b".encode())
    for file in candidates:
        if file.endswith(".py") and pattern.search(_content(modules, file)):
            yield file


def _content(modules: ProjectModules, file: str) -> bytes:
    try:
        return modules.read(file)
    except (FileNotFoundError, SourceError):
        return b""


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
        found = self.files(path, name)
        self._modules.consulted[path + ASKED + name] = identity(path, found)
        for file in found:
            try:
                yield self._modules.parse(file)
            except (SourceError, FileNotFoundError):
                continue

    def files(self, path: str, name: str) -> list[str]:
        """The files that mention a name of the one at `path`, nearest first."""
        around = self._around(path)
        below = {file for folder in around for file in self._modules.files(folder)}
        found = set(_naming(self._modules, name, self._beside(path) - below))
        for folder in around:
            found.update(self._modules.once(_Words, folder).files(name))
        return _nearest(path, found)

    def candidates(self, path: str) -> set[str]:
        """The files that may mention a name of the one at `path`."""
        below = (file for folder in self._around(path) for file in self._modules.files(folder))
        return {*below, *self._beside(path)}

    def _around(self, path: str) -> list[str]:
        return [f for f in self._modules.folders if Path(path).is_relative_to(f)]

    def _beside(self, path: str) -> set[str]:
        folder = os.path.dirname(path)
        return {os.path.join(folder, name) for name in self._modules.names(folder)}


class _Words:
    """Which files of a folder hold a word."""

    def __init__(self, modules: ProjectModules, folder: str) -> None:
        self._modules = modules
        self._folder = folder
        self._renewed = False
        self._files: Sequence[str] = [f for f in modules.files(folder) if f.endswith(".py")]
        self._asked = 0
        self._places: dict[bytes, array[int]] = {}

    def files(self, name: str) -> Iterable[str]:
        """The files in which a name is a word."""
        self._asked += 1
        if not name.isascii():
            return _naming(self._modules, name, self._files)
        if self._modules.goes_on:
            return self._kept().files(name)
        if self._asked <= FEW:
            return _naming(self._modules, name, self._files)
        if not self._places:
            for place, file in enumerate(self._files):
                for word in frozenset(_WORD.findall(_content(self._modules, file))):
                    self._places.setdefault(word, array("L")).append(place)
        return (self._files[place] for place in self._places.get(name.encode(), ()))

    def _kept(self) -> Words:
        """What is kept of the files' words, renewed once for a run."""
        words = self._modules.words.setdefault(self._folder, Words())
        if not self._renewed:
            self._renewed = True
            words.renew(
                iter(self._files), lambda file: _content(self._modules, file), self._modules.overlay
            )
        return words


def identity(path: str, files: Iterable[str]) -> str:
    """The identity of an answer to which files mention a name of the one at `path`."""
    folder = os.path.dirname(path)
    text = "\n".join(os.path.relpath(file, folder) for file in files)
    return content_hash(text.encode("utf-8", "surrogateescape"))
