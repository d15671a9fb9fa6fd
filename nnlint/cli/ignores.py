"""`--add-ignore`: comments beside findings, written into the files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.config import ConfigError
from nnlint.finding import Finding
from nnlint.fixing import REMARKS
from nnlint.ignoring import commented
from nnlint.report.concise import place
from nnlint.report.summary import count
from nnlint.silence import FATAL
from nnlint.source.file import SourceError
from nnlint.source.reading import content_hash, read_bytes
from nnlint.source.rewrite import RewriteError, check_replaceable, replace_file
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.engine import RunResult
    from nnlint.source.discovery import Roots


def add_ignores(
    findings: Sequence[Finding], result: RunResult, roots: Roots, options: dict[str, Any]
) -> int:
    """Write a comment beside each finding that it is to be ignored; returns the exit status.

    Raises:
        ConfigError: the reason is no line of text.
    """
    reason = (options["reason"] or "").strip()
    if plain(reason) != reason or "#" in reason:
        raise ConfigError("--reason is to be one line of text without `#`")
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.code not in FATAL | REMARKS:
            by_file.setdefault(finding.filename, []).append(finding)
    added, files, failed = 0, 0, result.failed
    for filename, found in by_file.items():
        try:
            left = _write(filename, found, result, roots, reason)
        except (RewriteError, SourceError, OSError) as error:
            failed = True
            why = getattr(error, "strerror", None) or error
            click.echo(f"error: {plain(f'{filename} is not changed: {why}')}", err=True)
            continue
        for finding in left:
            where = plain(f"{place(finding)}: {finding.code} {finding.name}")
            click.echo(f"warning: {where} has no place for a comment", err=True)
        added += len(found) - len(left)
        files += len(left) < len(found)
    where = count(files, "file")
    click.echo(f"{count(added, 'finding')} in {where} told to be ignored", err=True)
    return 2 if failed else 0


def _write(
    filename: str, findings: list[Finding], result: RunResult, roots: Roots, reason: str
) -> list[Finding]:
    """Write comments into a file; returns the findings that have no place for one."""
    path = Path(os.path.abspath(filename))
    check_replaceable(path, [top for top, _ in roots.pairs])
    raw = read_bytes(path)
    if content_hash(raw) != result.digests.get(filename):
        raise RewriteError("it was changed since it was linted")
    made, left = commented(raw, filename, findings, reason)
    if made != raw:
        replace_file(path, raw, made)
    return left
