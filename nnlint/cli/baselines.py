"""The baseline of a run: what it knows is left out, what is found no more is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.config import ConfigError
from nnlint.finding import Finding
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.baseline import Baseline
    from nnlint.cli.settings import Settings
    from nnlint.engine import RunResult
    from nnlint.source.discovery import Roots


def without_known(
    result: RunResult, roots: Roots, settings: Settings, options: dict[str, Any]
) -> Sequence[Finding]:
    """The findings that the baseline does not know; its stale entries are told, or taken out.

    Raises:
        ConfigError: there is no baseline to prune, or it cannot be read as one.
        OSError: it cannot be written.
    """
    path = options["baseline"] or settings.config.baseline
    if not path:
        if options["prune_baseline"]:
            raise ConfigError("--prune-baseline needs a baseline: give --baseline FILE")
        return result.findings
    from nnlint.baseline import Baseline

    baseline = Baseline(Path(path))
    fresh = baseline.without(result.findings)
    if not options["shard"]:
        _tell_stale(baseline, path, _judge(result, roots, settings), options)
    return fresh


def write_known(path: str, result: RunResult) -> int:
    """Write the findings of a run as a baseline; returns the exit status."""
    from nnlint.baseline import write_baseline
    from nnlint.report.summary import count

    write_baseline(Path(path), result.findings)
    click.echo(f"wrote {count(len(result.findings), 'finding')} to {plain(path)}", err=True)
    return 2 if result.failed else 0


def _tell_stale(
    baseline: Baseline, path: str, judged: Callable[[str, str], bool], options: dict[str, Any]
) -> None:
    from nnlint.report.summary import count

    stale = baseline.stale(judged)
    entries = count(stale.total(), "entry", "entries")
    if options["prune_baseline"]:
        if stale:
            baseline.prune(stale)
        click.echo(f"took {entries} out of {plain(path)}", err=True)
    elif stale and not options["quiet"]:
        name, code, _ = min(stale)
        of_these = f"{code} in {name}" if stale.total() == 1 else f"such as {code} in {name}"
        click.echo(
            f"warning: {plain(path)}: {entries} found no more ({plain(of_these)}): "
            "--prune-baseline takes out what is gone",
            err=True,
        )


def _judge(result: RunResult, roots: Roots, settings: Settings) -> Callable[[str, str], bool]:
    """Whether a run would have found what an entry stands for, given by its file and code."""
    from nnlint.engine import all_known
    from nnlint.listing import every_name
    from nnlint.selection import is_selected
    from nnlint.silence import FATAL

    names = {os.path.abspath(name): name for name in result.files}
    unread = {os.path.abspath(f.filename) for f in result.findings if f.code in FATAL}
    rules = {rule.code: rule for rule in every_name()}

    def judged(path: str, code: str) -> bool:
        if path not in names or path in unread or not all_known(names[path], roots):
            return False
        rule = rules.get(code)
        return rule is None or is_selected(settings.config_of(Path(path).parent), rule)

    return judged
