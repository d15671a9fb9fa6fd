"""The folders that a client works in, each linted as the command line would lint it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnlint.config import Config, ConfigError, ConfigFiles
from nnlint.engine import Linter, config_problems
from nnlint.finding import Applicability, Finding, Stage
from nnlint.fixing import fix
from nnlint.listing import every_name
from nnlint.project.cache import home_of, refusal
from nnlint.selection import check_selectors
from nnlint.source.discovery import Discovery, MissingPathError, Roots

CONFIGURATIONS = ("nnlint.toml", "pyproject.toml")
Stamps = tuple[tuple[str, int, int], ...]
"""Configuration files with their times of change and sizes."""


@dataclass(frozen=True, slots=True)
class Linted:
    """What is known of a project by now."""

    findings: tuple[Finding, ...]
    files: frozenset[str]
    """The files, by absolute path, whose findings these are."""
    problems: tuple[Finding, ...]
    """What is wrong with its configuration."""
    remarks: tuple[str, ...] = ()
    """What else the user is to know, as sentences."""


class Project:
    """A folder that is open in the client, or a single file that is in none of them.

    Parameters:
        place: its absolute path.
        stage: the stage of the recipe that the client says, over that of configuration files.
    """

    def __init__(self, place: str, stage: Stage | None = None) -> None:
        self.place = place
        self.folder = place if os.path.isdir(place) else os.path.dirname(place)
        self._stage = stage
        self._stamps: Stamps | None = None
        self._files = ConfigFiles(self._adjusted)
        self._linter: Linter | None = None
        self._found: Discovery | None = None
        self._refused = ""
        """Why results are not remembered between sessions; empty where they are."""

    def holds(self, path: str) -> bool:
        """Whether a file lies in it."""
        return path == self.place or path.startswith(self.place.rstrip(os.sep) + os.sep)

    def config_of(self, path: str) -> Config:
        """The configuration of a file."""
        return self._files.of(Path(path).parent)

    def forget(self) -> None:
        """Look again at which files there are, and at their configuration."""
        self._found, self._stamps = None, None

    def lint(
        self, overlay: Mapping[str, bytes], opened: Sequence[str], everything: bool = False
    ) -> Linted:
        """Lint files as they are open.

        Parameters:
            overlay: the content of files that are not what is on disk, by path.
            opened: the paths of the files that are open, of those that it holds.
            everything: whether all other files are linted too.
        """
        linter, found = self._current(opened)
        known = set(found.files)
        part = [path for path in opened if path in known]
        asked = Discovery(found.roots, found.files, set(), found.problems)
        linted = linter.run(asked, overlay, None if everything else part)
        remarks = [f"results are not remembered: {self._refused}"] if self._refused else []
        findings = self._without_known(linted.findings, remarks)
        files = known if everything else part
        problems = tuple(config_problems(self._files))
        return Linted(tuple(findings), frozenset(files), problems, tuple(remarks))

    def fixed(self, overlay: Mapping[str, bytes], path: str) -> bytes | None:
        """What a file holds when its safe fixes are made; None where none holds."""
        linter, found = self._current([path])
        if path not in found.files:
            return None
        alone = replace(found, files=[path], named=set(), problems=[])

        def wanted(finding: Finding) -> bool:
            change = finding.fix
            mine = os.path.abspath(finding.filename) == path
            return mine and change is not None and change.applicability is Applicability.SAFE

        return fix(linter, alone, overlay, wanted).contents.get(path)

    def _current(self, opened: Sequence[str]) -> tuple[Linter, Discovery]:
        """What lints, and which files there are; configuration files are looked at again."""
        stamps = self._stamps_now(opened)
        if self._linter is None or stamps != self._stamps:
            self._files = ConfigFiles(self._adjusted)
            self._linter, self._found, self._stamps = self._new_linter(), None, stamps
        if self._found is None:
            self._found = self._discovered(self._linter)
        return self._linter, self._with_opened(self._linter, self._found, opened)

    def _new_linter(self) -> Linter:
        config = self._files.of(Path(self.folder))
        home = home_of(Path(self.folder), None if config.is_of_user else config.origin)
        self._refused = refusal(home)
        return Linter(self._files.of, jobs=1, cache_dir=None if self._refused else home)

    def _discovered(self, linter: Linter) -> Discovery:
        try:
            return replace(linter.discover([self.place]), named=set())
        except MissingPathError:
            return Discovery(Roots.of([self.place]), [self.place])

    def _with_opened(self, linter: Linter, found: Discovery, opened: Sequence[str]) -> Discovery:
        """The files with those that were not saved yet, unless they are to be left out."""
        known = set(found.files)
        new = [path for path in opened if path not in known and not os.path.exists(path)]
        return replace(found, files=[*found.files, *new]) if new else found

    def _adjusted(self, config: Config) -> Config:
        """A configuration with the client's settings on top.

        Raises:
            ConfigError: a selector means no rule, or there is no such option.
        """
        if self._stage is not None:
            config = replace(config, stage=self._stage)
        check_selectors(config, every_name())
        if config.options:
            from nnlint.registry import check_options

            check_options(config)
        return config

    def _stamps_now(self, opened: Sequence[str]) -> Stamps:
        folders = {self.folder, *map(os.path.dirname, opened)}
        above = {str(parent) for folder in folders for parent in Path(folder).parents} | folders
        found = []
        for folder in sorted(above):
            for name in CONFIGURATIONS:
                path = os.path.join(folder, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                found.append((path, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _without_known(self, findings: Sequence[Finding], remarks: list[str]) -> Sequence[Finding]:
        """The findings that the project's baseline does not know; all where it is none."""
        path = self._files.of(Path(self.folder)).baseline
        if not path:
            return findings
        from nnlint.baseline import Baseline

        try:
            return Baseline(Path(path)).without(findings)
        except ConfigError as error:
            remarks.append(f"{error}; its findings are shown")
            return findings


def project_of(
    path: str, folders: Sequence[Project], lone: dict[str, Project], stage: Stage | None
) -> Project:
    """The project of a file: the innermost folder that holds it, else the file alone.

    Parameters:
        lone: the files that are alone, by their paths.
        stage: the stage of the recipe that the client says.
    """
    holding = [project for project in folders if project.holds(path)]
    if holding:
        return max(holding, key=lambda project: len(project.place))
    if path not in lone:
        lone[path] = Project(path, stage)
    return lone[path]


def broken(problem: Finding) -> str:
    """What to tell of a configuration file that cannot be used."""
    return f"nnlint: {problem.message}; settings from further up are used until it is mended"
