"""What a probe knows by now, so that there is an answer whenever its time runs out.

A probe that takes long asks `late()` between its steps, and then ends with what it has.
What it would say by now it hands to `so_far`: should a single step take longer than all
the time there is, that is the verdict.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Optional

from .subject import Answer

Tell = Callable[[Answer], None]

_watched: ContextVar[Optional[tuple[float, Tell]]] = ContextVar("watched", default=None)


@contextlib.contextmanager
def watched(seconds: float, tell: Tell) -> Iterator[None]:
    """Let a probe take so many seconds, and pass on what it knows meanwhile."""
    before = _watched.set((time.monotonic() + seconds, tell))
    try:
        yield
    finally:
        _watched.reset(before)


@contextlib.contextmanager
def within(share: float) -> Iterator[None]:
    """Let what follows take a share of the time that is left, so that something is left after."""
    current = _watched.get()
    if current is None:
        yield
        return
    now = time.monotonic()
    before = _watched.set((now + share * max(0.0, current[0] - now), current[1]))
    try:
        yield
    finally:
        _watched.reset(before)


def late() -> bool:
    """Whether the time is up; never where nobody set one, as in tests that call a probe."""
    current = _watched.get()
    return current is not None and time.monotonic() > current[0]


def so_far(answer: Answer) -> None:
    """What the verdict is if nothing more comes."""
    current = _watched.get()
    if current is not None:
        current[1](answer)
