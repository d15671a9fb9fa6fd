"""`nnlint check`, the default command."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.baselines import without_known, write_known
from nnlint.cli.machines import cluster, shard_of
from nnlint.cli.options import GroupedCommand, check_combination, check_options
from nnlint.cli.settings import Settings, settings_of, shown_settings
from nnlint.config import WITH_EDITS, WITHOUT_FIXES
from nnlint.finding import Finding
from nnlint.report import Report
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.engine import Linter, RunResult
    from nnlint.fixing import Outcome
    from nnlint.offering import Offers
    from nnlint.source.discovery import Discovery, Roots


@click.command(cls=GroupedCommand, short_help="Lint files and folders; the default command.")
@click.argument("paths", nargs=-1, type=click.Path())
@check_options
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Lint PATHS (default: the current folder; `-` reads one file from stdin).

    Exit status: 0 clean, 1 findings, 2 nnlint could not do its job.
    """
    check_combination(paths, options)
    # a diff shows what would be written and writes nothing
    options["fix"] = (options["fix"] or options["fix_only"]) and not options["diff"]
    if options["watch"]:
        from nnlint.cli.watch import watch

        return watch(paths or ["."], lambda: _run(paths, options))
    return _run(paths, options)


def _run(paths: Sequence[str], options: dict[str, Any]) -> int:
    """Lint once; returns the exit status."""
    settings = settings_of(list(paths) or ["."], options)
    if options["show_settings"]:
        click.echo(shown_settings(settings), nl=False)
        return 0
    from nnlint.cli.output import write_report
    from nnlint.cli.progress import progress_bar
    from nnlint.engine import Linter

    started = time.monotonic()
    shard = shard_of(options)
    cache = None if options["no_cache"] else _cache_dir(settings)
    with (
        progress_bar(enabled=not options["quiet"]) as on_progress,
        cluster(options["executor"]) as (executor, cores),
    ):
        linter = Linter(
            settings.config_of,
            jobs=options["jobs"] or cores,
            cache_dir=cache,
            on_progress=on_progress,
            executor=executor,
            follows_edits=False,
        )
        found, overlay = _input(linter, settings, options)
        if options["show_files"]:
            click.echo("".join(f"{plain(name)}\n" for name in found.files), nl=False)
            return 0
        for remark in dict.fromkeys(found.remarks):
            click.echo(f"warning: {plain(remark)}", err=True)
        if options["merge"]:
            from nnlint.sharding import read_results

            linter.learn(found, read_results([Path(name) for name in options["merge"]]))
        part = shard.part(found.files) if shard else None
        fixed = None
        if options["fix"] or options["diff"]:
            from nnlint.cli.fixes import fix_files

            fixed = fix_files(linter, found, overlay, settings, options)
        linted = fixed.result if fixed else linter.run(found, overlay, part)
        if options["write_results"]:
            from nnlint.sharding import write_results

            known = linter.known(found, found.files if part is None else part)
            write_results(Path(options["write_results"]), known)
        by_now = {**overlay, **fixed.contents} if fixed else overlay
        offers = fixed.offers if fixed else None
        result = _with_problems(linted, settings)
        findings: Sequence[Finding] = ()
        reports = not (options["diff"] or options["write_baseline"])
        # to try fixes, and to tell what is told once, takes all files
        tells_fixes = reports and shard is None and _tells_fixes(settings, options)
        if reports:
            findings = without_known(result, found.roots, settings, options)
            if options["add_ignore"]:
                from nnlint.cli.ignores import add_ignores

                return add_ignores(findings, result, found.roots, options)
            if options["diff_base"] is not None:
                findings = _on_changed_lines(findings, settings, options["diff_base"])
            if not options["verify"]:
                findings = _gathered(findings, result, options, by_now)
        if tells_fixes and any(finding.fix for finding in findings):
            from nnlint.fixing import offered
            from nnlint.offering import Offers

            offers = offers or Offers()
            findings = offered(linter, found, by_now, linted, offers, findings)
    _remarks(result, found.roots, settings, time.monotonic() - started, options)
    if fixed and options["show_fixes"]:
        from nnlint.cli.fixes import show_fixes

        show_fixes(fixed, written=not options["diff"])
    if options["fix_only"] and fixed and not options["diff"]:
        _tell_unparsed(offers)
        return 2 if result.failed else int(options["exit_non_zero_on_fix"] and bool(fixed.fixed))
    if options["diff"]:
        _tell_unparsed(offers)
        return 2 if result.failed else int(bool(fixed and fixed.contents))
    if options["write_baseline"]:
        return write_known(options["write_baseline"], result)
    if options["verify"]:
        findings = _verified(findings, settings, options, fixed)
        findings = _gathered(findings, result, options, by_now)
    status = 0 if options["exit_zero"] else _status(findings, settings, result.failed)
    if fixed and fixed.fixed and options["exit_non_zero_on_fix"]:
        status = max(status, 1)
    if offers is not None and tells_fixes and settings.config.output_format in WITH_EDITS:
        findings = offers.shown(findings, by_now)
    _tell_unparsed(offers)
    result = replace(result, findings=tuple(findings))
    # the fixed text of a file from stdin has taken stdout
    stream = sys.stderr if fixed and overlay else sys.stdout
    report = _report(result, options["quiet"], overlay, fixed)
    write_report(report, settings.config.output_format, options, stream)
    return status


def _on_changed_lines(
    findings: Sequence[Finding], settings: Settings, revision: str
) -> Sequence[Finding]:
    """The findings that speak of what has changed, and those that say what was not linted."""
    from nnlint.revisions import ChangedLines
    from nnlint.silence import FAILED

    first = Path(os.path.abspath(settings.paths[0]))
    changed = ChangedLines(revision, first if first.is_dir() else first.parent)
    return [f for f in findings if f.code in FAILED or changed.has(f)]


def _gathered(
    findings: Sequence[Finding],
    result: RunResult,
    options: dict[str, Any],
    texts: Mapping[str, bytes],
) -> Sequence[Finding]:
    """The findings with those that say the same told once, unless every place is counted."""
    if options["statistics"] or options["shard"]:
        return findings
    from nnlint.gathering import gathered

    return gathered(findings, result.passed, texts)


def _tells_fixes(settings: Settings, options: dict[str, Any]) -> bool:
    """Whether a report says what can be fixed, which takes trying the fixes in memory."""
    if options["fix_only"]:
        return False
    return options["statistics"] or settings.config.output_format not in WITHOUT_FIXES


def _tell_unparsed(offers: Offers | None) -> None:
    if offers is None or not offers.unparsed:
        return
    from nnlint.report.summary import count

    first, more = min(offers.unparsed), len(offers.unparsed) - 1
    others = f" and {count(more, 'other file')}" if more else ""
    click.echo(f"warning: no fixes for {plain(first)}{others}: LibCST cannot parse it", err=True)


def _cache_dir(settings: Settings) -> Path | None:
    from nnlint.project.cache import refusal

    refused = refusal(settings.cache_dir)
    if refused:
        click.echo(f"warning: results are not remembered: {plain(refused)}", err=True)
    return None if refused else settings.cache_dir


def _verified(
    findings: Sequence[Finding],
    settings: Settings,
    options: dict[str, Any],
    fixed: Outcome | None,
) -> Sequence[Finding]:
    """The findings with verdicts; those that were asked about before fixing keep theirs."""
    from nnlint.baseline import identity
    from nnlint.cli.verification import asked

    known = fixed.verdicts if fixed else {}
    told = [replace(f, verdict=known.get(identity(f))) for f in findings]
    fresh = [f for f in told if f.verdict is None]
    if fixed is not None and not fixed.contents:
        return told
    with asked(fresh, settings, options) as (verified, _):
        answers = iter(verified.findings)
        return [next(answers) if f.verdict is None else f for f in told]


def _input(
    linter: Linter, settings: Settings, options: dict[str, Any]
) -> tuple[Discovery, dict[str, bytes]]:
    """The files to lint, and the content of the one given on stdin."""
    if settings.paths != ["-"]:
        return linter.discover(settings.paths, options["force_exclude"]), {}
    from nnlint.source.discovery import Discovery

    name = options["stdin_filename"] or "stdin.py"
    raw = sys.stdin.buffer.read()
    return Discovery.of_file(name), {os.path.abspath(name): raw}


def _with_problems(result: RunResult, settings: Settings) -> RunResult:
    from nnlint.engine import config_problems

    problems = config_problems(settings.files)
    if not problems:
        return result
    findings = sorted([*problems, *result.findings], key=lambda f: f.sort_key)
    return replace(result, findings=tuple(findings), failed=True)


def _remarks(
    result: RunResult, roots: Roots, settings: Settings, seconds: float, options: dict[str, Any]
) -> None:
    if not result.files and not options["quiet"]:
        click.echo(f"warning: no Python files under {plain(' '.join(settings.paths))}", err=True)
    if options["verbose"]:
        from nnlint.report.summary import count

        for crash in (f for f in result.findings if f.code == "NN007" and f.explanation):
            told = f"{plain(crash.filename)}: {plain(crash.message)}\n"
            click.echo(told + plain(crash.explanation, lines=True), err=True)

        origin = plain(settings.config.origin or "none, defaults")
        click.echo(f"configuration: {origin}", err=True)
        click.echo(
            f"{count(len(result.files), 'file')} in {seconds:.2f} s, "
            f"{result.took_part} with PyTorch",
            err=True,
        )
        _tell_lost_imports(result, roots, settings)


def _tell_lost_imports(result: RunResult, roots: Roots, settings: Settings) -> None:
    from nnlint.nowhere import lost_imports
    from nnlint.report.summary import count

    lost = lost_imports(result.files, roots, settings.config.src)
    for one in lost:
        others = f" and {count(one.files - 1, 'other file')}" if one.files > 1 else ""
        told = f"{one.name} is imported and not found: {one.filename}:{one.row}{others}"
        click.echo(plain(told), err=True)
    if lost:
        click.echo("`src` in the configuration names folders that imports start from", err=True)


def _status(findings: Sequence[Finding], settings: Settings, failed: bool) -> int:
    fail_on = settings.config.fail_on
    if failed:
        return 2
    if fail_on == "never":
        return 0
    severities = ["error", "warning", "advice", "pedantic"]
    limit = severities.index("pedantic" if fail_on == "advice" else fail_on)
    return int(any(f.level.severity <= limit for f in findings if not f.taken_back))


def _report(
    result: RunResult, quiet: bool, overlay: dict[str, bytes], fixed: Outcome | None
) -> Report:
    texts = {**overlay, **(fixed.contents if fixed else {})}
    return Report(
        result.findings,
        files=len(result.files),
        took_part=result.took_part,
        fixed=len(fixed.fixed) if fixed else 0,
        quiet=quiet,
        texts={n: texts[p] for n in result.files if (p := os.path.abspath(n)) in texts},
    )
