"""When Python looks for garbage."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FILES = 400
"""Files after which all that lives is looked through: trees of modules that are dropped with what
was found out about them are garbage that is too old for the young generation."""

_done = itertools.count(1)


@contextmanager
def collected_file_by_file() -> Iterator[Callable[[], object]]:
    """Keep the garbage collector from running in the middle of files; yields what to call
    after each.

    What interpreting a file allocates lives until its end: looking through it again and
    again while it grows took a third of a run.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield _collect
    finally:
        if enabled:
            gc.enable()


@contextmanager
def collected_later() -> Iterator[None]:
    """Have what `collected_file_by_file` would collect collected by `collect_now`, which is to be
    called afterwards: somebody waits for what is found."""
    if gc.isenabled():
        # enabled before that is collected, the collector would run at once
        _paused.append(None)
        gc.disable()
    _waiting.append(None)
    try:
        yield
    finally:
        _waiting.pop()


def collect_now() -> None:
    """Collect what files have left behind."""
    _collect()
    if _paused and not _waiting:
        _paused.clear()
        gc.enable()


_waiting: list[None] = []
_paused: list[None] = []
"""Whether the collector is to be enabled again."""


def _collect() -> None:
    if _waiting:
        return
    # the young generation is what was allocated since the last call
    gc.collect(2 if next(_done) % FILES == 0 else 0)
