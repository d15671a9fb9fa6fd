"""Why data cannot be had, in a line: what was raised, at which row of the user's code, or where it hangs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import traceback
from collections.abc import Iterator
from typing import Any, Optional

from ..causes import REFUSED, cause_of
from ..construction.missing import NOTED

_RAGGED = ("stack expects each tensor to be equal size", "inhomogeneous", "expected sequence of")
_LONGEST = 300


class NoData(Exception):
    """There is no loader, no batch, or no sample; the message says why, in a line."""


class TimeIsUp(BaseException):
    """What `within` raises inside: no handler of the user's is to take it for a fault of data."""


def told(error: BaseException) -> str:
    """An exception in words, with the row of the user's code that raised it."""
    text = f"{type(error).__name__}: {error}"
    known = cause_of(text) or _refusal(error)
    if known is not None:
        return f"{type(error).__name__}: {known[1]}"
    # where an object lies in memory tells nobody anything
    text = re.sub(r" at 0x[0-9a-f]{6,}", "", " ".join(text.split()))[:_LONGEST]
    if "Missing" in text and NOTED:
        text = f"{text}; {NOTED[-1]}"
    if any(words in text for words in _RAGGED):
        text = f"{text}; its samples have several sizes, which takes a `collate_fn`"
    return text + _place(error.__traceback__)


def _refusal(error: BaseException) -> Optional[tuple[str, str]]:
    """What the sandbox refused, where an exception only wraps what it raised."""
    inner, depth = error.__cause__ or error.__context__, 0
    while inner is not None and depth < 10:
        if REFUSED in str(inner):
            return cause_of(str(inner))
        inner, depth = inner.__cause__ or inner.__context__, depth + 1
    return None


def _place(trace: Any) -> str:
    """The user's own row that raised, else the last one of a library other than torch."""
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith((ours, "<"))
        and f"{os.sep}torch{os.sep}" not in frame.filename
    ]
    local = [frame for frame in frames if not _is_installed(frame.filename)]
    if not local:
        local = [frame for frame in frames if "site-packages" in frame.filename]
    return f" ({_shown(local[-1].filename)}:{local[-1].lineno})" if local else ""


def _shown(filename: str) -> str:
    """A path below the current folder as seen from there, of others the name."""
    relative = os.path.relpath(filename)
    inside = not relative.startswith(os.pardir) and "site-packages" not in relative
    return relative if inside else os.path.basename(filename)


def _is_installed(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith(os.path.dirname(os.__file__))


@contextlib.contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """What is inside gets so many seconds; where it was then is said.

    Parameters:
        what: what it did not do by then, as in `the loader gave no batch`.

    Raises:
        NoData: the time is up.
    """
    timer = getattr(signal, "setitimer", None)
    if timer is None or seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_: int, frame: Any) -> None:
        if _imports(frame):
            # a module that is imported by half stays so
            timer(signal.ITIMER_REAL, 0.5)
            return
        while frame is not None and (
            frame.f_code.co_filename.startswith("<") or _is_installed(frame.f_code.co_filename)
        ):
            frame = frame.f_back
        where = f": it is at {_shown(frame.f_code.co_filename)}:{frame.f_lineno}" if frame else ""
        raise TimeIsUp(f"{what} within {seconds:g} s{where}")

    before = signal.signal(signal.SIGALRM, ring)
    timer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except TimeIsUp as error:
        raise NoData(str(error)) from None
    finally:
        timer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _imports(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
