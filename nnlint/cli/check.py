"""`nnlint check`, the default command."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click

from nnlint.config import FAIL_ON, Config, ConfigError, find_config, load_config
from nnlint.finding import Finding, Stage
from nnlint.report import FORMATS, render


def _selectors(context: click.Context, parameter: click.Parameter, value: Any) -> tuple[str, ...]:
    return tuple(s.strip() for part in value for s in part.split(",") if s.strip())


def _many(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, multiple=True, callback=_selectors, metavar="RULES", help=text)


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@_many("--select", "Report only these rules: codes, prefixes, names, levels or ALL.")
@_many("--extend-select", "Report these rules too.")
@_many("--ignore", "Do not report these rules.")
@click.option(
    "--per-file-ignores",
    multiple=True,
    metavar="PATTERN:RULES",
    help="Do not report rules in files that match.",
)
@click.option(
    "--stage",
    type=click.Choice([s.value for s in Stage]),
    help="Stage of the recipe that the project is in.",
)
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), help="Lowest level that gives exit status 1."
)
@click.option("--output-format", type=click.Choice(FORMATS), help="How to report.")
@click.option("--output-file", type=click.Path(dir_okay=False), help="Write the report there.")
@click.option("--statistics", is_flag=True, help="Count findings by rule instead.")
@click.option("--show-files", is_flag=True, help="List the files that would be linted.")
@click.option("--show-settings", is_flag=True, help="Show the settings in use.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option(
    "--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file."
)
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out matching files too.")
@click.option(
    "--respect-gitignore/--no-respect-gitignore",
    default=None,
    help="Leave out what .gitignore names.",
)
@click.option("--baseline", type=click.Path(dir_okay=False), help="Report only what is not in it.")
@click.option(
    "--write-baseline",
    type=click.Path(dir_okay=False),
    help="Write the findings there, to be left out later.",
)
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@click.option("--cache-dir", type=click.Path(file_okay=False), help="Folder of the cache.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Processes to use.")
@click.option("--stdin-filename", metavar="NAME", help="Name of the file given as `-` on stdin.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Whether to colour the report.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print findings only.")
@click.option("--verbose", "-v", is_flag=True, help="Say what is done, on stderr.")
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Lint PATHS (default: the current folder).

    Exit status: 0 clean, 1 findings, 2 nnlint could not do its job.
    """
    from nnlint.engine import lint
    from nnlint.source.discovery import discover

    given = list(paths) or ["."]
    config = _configured(given, options)
    if options["show_settings"]:
        for name in Config.__slots__:
            click.echo(f"{name.replace('_', '-')} = {getattr(config, name)!r}")
        return 0
    if options["show_files"]:
        for _, display in discover(given, config.exclude, config.respect_gitignore).files:
            click.echo(display)
        return 0
    stdin = None
    if given == ["-"]:
        stdin = (options["stdin_filename"] or "stdin.py", sys.stdin.read())
    started = time.monotonic()
    with _progress(enabled=not options["quiet"]) as on_progress:
        result = lint(
            given,
            config,
            jobs=options["jobs"],
            use_cache=not options["no_cache"],
            cache_dir=Path(options["cache_dir"]) if options["cache_dir"] else None,
            on_progress=on_progress,
            stdin=stdin,
        )
    if options["verbose"]:
        click.echo(f"{len(result.files)} files in {time.monotonic() - started:.2f} s", err=True)
    findings: Sequence[Finding] = result.findings
    if options["write_baseline"]:
        from nnlint.baseline import write_baseline

        write_baseline(Path(options["write_baseline"]), findings)
        click.echo(f"wrote {len(findings)} findings to {options['write_baseline']}", err=True)
        return 0
    if options["baseline"]:
        from nnlint.baseline import without_baseline

        findings = without_baseline(Path(options["baseline"]), findings)
    _output(findings, config.output_format, options, len(result.files))
    return 0 if options["exit_zero"] else _status(findings, config.fail_on, result.failed)


def _status(findings: Sequence[Finding], fail_on: str, failed: bool) -> int:
    if failed:
        return 2
    if fail_on == "never":
        return 0
    severities = ["error", "warning", "advice", "pedantic"]
    limit = severities.index("pedantic" if fail_on == "advice" else fail_on)
    refuted = ("REFUTED",)
    return int(
        any(
            f.level.severity <= limit
            for f in findings
            if f.verdict is None or f.verdict.status not in refuted
        )
    )


def _configured(paths: list[str], options: dict[str, Any]) -> Config:
    config = Config()
    if options["config_file"]:
        config = load_config(Path(options["config_file"]))
    elif not options["isolated"]:
        first = Path(paths[0] if paths[0] != "-" else options["stdin_filename"] or ".").absolute()
        found = find_config(first if first.is_dir() else first.parent)
        config = load_config(found) if found else config
    per_file = []
    for item in options["per_file_ignores"]:
        pattern, separator, rules = item.partition(":")
        if not separator:
            raise ConfigError(f"--per-file-ignores: `{item}` is not PATTERN:RULES")
        per_file.append((pattern, tuple(rules.split(","))))
    return replace(
        config,
        select=options["select"] or config.select,
        extend_select=(*config.extend_select, *options["extend_select"]),
        ignore=(*config.ignore, *options["ignore"]),
        per_file_ignores=(*config.per_file_ignores, *per_file),
        exclude=(*config.exclude, *options["exclude"]),
        respect_gitignore=config.respect_gitignore
        if options["respect_gitignore"] is None
        else options["respect_gitignore"],
        stage=Stage(options["stage"]) if options["stage"] else config.stage,
        fail_on=options["fail_on"] or config.fail_on,
        output_format=options["output_format"] or config.output_format,
    )


def _output(
    findings: Sequence[Finding], format: str, options: dict[str, Any], file_count: int
) -> None:
    if options["statistics"]:
        counts = Counter((f.code, f.name) for f in findings)
        for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"{count:>6}  {code}  {name}")
        return
    if options["output_file"]:
        with open(options["output_file"], "w", encoding="utf-8") as file:
            render(findings, format, stream=file, color=False, file_count=file_count)
        return
    render(
        findings,
        format,
        stream=sys.stdout,
        color=_colored(options["color"], sys.stdout),
        file_count=file_count,
    )


def _colored(wish: str, stream: TextIO) -> bool:
    if wish != "auto":
        return wish == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def _progress(enabled: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, once a run takes longer than a second."""
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    started = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("linting", total=None)

    def update(done: int, total: int) -> None:
        if time.monotonic() - started > 1:
            bar.start()
            bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        bar.stop()
