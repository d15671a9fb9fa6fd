"""The thread that lints, so that a client is answered meanwhile."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from nnlint.stopping import Stopped, ask_to_stop

Answer = TypeVar("Answer")


class Worker(threading.Thread):
    """Does one thing at a time: what it is given, in order, else what is due again and again.

    Parameters:
        again: what is to be done after each `wake`; it is given up and begun anew when there is
            another meanwhile.
        failed: told of an error of it.
    """

    def __init__(self, again: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        # the process may end while it works
        super().__init__(name="linting", daemon=True)
        self._again = again
        self._failed = failed
        self._changed = threading.Condition()
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._due: float | None = None
        self._is_again = False
        self._ended = False

    def wake(self, delay: float = 0.0) -> None:
        """Have `again` done after some seconds, counted anew with each call."""
        with self._changed:
            self._due = time.monotonic() + delay
            if self._is_again:
                ask_to_stop()
            self._changed.notify()

    def submit(self, job: Callable[[], Answer]) -> Future[Answer]:
        """Have something done before `again`."""
        future: Future[Answer] = Future()
        with self._changed:
            self._jobs.append((job, future))
            self._changed.notify()
        return future

    def end(self) -> None:
        """Do nothing any more; what is under way is given up."""
        with self._changed:
            self._ended = True
            ask_to_stop()
            self._changed.notify()

    def run(self) -> None:
        """Wait for what is to be done, and do it."""
        while True:
            with self._changed:
                while not (self._ended or self._jobs or self._is_due()):
                    left = None if self._due is None else self._due - time.monotonic()
                    self._changed.wait(left)
                if self._ended:
                    return
                job = self._jobs.popleft() if self._jobs else None
                self._is_again = job is None
                if job is None:
                    self._due = None
                ask_to_stop(False)
            if job is None:
                self._do_again()
            else:
                _answer(*job)

    def _is_due(self) -> bool:
        return self._due is not None and self._due <= time.monotonic()

    def _do_again(self) -> None:
        try:
            self._again()
        except Stopped:
            # what came meanwhile is due already
            pass
        except Exception as error:
            self._failed(error)
        finally:
            with self._changed:
                self._is_again = False


def _answer(job: Callable[[], Any], future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except Stopped:
        future.cancel()
    except Exception as error:
        future.set_exception(error)
