"""Orchestrates a run: discover, check, suppress, remember."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import pathspec

from nnlint.checking import TOOL, FileResult, check_file, tool_finding
from nnlint.config import Config
from nnlint.finding import Finding
from nnlint.project.cache import FOLDER, Cache
from nnlint.project.modules import ProjectModules
from nnlint.registry import every_rule, matches, select_rules
from nnlint.source.discovery import Roots, discover
from nnlint.source.suppression import Suppression
from nnlint.workers import check_all

FATAL = frozenset({"NN001", "NN002", "NN003", "NN006", "NN007"})
"""Findings that say the tool could not do its job."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run."""

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    failed: bool
    """The tool could not do its job on some file."""


def lint(
    paths: Sequence[str],
    config: Config,
    *,
    jobs: int | None = None,
    use_cache: bool = True,
    cache_dir: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    stdin: tuple[str, str] | None = None,
    executor: Executor | None = None,
) -> RunResult:
    """Lint files and folders.

    Parameters:
        stdin: the name and text of a file given on standard input, instead of `paths`.
        executor: where to run checks, instead of processes of this machine.

    Raises:
        MissingPathError: a path does not exist.
        ConfigError: a rule selector means no rule.
    """
    rules = select_rules(config)
    if stdin is not None:
        name, text = stdin
        modules = ProjectModules(Roots.of([name]))
        checked = check_file(name, config, rules, modules, text.encode("utf-8"))
        return _finish({name: checked}, (), config)
    found = discover(paths, config.exclude, config.respect_gitignore)
    problems = tuple(tool_finding("NN002", p, reason) for p, reason in found.problems)
    cache = Cache(cache_dir or Path(FOLDER), config, rules) if use_cache else None
    results: dict[str, FileResult | None] = {}
    for _, display in found.files:
        results[display] = cache.get(os.path.abspath(display)) if cache else None
    waiting = [display for display, result in results.items() if result is None]
    for display, result in check_all(
        waiting, config, Roots.of(paths), jobs=jobs, executor=executor, on_progress=on_progress
    ):
        results[display] = result
        if cache and result.digest:
            remembered = replace(result, consulted=None)
            path = os.path.abspath(display)
            cache.put(path, result.digest, result.consulted or {}, remembered)
    if cache:
        cache.save()
    return _finish({d: r for d, r in results.items() if r is not None}, problems, config)


def _finish(
    results: dict[str, FileResult], problems: tuple[Finding, ...], config: Config
) -> RunResult:
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in (*problems, *(f for r in results.values() for f in r.findings)):
        if finding.filename in results or finding in problems:
            key = (finding.filename, finding.cell, finding.start, finding.code)
            unique.setdefault(key, finding)
    kept = _suppress(unique.values(), results, config)
    kept = [f for f in kept if not _ignored_in_file(f, config)]
    kept.sort(key=lambda f: f.sort_key)
    return RunResult(tuple(kept), tuple(results), any(f.code in FATAL for f in kept))


def _ignored_in_file(finding: Finding, config: Config) -> bool:
    return any(
        any(matches(s, finding.code, finding.name, finding.level) for s in codes)
        and pathspec.PathSpec.from_lines("gitignore", [pattern]).match_file(finding.filename)
        for pattern, codes in config.per_file_ignores
    )


def _suppress(
    findings: Iterable[Finding], results: dict[str, FileResult], config: Config
) -> list[Finding]:
    """Leave out what comments suppress, and report comments that suppress nothing."""
    kept = []
    for finding in findings:
        result = results.get(finding.filename)
        comments = result.comments if result else ()
        if finding.code in FATAL or not _suppressed(finding, comments):
            kept.append(finding)
    for name, result in results.items():
        if result.comments:
            kept += _suppression_findings(name, result.comments, config)
    return kept


def _suppressed(finding: Finding, comments: Iterable[Suppression]) -> bool:
    rows = {finding.start.row, finding.end.row}
    # every comment that means the finding is used, not only the first
    return any(
        [
            c.matches(finding.code, finding.name)
            for c in comments
            if c.whole_file or (c.cell == finding.cell and c.start.row in rows)
        ]
    )


def _suppression_findings(
    name: str, comments: Iterable[Suppression], config: Config
) -> list[Finding]:
    known = {n for r in every_rule() for n in (r.code, r.name)}
    active = {n for r in select_rules(config) for n in (r.code, r.name)}
    found: list[Finding] = []
    for comment in comments:
        for selector in comment.selectors:
            if selector.upper() not in known and selector.lower() not in known:
                text = f"no rule is called `{selector}`: this comment suppresses nothing"
                found.append(_about("NN005", name, comment, text))
            elif (
                comment.ours
                and selector not in comment.used
                and (selector.upper() in active or selector.lower() in active)
            ):
                text = f"`{selector}` is not reported here: the comment can go"
                found.append(_about("NN004", name, comment, text))
        if comment.ours and not comment.selectors and not comment.used:
            text = "nothing is reported here: the comment can go"
            found.append(_about("NN004", name, comment, text))
    return [f for f in found if not _tool_ignored(f, config)]


def _about(code: str, name: str, comment: Suppression, text: str) -> Finding:
    return replace(tool_finding(code, name, text, comment.start), cell=comment.cell)


def _tool_ignored(finding: Finding, config: Config) -> bool:
    level = TOOL[finding.code].level
    selected = not config.select or any(
        matches(s, finding.code, finding.name, level) for s in config.select
    )
    return not selected or any(matches(s, finding.code, finding.name, level) for s in config.ignore)
