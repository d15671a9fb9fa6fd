"""Worker processes that start from scratch, and never in reach of the code that is linted.

What `multiprocessing` starts looks for its modules in the current folder first, where a
linted project may have a `types.py` or `signal.py` of its own.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import IO, Any, ParamSpec, TypeVar

from nnlint.trust import trusted_path

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class ProcessDiedError(Exception):
    """A worker process ended before it gave an answer."""


class Processes(Executor):
    """Runs calls in processes, each started when it is first needed.

    A process that dies costs only the call that it was at, which raises
    `ProcessDiedError`; the next call gets a fresh one.

    Parameters:
        workers: how many there may be.
        linted: files and folders that no process may import from.
    """

    def __init__(self, workers: int, linted: Iterable[str] = ()) -> None:
        self._path = trusted_path(linted)
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()
        self._started: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def submit(
        self,
        fn: Callable[Parameters, Answer],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Future[Answer]:
        """Call a function that can be pickled, as can its arguments and what it returns."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; what they are at comes to nothing unless it is waited for."""
        if not wait:
            self._end_all()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        self._end_all()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """End the processes, at once if there was an error."""
        self.shutdown(wait=error is None, cancel_futures=error is not None)

    def _end_all(self) -> None:
        self._closed = True
        for process in self._started:
            _end(process)

    def _call(self, function: Callable[..., Answer], args: Any, kwargs: Any) -> Answer:
        process = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump((function, args, kwargs), process.stdin)
            process.stdin.flush()
            succeeded, answer = pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self._own.process = None
            _end(process)
            raise ProcessDiedError from error
        if not succeeded:
            raise RuntimeError(answer)
        found: Answer = answer
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        trusted = f"import sys; sys.path[:] = {self._path!a}"
        program = f"{trusted}; from nnlint.processes import serve; serve()"
        options = [f"-Xutf8={sys.flags.utf8_mode}", *["-B"] * bool(sys.dont_write_bytecode)]
        # isolated: neither the current folder nor PYTHONPATH, from the first import on
        process = subprocess.Popen(
            [sys.executable, "-I", *options, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._started.append(process)
        if self._closed:
            _end(process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()


def serve() -> None:
    """Answer the calls on stdin, until there are no more; run in a process of its own."""
    die_on_interrupt()
    requests, answers = _private(0, "rb"), _private(1, "wb")
    # what a rule prints must not get among the answers
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    while True:
        try:
            function, args, kwargs = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(*args, **kwargs)))
        except Exception as error:
            answer = pickle.dumps((False, f"{type(error).__name__}: {error}"))
        answers.write(answer)
        answers.flush()


def _private(descriptor: int, mode: str) -> IO[bytes]:
    stream: IO[bytes] = os.fdopen(os.dup(descriptor), mode)
    return stream


def die_on_interrupt() -> None:
    """End on Ctrl-C, which reaches every process of a terminal, without a word."""
    # only the parent has something to say
    signal.signal(signal.SIGINT, signal.SIG_DFL)
