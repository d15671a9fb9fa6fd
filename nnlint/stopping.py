"""Work that is given up while it is done, since its answer is of no use any more."""

from __future__ import annotations


class Stopped(BaseException):
    """What was being done is given up; no handler of errors is to take it for one."""


class _Wish:
    asked = False


_wish = _Wish()


def ask_to_stop(wanted: bool = True) -> None:
    """Ask the interpretation that is under way, in whatever thread, to end; or take it back."""
    _wish.asked = wanted


def stop_if_asked() -> None:
    """End here if that is asked for.

    Raises:
        Stopped: it is.
    """
    if _wish.asked:
        raise Stopped
