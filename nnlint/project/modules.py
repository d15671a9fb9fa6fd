"""Module names and files: where an import of the project leads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nnlint.project.ecosystem import LIBRARIES
from nnlint.project.kept import Listing, Words
from nnlint.project.sources import ALL, NOT_INSTALLED, SourceRoots, installed_in
from nnlint.source.discovery import Roots
from nnlint.source.file import SourceError
from nnlint.source.reading import content_hash, read_bytes, read_source
from nnlint.syntax.module import ModuleSyntax, parse_module

Answer = TypeVar("Answer")
PROJECT_MARKERS = (".git", "pyproject.toml", "setup.py", "setup.cfg")
"""What lies in the top folder of a project."""
DEEPEST = 8
"""Folders between a source root and the top of its project, at most."""
KEPT_SOURCE = 3_000_000
"""Bytes of source whose trees are kept; a tree takes about 30 times its source's memory."""
SETTINGS = os.sep + "!"
"""What stands behind a folder where a result rests on which YAML files there are in it."""
ABSENT = ""
"""The identity of a file that does not exist."""


def signposts(folder: str, names: Iterable[str] | None = None) -> str:
    """What a folder holds that decides where imports of libraries and of the project lead.

    These are modules of a library's name, which are found first, and what tells that the
    folder is a package, or the top of a project.

    Parameters:
        names: what is in the folder, where that is known.
    """
    if names is None:
        try:
            names = os.listdir(folder)
        except OSError:
            names = ()
    found = {name.removesuffix(".py") for name in names}
    return ",".join(sorted(found & _SIGNPOSTS))


_LIBRARY_NAMES = sys.stdlib_module_names | frozenset(LIBRARIES)
_SIGNPOSTS = _LIBRARY_NAMES | {name.removesuffix(".py") for name in ("__init__", *PROJECT_MARKERS)}


_Consulted = dict[str, str]
"""Paths, each with the identity of what it held; of a folder, told by its separator at the
end, that is `signposts`."""


class ProjectModules:
    """Finds, parses and remembers the modules of a project; paths are absolute.

    Parameters:
        overlay: the content of files that is not what is on disk.
        before: what was known in an earlier run: the trees of files that hold the same are taken
            over.
        src: globs of further folders that imports start from.
    """

    def __init__(
        self,
        roots: Roots | None = None,
        overlay: Mapping[str, bytes] | None = None,
        before: ProjectModules | None = None,
        src: Sequence[str] = (),
    ) -> None:
        self._roots = roots or Roots()
        self._overlay = overlay or {}
        self._sources = SourceRoots(src)
        self._parsed: dict[str, tuple[ModuleSyntax | None, str]] = {}
        self._kept = 0
        """Bytes of source whose trees are kept now."""
        self._unasked: set[str] = set()
        """Files of which it is to be seen whether they hold what they did in an earlier run."""
        self._listings: dict[str, Listing] = {}
        self._before: dict[str, Listing] = {}
        """Of the earlier run, not looked at again yet."""
        self.words: dict[str, Words] = {}
        """By folder, of a process that goes on."""
        self.goes_on = before is not None and before._roots == self._roots
        if before is not None and self.goes_on:
            self._parsed = {path: known for path, known in before._parsed.items() if known[0]}
            self._kept = before._kept
            self._unasked = set(self._parsed)
            self._before = {**before._before, **before._listings}
            self.words = before.words
        self._names_in: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, str], tuple[str | None, _Consulted]] = {}
        self._bases_of: dict[str, tuple[str, ...]] = {}
        self._entries: dict[str, frozenset[str]] = {}
        self._answers: dict[tuple[Any, str], Any] = {}
        self.consulted: dict[str, str] = {}
        """Files that the outcome for the file being checked depends on, each with its
        content's identity."""

    def start(self) -> None:
        """Begin with another file: nothing is consulted yet, and trees that were not used
        for long are dropped."""
        self.consulted = {}
        while self._kept > KEPT_SOURCE:
            module, _ = self._parsed.pop(next(iter(self._parsed)))
            self._kept -= len(module.source.raw) if module else 0

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: it does not exist.
            SourceError: it cannot be read.
        """
        overlaid = self._overlay.get(path)
        return read_bytes(Path(path)) if overlaid is None else overlaid

    @property
    def overlay(self) -> Mapping[str, bytes]:
        """The content of files that is not what is on disk."""
        return self._overlay

    def parse(self, path: str, raw: bytes | None = None) -> ModuleSyntax:
        """The module of a file.

        Raises:
            FileNotFoundError: it does not exist.
            SourceError: it cannot be read or parsed.
        """
        module, digest = self._parsed.pop(path, (None, ABSENT))
        if module is not None and path in self._unasked:
            self._kept -= len(module.source.raw)
            raw = self.read(path) if raw is None else raw
            if (raw, *self._name(path)) != (module.source.raw, module.name, module.is_package):
                module = None
            else:
                self._unasked.remove(path)
                self._kept += len(raw)
        if module is None:
            raw = self.read(path) if raw is None else raw
            source = read_source(Path(path), self._roots.display(path), raw)
            name, is_package = self._name(path)
            module, digest = parse_module(source, name, is_package), content_hash(source.raw)
            self._unasked.discard(path)
            self._kept += len(source.raw)
        self._parsed[path] = module, digest
        self.consulted[path] = digest
        return module

    def load(self, name: str, importer: ModuleSyntax) -> ModuleSyntax | None:
        """The project's module of an absolute dotted name, as `importer` would find it."""
        folder = os.path.dirname(importer.source.path)
        found = self._found.get((name, folder))
        if found is None:
            found = self._found[name, folder] = self._find(name, folder)
        path, missing = found
        self.consulted.update(missing)
        if path is None:
            return None
        known = self._parsed.get(path)
        if known is not None and known[0] is None:
            self.consulted[path] = known[1]
            return None
        try:
            return self.parse(path)
        except (SourceError, FileNotFoundError):
            self._parsed[path] = None, "unreadable"
            self.consulted[path] = "unreadable"
            return None

    def folders_above(self, path: str) -> list[str]:
        """Folders that a program may name other files from, the nearest first: that of a file,
        those it is in, and last the top of its project."""
        folder = os.path.dirname(path)
        root = self._root(folder)
        near = [folder]
        while near[-1] != root and os.path.dirname(near[-1]) != near[-1]:
            near.append(os.path.dirname(near[-1]))
        return [*near, *self._up_to_the_top(root)]

    def display(self, path: str) -> str:
        """What the user calls a file."""
        return self._roots.display(path)

    @property
    def folders(self) -> list[str]:
        """The absolute paths of the folders that are linted."""
        return [path for path, _ in self._roots.pairs if os.path.isdir(path)]

    def files(self, folder: str) -> Sequence[str]:
        """The absolute paths of the files in a folder, at any depth, looked for once."""
        known = self._listings.get(folder)
        if known is None:
            before = self._before.pop(folder, None)
            known = before if before is not None and before.holds() else Listing.of(folder)
            self._listings[folder] = known
        return known.files

    def once(self, question: Callable[[ProjectModules, str], Answer], folder: str) -> Answer:
        """The answer to a question about a folder, looked for once."""
        key = question, folder
        if key not in self._answers:
            self._answers[key] = question(self, folder)
        answer: Answer = self._answers[key]
        return answer

    def root_of(self, path: str) -> str:
        """The folder that the module of a file is named from."""
        return self._named_from(os.path.dirname(path))

    def _name(self, path: str) -> tuple[str, bool]:
        """The dotted name of a file, and whether it is a package."""
        folder, file = os.path.split(path)
        is_package = file == "__init__.py"
        stem = os.path.splitext(file)[0]
        parts = [] if is_package else [stem]
        root = self._named_from(folder)
        while folder != root:
            folder, name = os.path.split(folder)
            parts.insert(0, name)
        return ".".join(parts) or stem, is_package

    def _named_from(self, folder: str) -> str:
        """The folder that modules in `folder` are named from: a folder without `__init__.py` that
        lies between packages is one, too."""
        root = self._root(folder)
        while root != folder and "__init__.py" in self.names(above := os.path.dirname(root)):
            root = self._root(above)
        return root

    def _root(self, folder: str) -> str:
        """The first folder that is no package, from one on upwards."""
        while "__init__.py" in self.names(folder) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
        return folder

    def names(self, folder: str) -> frozenset[str]:
        """The names in a folder, listed once: most imports lead to no file of the project."""
        known = self._entries.get(folder)
        if known is None:
            try:
                known = frozenset(os.listdir(folder))
            except OSError:
                known = frozenset()
            self._entries[folder] = known
        return known

    def _find(self, name: str, folder: str) -> tuple[str | None, _Consulted]:
        """The file of a module, and what would be it if it existed, with its identity now."""
        top, _, below = name.partition(".")
        *above, last = name.split(".")
        missing: dict[str, str] = {}
        for base in self._bases(folder):
            if below and top not in self.names(base):
                missing[os.path.join(base, top, "__init__.py")] = ABSENT
                continue
            parent = os.path.join(base, *above)
            names = self.names(parent)
            for entry, file in ((f"{last}.py", ""), (last, "__init__.py")):
                path = os.path.join(parent, entry, file) if file else os.path.join(parent, entry)
                if entry in names and os.path.isfile(path):
                    return path, missing
                missing[path] = ABSENT
        if top in _LIBRARY_NAMES:
            # a folder's worth at once: there are many imports of libraries
            folders = (*self._bases(folder), *self._above(self._root(folder)))
            return None, {f + os.sep: signposts(f, self.names(f)) for f in folders}
        return self._installed(name, self._root(folder), missing)

    def _installed(
        self, name: str, root: str, missing: dict[str, str]
    ) -> tuple[str | None, _Consulted]:
        """The file of a module of what is installed with a project from where it is written.

        Several files of one name would make it a guess, so it is none then.
        """
        missing[root + ALL] = self._sources.identity(root)
        top, _, _ = name.partition(".")
        if top in NOT_INSTALLED:
            return None, missing
        stem = os.path.join(*name.split("."))
        found = set()
        for base in self._sources.of(root):
            if not {top, f"{top}.py"} & self.names(base):
                missing[os.path.join(base, top, "__init__.py")] = ABSENT
                missing[os.path.join(base, f"{top}.py")] = ABSENT
                continue
            for file in (f"{stem}.py", os.path.join(stem, "__init__.py")):
                path = os.path.join(base, file)
                if os.path.isfile(path):
                    found.add(path)
                    break
                missing[path] = ABSENT
        return (found.pop() if len(found) == 1 else None), missing

    def leads(self, name: str, importer: str) -> bool:
        """Whether an absolute dotted name leads to a file or folder of the project.

        Parameters:
            importer: the path of the file that imports it.
        """
        folder = os.path.dirname(importer)
        if self._find(name, folder)[0] is not None:
            return True
        below = os.path.join(*name.split("."))
        bases = (*self._bases(folder), *self._sources.of(self._root(folder)))
        return any(os.path.isdir(os.path.join(base, below)) for base in bases)

    def knows(self, name: str, importer: str) -> bool:
        """Whether a module of this name is known from elsewhere: it is of Python or of a library
        that nnlint knows, or the project's environment has it."""
        top = name.partition(".")[0]
        if top in _LIBRARY_NAMES:
            return True
        environment = self._sources.environment_of(self.root_of(importer))
        if environment not in self._names_in:
            self._names_in[environment] = installed_in(environment)
        return top in self._names_in[environment]

    def _bases(self, folder: str) -> tuple[str, ...]:
        """Folders that absolute imports of files in `folder` start from, nearest first.

        Besides the folder itself they are its source root, those of the configuration, and the
        folders above it up to the top of the project, from which scripts in subfolders are run.
        """
        known = self._bases_of.get(folder)
        if known is None:
            root = self._root(folder)
            bases = [root, folder, self._named_from(folder), *self._sources.configured]
            bases.append(os.path.join(root, "src"))
            for above in self._up_to_the_top(root):
                bases += (above, os.path.join(above, "src"))
            known = self._bases_of[folder] = tuple(dict.fromkeys(bases))
        return known

    def _up_to_the_top(self, root: str) -> list[str]:
        """The folders above a source root that belong to the same project, as far as known."""
        above = self._above(root)
        if self._is_top(above[-1]):
            return above[1:]
        # where nothing marks a project, it is what is linted
        return above[1 : above.index(self._roots.top) + 1] if self._roots.top in above else []

    def _above(self, root: str) -> list[str]:
        """A source root and the folders above it, up to the top of the project if it is near."""
        above = [root]
        while len(above) < DEEPEST and not self._is_top(above[-1]):
            above.append(os.path.dirname(above[-1]))
        return above

    def _is_top(self, folder: str) -> bool:
        return not self.names(folder).isdisjoint(PROJECT_MARKERS)
