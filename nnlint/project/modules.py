"""Module names and files: where an import of the project leads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from nnlint.source.file import SourceError, read_source
from nnlint.syntax.module import ModuleSyntax, parse_module


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
        folder = importer.source.path.parent
        _, _, root = module_name(importer.source.path)
        relative = name.replace(".", os.sep)
        for base in dict.fromkeys((root, folder, root / "src")):
            for candidate in (base / f"{relative}.py", base / relative / "__init__.py"):
                path = os.path.abspath(candidate)
                if os.path.isfile(path):
                    return path
        if (root / relative.split(os.sep)[0]).exists() or (root / f"{relative}.py").parent == root:
            self.consulted[os.path.abspath(root / f"{relative}.py")] = ""
        return None
