"""`--watch`: lint again whenever a file changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from nnlint.config import ConfigError
from nnlint.source.discovery import ALWAYS_EXCLUDED, SUFFIXES, MissingPathError
from nnlint.text import plain

SETTINGS = ("pyproject.toml", "nnlint.toml", ".gitignore")
"""Files besides source whose change may change what is reported."""


def watch(paths: Sequence[str], lint: Callable[[], int]) -> int:
    """Lint, and lint again after each change, until the user interrupts.

    Parameters:
        lint: one run.

    Raises:
        ConfigError: watchfiles is not installed, or there is nothing to watch.
    """
    try:
        import watchfiles
    except ImportError as error:
        raise ConfigError("--watch needs watchfiles: `pip install nnlint[watch]`") from error
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        raise ConfigError(f"--watch: {missing}: no such file or directory")
    try:
        _round(lint)
        for _ in watchfiles.watch(*paths, watch_filter=_filter(paths)):
            _round(lint)
    except KeyboardInterrupt:
        click.echo("", err=True)
    return 0


def _round(lint: Callable[[], int]) -> None:
    if sys.stdout.isatty():
        click.clear()
    try:
        lint()
        sys.stdout.flush()
    except (ConfigError, MissingPathError, click.ClickException) as error:
        # it may be mended with the next change
        told = error.message if isinstance(error, click.ClickException) else str(error)
        click.echo(f"error: {plain(told)}", err=True)
    click.echo("watching for changes, Ctrl+C ends", err=True)


def _filter(paths: Sequence[str]) -> Callable[[object, str], bool]:
    """What tells whether a changed file may change what is reported."""
    tops = [os.path.realpath(path) for path in paths]

    def matters(change: object, path: str) -> bool:
        place = Path(os.path.realpath(path))
        if place.name not in SETTINGS and not place.name.endswith(SUFFIXES):
            return False
        below = [place.relative_to(top).parts for top in tops if place.is_relative_to(top)]
        return any(not any(part in ALWAYS_EXCLUDED for part in parts) for parts in below)

    return matters
