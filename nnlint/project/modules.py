"""Module names and files: where an import of the project leads."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from nnlint.project.ecosystem import LIBRARIES
from nnlint.source.file import SourceError, read_source
from nnlint.syntax.module import ModuleSyntax, parse_module

PROJECT_MARKERS = (".git", "pyproject.toml", "setup.py", "setup.cfg")
"""What lies in the top folder of a project."""
DEEPEST = 8
"""Folders between a source root and the top of its project, at most."""


def content_hash(raw: bytes) -> str:
    """Identity of a file's content."""
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def module_name(path: Path) -> tuple[str, bool, Path]:
    """The dotted name of a file, whether it is a package, and its source root."""
    is_package = path.name == "__init__.py"
    parts = [] if is_package else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name:
        parts.insert(0, folder.name)
        if folder.parent == folder:
            break
        folder = folder.parent
    return ".".join(parts) or path.stem, is_package, folder


class ProjectModules:
    """Finds, parses and remembers the modules of a project."""

    def __init__(self, displays: Mapping[str, str] | None = None) -> None:
        self._displays = displays or {}
        self._parsed: dict[str, ModuleSyntax | None] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        self._bases_of: dict[Path, tuple[str, ...]] = {}
        self._top = os.path.commonpath(self._displays) if len(self._displays) > 1 else ""
        self.consulted: dict[str, str] = {}
        """Files read for the file being checked, with their content's identity; a path
        that does not exist has the empty one."""

    def parse(self, path: Path, raw: bytes | None = None) -> ModuleSyntax:
        """Parse a file under its module name.

        Raises:
            SourceError: it cannot be read or parsed.
        """
        name, is_package, _ = module_name(path)
        display = self._displays.get(os.path.abspath(path), str(path))
        return parse_module(read_source(path, display, raw), name, is_package)

    def load(self, name: str, importer: ModuleSyntax) -> ModuleSyntax | None:
        """The project's module of an absolute dotted name, as `importer` would find it."""
        key = (name, str(importer.source.path.parent))
        if key not in self._found:
            self._found[key] = self._find(name, importer)
        path = self._found[key]
        if path is None:
            return None
        if path not in self._parsed:
            try:
                self._parsed[path] = self.parse(Path(path))
            except SourceError:
                self._parsed[path] = None
        module = self._parsed[path]
        self.consulted[path] = content_hash(module.source.raw) if module else "unreadable"
        return module

    def _find(self, name: str, importer: ModuleSyntax) -> str | None:
        top, _, below = name.partition(".")
        missing = []
        for base in self._bases(importer.source.path):
            if below and not os.path.isdir(os.path.join(base, top)):
                missing.append(os.path.join(base, top, "__init__.py"))
                continue
            whole = os.path.join(base, *name.split("."))
            for path in (f"{whole}.py", os.path.join(whole, "__init__.py")):
                if os.path.isfile(path):
                    return path
                missing.append(path)
        if top not in sys.stdlib_module_names and top not in LIBRARIES:
            # the outcome changes when one of them appears
            self.consulted.update(dict.fromkeys(missing, ""))
        return None

    def _bases(self, path: Path) -> tuple[str, ...]:
        """Folders that absolute imports of a file start from, nearest first.

        Besides the file's own they are its source root and the folders above it up to the
        top of the project, from which scripts in subfolders are run.
        """
        folder = path.parent
        known = self._bases_of.get(folder)
        if known is None:
            _, _, root = module_name(path)
            above = self._up_to_the_top(root.absolute())
            bases = [root, folder, root / "src", *(b for a in above for b in (a, a / "src"))]
            known = tuple(dict.fromkeys(os.path.abspath(base) for base in bases))
            self._bases_of[folder] = known
        return known

    def _up_to_the_top(self, root: Path) -> list[Path]:
        """The folders above a source root that belong to the same project, as far as known."""
        above: list[Path] = []
        for folder in (root, *root.parents)[:DEEPEST]:
            above.append(folder)
            if str(folder) == self._top or any((folder / m).exists() for m in PROJECT_MARKERS):
                return above[1:]
        return []
