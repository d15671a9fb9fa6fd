"""The folders that imports of a project lead to besides its own: what its configuration names,
the members of its workspace, and what its environment has installed as it is being written."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nnlint.project.packaging import (
    ENVIRONMENTS,
    editable_in,
    matching_folders,
    neighbours_of,
    packages_of,
    site_folders,
)
from nnlint.source.reading import content_hash
from nnlint.text import path_between

FARTHEST = 8
"""Folders above a file that are looked at where no repository ends the search."""
ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")
"""Variables that tell the environment in use, for projects that have none of their own."""
NOT_INSTALLED = frozenset(
    "benchmark benchmarks conftest doc docs example examples fixtures noxfile scripts setup tasks "
    "test tests tools".split()
)
"""Names beside a package that no installation of it brings."""
ALL = os.sep + "*"
"""What follows a folder where a result rests on where imports from there may lead."""


class SourceRoots:
    """Finds source roots, each folder looked at once; paths are absolute.

    Parameters:
        configured: globs of folders, from the configuration.
    """

    def __init__(self, configured: Sequence[str] = ()) -> None:
        self._patterns = configured
        self._configured: tuple[str, ...] | None = None
        self._around: dict[str, tuple[str, ...]] = {}
        self._roots_at: dict[str, tuple[str, ...]] = {}
        self._environments: dict[str, str] = {}
        self._editable: dict[str, tuple[str, ...]] = {}
        self._identities: dict[str, str] = {}

    @property
    def configured(self) -> tuple[str, ...]:
        """The folders that the configuration names."""
        if self._configured is None:
            found = (f for pattern in self._patterns for f in matching_folders(pattern))
            self._configured = tuple(dict.fromkeys(found))
        return self._configured

    def of(self, folder: str) -> tuple[str, ...]:
        """The source roots of what is installed with the project that a folder lies in."""
        environment = self.environment_of(folder)
        if environment not in self._editable:
            installed = editable_in(environment) if environment else ()
            self._editable[environment] = tuple(installed)
        return tuple(dict.fromkeys((*self._workspace(folder), *self._editable[environment])))

    def identity(self, folder: str) -> str:
        """The identity of where imports from a folder may lead."""
        known = self._identities.get(folder)
        if known is None:
            roots = (*self.configured, *self.of(folder))
            found = "\n".join(path_between(folder, root) for root in roots)
            known = content_hash(found.encode("utf-8", "surrogateescape"))
            self._identities[folder] = known
        return known

    def environment_of(self, folder: str) -> str:
        """The environment of the project that a folder lies in; empty where none is known."""
        if folder not in self._environments:
            self._environments[folder] = self._find_environment(folder)
        return self._environments[folder]

    def _find_environment(self, folder: str) -> str:
        for above in _above(folder):
            for name in ENVIRONMENTS:
                if os.path.isfile(os.path.join(above, name, "pyvenv.cfg")):
                    return os.path.join(above, name)
        active = (os.environ.get(variable) for variable in ACTIVE)
        return next((os.path.abspath(a) for a in active if a and os.path.isdir(a)), "")

    def _workspace(self, folder: str) -> tuple[str, ...]:
        if folder not in self._around:
            roots = (root for above in _above(folder) for root in self._installed_with(above))
            self._around[folder] = tuple(dict.fromkeys(roots))
        return self._around[folder]

    def _installed_with(self, folder: str) -> tuple[str, ...]:
        """The source roots of what is installed with the project that is in a folder itself."""
        if folder not in self._roots_at:
            projects = _with_neighbours(folder)
            roots = tuple(root for project in projects for root in packages_of(project))
            self._roots_at[folder] = roots
        return self._roots_at[folder]


def installed_in(environment: str) -> frozenset[str]:
    """The names of modules that an environment has."""
    names: set[str] = set()
    for site in site_folders(environment) if environment else ():
        try:
            names |= {name.partition(".")[0] for name in os.listdir(site)}
        except OSError:
            continue
    return frozenset(names)


def _with_neighbours(folder: str) -> list[str]:
    if not os.path.isfile(os.path.join(folder, "pyproject.toml")):
        return []
    others = neighbours_of(folder)
    return [folder, *others] if others else []


def _above(folder: str) -> list[str]:
    """A folder and those above it, up to the top of its repository."""
    above = [folder]
    while not os.path.exists(os.path.join(above[-1], ".git")):
        folder = os.path.dirname(above[-1])
        if folder == above[-1] or len(above) == FARTHEST:
            break
        above.append(folder)
    return above
