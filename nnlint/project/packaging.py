"""Where the packages of a project lie, as its files for building and installing it say.

The files are read; nothing in them is run. Sources: the documentation of setuptools ("package
discovery"), hatch ("build", "workspace environments"), uv ("workspaces", "dependency sources",
"build backend"), Poetry, PDM, Rye and maturin, and PEP 610 (direct_url.json).
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nnlint.source.file import SourceError
from nnlint.source.reading import read_bytes
from nnlint.source.toml import part_of, strings_of, table_of

ENVIRONMENTS = (".venv", "venv")
"""Names of the folder that a project's environment lies in."""
_MANAGERS = ("uv", "pdm", "rye")
"""Tools whose workspaces are listed alike."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


def packages_of(folder: str) -> list[str]:
    """The folders that modules of the project in a folder are imported from."""
    table = table_of(Path(folder, "pyproject.toml"))
    told = [os.path.normpath(os.path.join(folder, name)) for name in _layout(folder, table)]
    declared = [name for name in dict.fromkeys(told) if os.path.isdir(name)]
    usual = os.path.join(folder, "src")
    return declared or ([usual] if os.path.isdir(usual) else [folder])


def _layout(folder: str, table: dict[str, Any]) -> Iterator[str]:
    """Names of folders that hold a project's packages, as its build is told."""
    tool = part_of(table, "tool")
    yield from _text(part_of(tool, "setuptools", "package-dir", ""))
    yield from strings_of(part_of(tool, "setuptools", "packages", "find", "where"))
    yield from _text(part_of(tool, "uv", "build-backend", "module-root"))
    yield from _text(part_of(tool, "pdm", "build", "package-dir"))
    yield from _text(part_of(tool, "maturin", "python-source"))
    for package in strings_of(part_of(tool, "hatch", "build", "targets", "wheel", "packages")):
        yield os.path.dirname(package)
    yield from strings_of(part_of(tool, "hatch", "build", "sources"))
    yield from strings_of(part_of(tool, "hatch", "build", "targets", "wheel", "sources"))
    for listed in _tables(part_of(tool, "poetry", "packages")):
        yield from _text(listed.get("from"))
    yield from _of_setup_cfg(Path(folder, "setup.cfg"))


def _of_setup_cfg(path: Path) -> Iterator[str]:
    try:
        text = read_bytes(path).decode("utf-8")
    except (OSError, SourceError, ValueError):
        return
    # most projects have no such file, and every run would wait for it
    import configparser

    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read_string(text)
    except (ValueError, configparser.Error):
        return
    for line in settings.get("options", "package_dir", fallback="").splitlines():
        name, separator, top = line.partition("=")
        if separator and not name.strip():
            yield top.strip()
    yield from settings.get("options.packages.find", "where", fallback="").split()


def neighbours_of(folder: str) -> list[str]:
    """The folders of other projects that are installed with the one in a folder, as it says."""
    table = table_of(Path(folder, "pyproject.toml"))
    tool = part_of(table, "tool")
    found = []
    for manager in _MANAGERS:
        found += _members(folder, part_of(tool, manager, "workspace"))
    hatch = part_of(tool, "hatch", "envs") or part_of(table_of(Path(folder, "hatch.toml")), "envs")
    for environment in _values(hatch):
        found += _members(folder, part_of(environment, "workspace"))
    found += [os.path.normpath(os.path.join(folder, path)) for path in _path_dependencies(tool)]
    return [path for path in dict.fromkeys(found) if os.path.isdir(path)]


def _members(folder: str, workspace: Any) -> list[str]:
    members = part_of(workspace, "members")
    patterns = strings_of(members) + [t for m in _tables(members) for t in _text(m.get("path"))]
    without = {
        path
        for pattern in strings_of(part_of(workspace, "exclude"))
        for path in matching_folders(os.path.join(folder, pattern))
    }
    found = [p for pattern in patterns for p in matching_folders(os.path.join(folder, pattern))]
    return [
        path
        for path in found
        if path not in without
        and any(os.path.isfile(os.path.join(path, name)) for name in _PROJECT_FILES)
    ]


def _path_dependencies(tool: Any) -> Iterator[str]:
    """Dependencies that are given by where they lie."""
    sources = part_of(tool, "uv", "sources")
    tables = [sources, part_of(tool, "poetry", "dependencies")]
    tables += [part_of(g, "dependencies") for g in _values(part_of(tool, "poetry", "group"))]
    for table in tables:
        for dependency in _values(table):
            for one in dependency if isinstance(dependency, list) else [dependency]:
                yield from _text(part_of(one, "path"))


def matching_folders(pattern: str) -> list[str]:
    """The folders that match a glob, in order."""
    found = glob.iglob(pattern, recursive=True)
    return sorted(os.path.normpath(path) for path in found if os.path.isdir(path))


def site_folders(environment: str) -> list[str]:
    """The folders in which an environment has what is installed, those that it shares with
    another one included."""
    patterns = ("lib/python*/site-packages", "Lib/site-packages")
    own = [p for one in patterns for p in matching_folders(os.path.join(environment, one))]
    others = [f for site in own for f in _of_path_files(site) if _holds_installed(f)]
    return [*own, *others]


def editable_in(environment: str) -> list[str]:
    """The folders that an environment imports from, where what is installed stays."""
    found: list[str] = []
    for site in site_folders(environment):
        found += _of_path_files(site)
        for file in sorted(Path(site).glob("*.dist-info/direct_url.json")):
            found += [root for project in _of_direct_url(file) for root in packages_of(project)]
    inside = environment + os.sep
    return [
        folder
        for folder in dict.fromkeys(found)
        if not folder.startswith(inside) and not _holds_installed(folder) and os.path.isdir(folder)
    ]


def _holds_installed(folder: str) -> bool:
    """Whether a folder holds what an environment has installed, which is nobody's project."""
    named = not _INSTALLED.isdisjoint(Path(folder).parts)
    return named or next(Path(folder).glob("*.dist-info"), None) is not None


def _of_path_files(site: str) -> list[str]:
    return [path for file in sorted(Path(site).glob("*.pth")) for path in _of_path_file(site, file)]


def _of_path_file(site: str, file: Path) -> list[str]:
    try:
        lines = read_bytes(file).decode("utf-8").splitlines()
    except (OSError, SourceError, ValueError):
        return []
    # what begins with `import` would be run by Python, and is not here
    told = (line.strip() for line in lines if not line.startswith(("#", "import ", "import\t")))
    return [os.path.normpath(os.path.join(site, line)) for line in told if line]


def _of_direct_url(file: Path) -> list[str]:
    try:
        told = json.loads(read_bytes(file))
    except (OSError, SourceError, ValueError, RecursionError):
        return []
    url = part_of(told, "url")
    if part_of(told, "dir_info", "editable") is not True or not isinstance(url, str):
        return []
    parts = urlsplit(url)
    if parts.scheme != "file":
        return []
    # it brings HTTP and TLS along, which no other run needs
    from urllib.request import url2pathname

    return [os.path.normpath(url2pathname(parts.path))]


def _text(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []


def _tables(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _values(table: Any) -> list[Any]:
    return list(table.values()) if isinstance(table, dict) else []
