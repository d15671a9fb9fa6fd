"""Orchestrates a run: discover, check, silence, remember."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnlint.config import Config, ConfigFiles
from nnlint.finding import Finding, Position
from nnlint.listing import pack_sources, selected_codes
from nnlint.project.cache import Cache, fingerprint, home_of
from nnlint.project.modules import ProjectModules
from nnlint.project.results import FileResult
from nnlint.sharding import Known
from nnlint.silence import FAILED, FATAL, reported, tool_finding
from nnlint.source.discovery import Discovery, FolderRules, Roots, discover
from nnlint.source.file import SourceError
from nnlint.source.reading import read_source
from nnlint.source.suppression import Suppression, read_suppressions
from nnlint.text import shown_path
from nnlint.workers import SMALL_RUN, Job, Progress, check_all

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from nnlint.moving import Moving


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run."""

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    failed: bool
    """The tool could not do its job: its configuration is unusable, or it crashed on a file."""
    took_part: int = 0
    """How many of the files use PyTorch."""
    passed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each file the codes of rules that gather, once for each place that is in order."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """By file, the identity of the text that was linted."""


def lint(
    paths: Sequence[str],
    config: Config,
    *,
    jobs: int | None = None,
    use_cache: bool = True,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
    executor: Executor | None = None,
) -> RunResult:
    """Lint files and folders under one configuration.

    Parameters:
        cache_dir: the folder that the cache has its own folder in; by default the top of the
            project that the first path belongs to.
        executor: where to run checks, instead of processes of this machine.

    Raises:
        MissingPathError: a path does not exist.
        ConfigError: a rule selector means no rule.
    """
    linter = Linter(
        lambda folder: config,
        jobs=jobs,
        cache_dir=(cache_dir or _home(paths)) if use_cache else None,
        on_progress=on_progress,
        executor=executor,
        follows_edits=False,
    )
    selected_codes(config)
    return linter.run(linter.discover(paths))


def _home(paths: Sequence[str]) -> Path:
    first = Path(os.path.abspath(paths[0] if paths else "."))
    return home_of(first if first.is_dir() else first.parent, None)


class Linter:
    """Lints any number of times, each time only what has changed.

    Parameters:
        config_of: the configuration of a folder, given by its absolute path.
        cache_dir: the folder that the cache has its own folder in; None keeps results in
            memory only.
        executor: where to run checks, instead of processes of this machine.
        follows_edits: whether files are read once more when they have been checked, to see later
            what an edit of comments and blank rows leaves of what was found.
    """

    def __init__(
        self,
        config_of: Callable[[Path], Config],
        *,
        jobs: int | None = None,
        cache_dir: Path | None = None,
        on_progress: Progress | None = None,
        executor: Executor | None = None,
        follows_edits: bool = True,
    ) -> None:
        self._config_of = config_of
        self._jobs = jobs
        self._cache_dir = cache_dir
        self._on_progress = on_progress
        self._executor = executor
        self._caches: dict[tuple[object, ...], Cache] = {}
        self._follows_edits = follows_edits
        self._moving: Moving | None = None

    def discover(self, paths: Sequence[str], force_exclude: bool = False) -> Discovery:
        """The files to lint.

        Raises:
            MissingPathError: a path does not exist.
        """

        def rules_of(folder: Path) -> FolderRules:
            config = self._config_of(folder)
            return FolderRules((*config.exclude, *config.extend_exclude), config.respect_gitignore)

        return discover(paths, rules_of, force_exclude)

    def run(
        self,
        found: Discovery,
        overlay: Mapping[str, bytes] | None = None,
        part: Iterable[str] | None = None,
    ) -> RunResult:
        """Lint files.

        Parameters:
            overlay: the content of files, by absolute path, that is not what is on disk.
            part: those of the files to lint, by default all; the findings that they lead to in
                others are told, too.

        Raises:
            ConfigError: a rule selector means no rule.
        """
        overlay = overlay or {}
        results: dict[str, FileResult] = {}
        for config, names in self._by_config(found.files if part is None else part):
            job = Job(config, found.roots, frozenset(found.named), overlay)
            cache = self._cache(config, found.roots)
            cache.look_again(overlay, found.roots)
            for name in names:
                known = cache.get(os.path.abspath(name), found.roots.display)
                if known is None and len(names) < SMALL_RUN:
                    known = self._moved(cache, name, job)
                if known is not None and (known.took_part or name not in found.named):
                    results[name] = known
            waiting = [name for name in names if name not in results]
            for name, result in check_all(
                waiting,
                job,
                jobs=self._jobs,
                executor=self._executor,
                on_progress=self._on_progress,
            ):
                cache.put(os.path.abspath(name), result)
                if self._follows_edits and len(waiting) < SMALL_RUN:
                    self._note(os.path.abspath(name), result, overlay)
                # what it depended on is of no use any more
                results[name] = replace(result, consulted=None)
            if not overlay:
                cache.save()
        return self._result(found, {name: results[name] for name in found.files if name in results})

    def _note(self, path: str, result: FileResult, overlay: Mapping[str, bytes]) -> None:
        """Keep what a result rests on, to see later what an edit leaves of it."""
        if self._moving is None:
            # where nothing has changed, what it needs is not loaded
            from nnlint.moving import Moving

            self._moving = Moving()
        self._moving.note(path, result, overlay)

    def _moved(self, cache: Cache, name: str, job: Job) -> FileResult | None:
        """What was found in a file before comments and blank rows were edited."""
        path = os.path.abspath(name)
        result = cache.last(path) if self._moving else None
        if result is None or self._moving is None:
            return None
        moved = self._moving.moved(path, result, cache.identity, job.config, job.overlay)
        if moved is None:
            return None
        cache.put(path, moved)
        self._moving.note(path, moved, job.overlay)
        return cache.get(path, job.roots.display)

    def known(self, found: Discovery, names: Iterable[str]) -> dict[str, Known]:
        """What the last run remembers of files, by absolute path."""
        known: dict[str, Known] = {}
        for config, group in self._by_config(names):
            cache, settings = self._cache(config, found.roots), _settings(config)
            for path in map(os.path.abspath, group):
                result = cache.known(path)
                if result is not None:
                    known[path] = settings, result
        return known

    def learn(self, found: Discovery, known: Mapping[str, Known]) -> None:
        """Take over what other machines found; what was found with other settings is left out."""
        for config, names in self._by_config(found.files):
            cache, settings = self._cache(config, found.roots), _settings(config)
            for path in map(os.path.abspath, names):
                if path in known and known[path][0] == settings:
                    cache.put(path, known[path][1])

    def answer(self, question: str, found: Discovery, find: Callable[[], list[str]]) -> list[str]:
        """What follows from what a run found, remembered as long as its findings are.

        Parameters:
            find: finds the answer, by further runs if need be.
        """
        configs = [config for config, _ in self._by_config(found.files)]
        if len(configs) != 1:
            return find()
        cache = self._cache(configs[0], found.roots)
        paths = sorted(os.path.abspath(name) for name in found.files)
        known: list[str] = cache.answer(repr((question, found.files)), paths, find)
        cache.look_again({}, found.roots)
        cache.save()
        return known

    def _by_config(self, names: Iterable[str]) -> Iterable[tuple[Config, list[str]]]:
        groups: dict[int, tuple[Config, list[str]]] = {}
        for name in names:
            config = self._config_of(Path(os.path.abspath(name)).parent)
            groups.setdefault(id(config), (config, []))[1].append(name)
        return groups.values()

    def _cache(self, config: Config, roots: Roots) -> Cache:
        codes = selected_codes(config)
        # where imports lead depends on the top of what is linted
        key = codes, config.stage, roots.top, config.src, config.options
        if key not in self._caches:
            whole = ""
            if self._cache_dir is not None:
                whole = fingerprint(*key, sources=pack_sources())
            self._caches[key] = Cache(self._cache_dir, whole, config.src)
        return self._caches[key]

    def _result(self, found: Discovery, results: Mapping[str, FileResult]) -> RunResult:
        findings: dict[tuple[object, ...], Finding] = {}
        files = frozenset(found.files)
        whole = len(results) == len(files)
        for finding in (f for result in results.values() for f in result.findings):
            if finding.filename in files:
                # several rules may crash in one file
                told = finding.message if finding.code in FATAL else ""
                key = (finding.filename, finding.cell, finding.start, finding.code, told)
                findings.setdefault(key, finding)
        problems = [tool_finding("NN002", path, reason) for path, reason in found.problems]
        comments = {name: result.comments for name, result in results.items()}
        for name in {finding.filename for finding in findings.values()} - comments.keys():
            comments[name] = _comments(name)
        kept = reported(
            [*problems, *findings.values()],
            {name: told for name, told in comments.items() if told},
            self._config_of,
            lambda name: whole and all_known(name, found.roots),
        )
        took_part = sum(result.took_part for result in results.values())
        failed = any(f.code in FAILED for f in kept)
        passed = {name: result.passed for name, result in results.items() if result.passed}
        digests = {name: result.digest for name, result in results.items()}
        return RunResult(tuple(kept), tuple(results), failed, took_part, passed, digests)


def config_problems(files: ConfigFiles) -> list[Finding]:
    """Findings about configuration files inside the linted folders that cannot be used."""
    return [
        tool_finding("NN006", shown_path(path), str(error), Position(error.row, 1))
        for path, error in files.problems.items()
    ]


def _settings(config: Config) -> str:
    """What the findings in a file depend on besides files, on whatever machine."""
    stage = config.stage and config.stage.value
    return repr((selected_codes(config), stage, *([config.options] if config.options else [])))


def _comments(name: str) -> tuple[Suppression, ...]:
    """The suppression comments of a file that is not linted itself."""
    try:
        return read_suppressions(read_source(Path(name), name))
    except (SourceError, OSError):
        return ()


def all_known(name: str, roots: Roots) -> bool:
    """Whether whatever could lead to findings in a file has been linted with it."""
    source_root = ProjectModules().root_of(os.path.abspath(name))
    return any(
        os.path.commonpath([top, source_root]) == top
        for top, _ in roots.pairs
        if os.path.isdir(top)
    )
