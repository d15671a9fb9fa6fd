"""The progress bar."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

PATIENCE = 1.0
"""Seconds after which a run is long enough for a bar."""


@contextlib.contextmanager
def progress_bar(
    enabled: bool, what: str = "Linting"
) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, once a run takes longer than a second."""
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(what)
    try:
        yield bar.update
    finally:
        bar.stop()


class _Bar:
    def __init__(self, what: str) -> None:
        self._what = what
        self._started = time.monotonic()
        self._stop: Callable[[], None] | None = None
        self._show: Callable[[int, int], None] = lambda done, total: None

    def update(self, done: int, total: int) -> None:
        """Told how many files are done, of how many."""
        if time.monotonic() - self._started > PATIENCE:
            if self._stop is None:
                self._open()
            self._show(done, total)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        bar = Progress(
            TextColumn(self._what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("files" if self._what == "Linting" else ""),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task("", total=None)
        bar.start()
        self._stop = bar.stop
        self._show = lambda done, total: bar.update(task, completed=done, total=total)

    def stop(self) -> None:
        """Remove the bar."""
        if self._stop:
            self._stop()
