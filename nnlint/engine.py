"""Orchestrates a run: discover, analyse, check, suppress, remember."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import pathspec

from nnlint.config import Config
from nnlint.context import Reporter
from nnlint.finding import Finding, Position
from nnlint.project.cache import FOLDER, Cache
from nnlint.project.ecosystem import takes_part
from nnlint.project.modules import ProjectModules, content_hash
from nnlint.registry import TOOL_RULES, every_rule, matches, select_rules
from nnlint.rule import Calls, Programs, Rule
from nnlint.source.discovery import discover
from nnlint.source.file import SourceError, SourceFile, read_source
from nnlint.source.suppression import Suppression, read_suppressions
from nnlint.syntax.module import ModuleSyntax

SMALL_RUN = 24
"""Files below which starting worker processes costs more than it saves."""
FATAL = frozenset({"NN001", "NN002", "NN003", "NN006", "NN007"})
"""Findings that say the tool could not do its job."""
TOOL = {tool.code: tool for tool in TOOL_RULES}


@dataclass(frozen=True, slots=True)
class FileResult:
    """What checking one file found; findings may lie in other files of the project."""

    findings: tuple[Finding, ...]
    consulted: dict[str, str]


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
        raw = text.encode("utf-8")
        checked = check_file(name, raw, config, rules, {})
        return _finish([name], [checked], (), config, {name: raw})
    found = discover(paths, config.exclude, config.respect_gitignore)
    displays = {os.path.abspath(path): display for path, display in found.files}
    problems = tuple(_tool_finding("NN002", p, reason) for p, reason in found.problems)
    cache = Cache(cache_dir or Path(FOLDER), config, rules) if use_cache else None
    results: list[FileResult] = []
    waiting: list[tuple[str, bytes]] = []
    raws: dict[str, bytes] = {}
    for path, display in found.files:
        try:
            raw = path.read_bytes()
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            results.append(FileResult((_tool_finding("NN002", display, reason),), {}))
            continue
        raws[display] = raw
        known = cache.get(display, content_hash(raw)) if cache else None
        if known is not None:
            results.append(known)
        else:
            waiting.append((display, raw))
    for display, result in _check_all(
        waiting, config, rules, displays, jobs, executor, on_progress
    ):
        results.append(result)
        if cache:
            cache.put(display, content_hash(raws[display]), result.consulted, result)
    if cache:
        cache.save()
    return _finish([d for _, d in found.files], results, problems, config, raws)


def _check_all(
    waiting: list[tuple[str, bytes]],
    config: Config,
    rules: tuple[Rule, ...],
    displays: dict[str, str],
    jobs: int | None,
    executor: Executor | None,
    on_progress: Callable[[int, int], None] | None,
) -> Iterable[tuple[str, FileResult]]:
    workers = jobs or os.cpu_count() or 1
    done = 0
    if executor is None and (workers == 1 or len(waiting) < SMALL_RUN):
        modules = ProjectModules(displays)
        for display, raw in waiting:
            yield display, check_file(display, raw, config, rules, displays, modules)
            done += 1
            if on_progress:
                on_progress(done, len(waiting))
        return
    pool = executor or ProcessPoolExecutor(workers)
    try:
        size = max(1, min(32, len(waiting) // (workers * 4)))
        batches = [waiting[i : i + size] for i in range(0, len(waiting), size)]
        futures = {pool.submit(_check_batch, b, config, displays): b for b in batches}
        for future in as_completed(futures):
            batch = futures[future]
            try:
                outcome = future.result()
            except Exception as error:
                # a worker that died takes its batch along, not the run
                message = f"the process that checked this file ended: {type(error).__name__}"
                outcome = [
                    (d, FileResult((_tool_finding("NN007", d, message),), {})) for d, _ in batch
                ]
            yield from outcome
            done += len(batch)
            if on_progress:
                on_progress(done, len(waiting))
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)


_worker_modules: ProjectModules | None = None


def _check_batch(
    batch: list[tuple[str, bytes]], config: Config, displays: dict[str, str]
) -> list[tuple[str, FileResult]]:
    global _worker_modules
    if _worker_modules is None:
        _worker_modules = ProjectModules(displays)
    rules = select_rules(config)
    return [
        (display, check_file(display, raw, config, rules, displays, _worker_modules))
        for display, raw in batch
    ]


def check_file(
    display: str,
    raw: bytes,
    config: Config,
    rules: Iterable[Rule],
    displays: dict[str, str],
    modules: ProjectModules | None = None,
) -> FileResult:
    """Check one file: every finding that its interpretation leads to."""
    path = Path(display)
    is_notebook = display.endswith(".ipynb")
    modules = modules or ProjectModules(displays)
    modules.consulted = {}
    try:
        if not takes_part(raw, is_notebook):
            _check_readable(path, display, raw)
            return FileResult((), {})
        module = modules.parse(path, raw)
    except SourceError as error:
        return FileResult((_source_finding(display, error),), {})
    broken = [_source_finding(display, error) for error in module.broken]
    findings = _run_rules(module, modules, config, rules)
    return FileResult((*broken, *findings), dict(modules.consulted))


def _source_finding(display: str, error: SourceError) -> Finding:
    finding = _tool_finding(error.code, display, error.message, error.position)
    return replace(finding, cell=error.cell)


def _check_readable(path: Path, display: str, raw: bytes) -> None:
    """A file that takes no part is only looked at as far as costs little.

    Raises:
        SourceError: it is no text.
    """
    if not raw.isascii() or b"\0" in raw:
        read_source(path, display, raw)


def _run_rules(
    module: ModuleSyntax, modules: ProjectModules, config: Config, rules: Iterable[Rule]
) -> list[Finding]:
    from nnlint.semantics.analysis import analyse

    display = module.source.display
    reporter = Reporter(config.stage)
    try:
        analysis = analyse(module, modules.load)
    except Exception as error:
        return [
            _tool_finding("NN007", display, f"cannot be analysed: {type(error).__name__}: {error}")
        ]
    operations = list(analysis.operations)
    crashes: list[Finding] = []
    for rule in rules:
        reporter.rule = rule
        try:
            for subscription in rule.on:
                if isinstance(subscription, Programs):
                    for program in analysis.programs:
                        if program.is_entry or not subscription.entry_only:
                            rule.check(program, reporter)
                else:
                    for operation in operations:
                        if _subscribed(subscription, operation.entry.kind, operation.entry.family):
                            rule.check(operation, reporter)
        except Exception as error:
            message = (
                f"rule {rule.name} crashed: {type(error).__name__}: {error}; "
                "please report it with this file"
            )
            crashes.append(_tool_finding("NN007", display, message))
    return [*reporter.findings.values(), *crashes]


def _subscribed(calls: Calls, kind: str, family: str) -> bool:
    return (not calls.kinds or kind in calls.kinds) and (
        not calls.families or family in calls.families
    )


def _finish(
    files: list[str],
    results: Iterable[FileResult],
    problems: tuple[Finding, ...],
    config: Config,
    raws: dict[str, bytes],
) -> RunResult:
    linted = set(files)
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in (*problems, *(f for r in results for f in r.findings)):
        if finding.filename in linted or finding in problems:
            key = (finding.filename, finding.cell, finding.start, finding.code)
            unique.setdefault(key, finding)
    kept = _suppress(list(unique.values()), raws, config)
    kept = [f for f in kept if not _ignored_in_file(f, config)]
    kept.sort(key=lambda f: f.sort_key)
    return RunResult(tuple(kept), tuple(files), any(f.code in FATAL for f in kept))


def _ignored_in_file(finding: Finding, config: Config) -> bool:
    return any(
        any(matches(s, finding.code, finding.name, finding.level) for s in codes)
        and pathspec.PathSpec.from_lines("gitignore", [pattern]).match_file(finding.filename)
        for pattern, codes in config.per_file_ignores
    )


def _suppress(findings: list[Finding], raws: dict[str, bytes], config: Config) -> list[Finding]:
    """Leave out what comments suppress, and report comments that suppress nothing."""
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.filename, []).append(finding)
    kept: list[Finding] = []
    for name, raw in raws.items():
        lowered = raw.lower()
        if b"nnlint:" not in lowered and b"noqa" not in lowered:
            kept += by_file.pop(name, [])
            continue
        try:
            source = read_source(Path(name), name, raw)
        except SourceError:
            continue
        comments = read_suppressions(source)
        for finding in by_file.pop(name, []):
            if finding.code in FATAL or not _suppressed(finding, comments, source):
                kept.append(finding)
        kept += _suppression_findings(name, comments, source, config)
    return [*kept, *(f for rest in by_file.values() for f in rest)]


def _suppressed(finding: Finding, comments: list[Suppression], source: SourceFile) -> bool:
    offset = _cell_offset(finding, source)
    rows = {finding.start.row + offset, finding.end.row + offset}
    return any(
        [c.matches(finding.code, finding.name) for c in comments if c.whole_file or c.row in rows]
    )


def _cell_offset(finding: Finding, source: SourceFile) -> int:
    for cell in source.cells or ():
        if cell.number == finding.cell:
            return cell.first_row - 1
    return 0


def _suppression_findings(
    name: str, comments: list[Suppression], source: SourceFile, config: Config
) -> list[Finding]:
    known = {n for r in every_rule() for n in (r.code, r.name)}
    active = {n for r in select_rules(config) for n in (r.code, r.name)}
    found: list[Finding] = []
    for comment in comments:
        cell, start = source.position(comment.row, comment.column)
        for selector in comment.selectors:
            if selector.upper() not in known and selector.lower() not in known:
                text = f"no rule is called `{selector}`: this comment suppresses nothing"
                found.append(replace(_tool_finding("NN005", name, text, start), cell=cell))
            elif (
                comment.ours
                and selector not in comment.used
                and (selector.upper() in active or selector.lower() in active)
            ):
                text = f"`{selector}` is not reported here: the comment can go"
                found.append(replace(_tool_finding("NN004", name, text, start), cell=cell))
        if comment.ours and not comment.selectors and not comment.used:
            text = "nothing is reported here: the comment can go"
            found.append(replace(_tool_finding("NN004", name, text, start), cell=cell))
    return [f for f in found if not _tool_ignored(f, config)]


def _tool_ignored(finding: Finding, config: Config) -> bool:
    level = TOOL[finding.code].level
    selected = not config.select or any(
        matches(s, finding.code, finding.name, level) for s in config.select
    )
    return not selected or any(matches(s, finding.code, finding.name, level) for s in config.ignore)


def _tool_finding(
    code: str, filename: str, message: str, position: Position = Position(1, 1)
) -> Finding:
    tool = TOOL[code]
    return Finding(
        code, tool.name, tool.level, message, filename, position, position, noqa_row=position.row
    )
