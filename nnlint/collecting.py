"""When Python looks for garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
        # the young generation is what was allocated since the last call
        yield lambda: gc.collect(0)
    finally:
        if enabled:
            gc.enable()
