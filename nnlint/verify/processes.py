"""The processes that run models: forks of one that has imported torch, where the platform can."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, NoReturn

from nnlint.verify.runtime.leftovers import remove

WORKER = Path(__file__).with_name("worker.py")
FORKING = sys.platform.startswith("linux")
"""Elsewhere fork is not there, or not safe beside the system's own threads."""
PATIENCE = 10.0
"""Seconds in which a question must be ended once that is asked for."""
SHORTEST_START = 60.0
"""Seconds that importing torch may take at least."""


class NotStarted(Exception):
    """No process could be had; `stage` and the message say why."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


@dataclass(slots=True)
class Question:
    """One process at work on one job."""

    job: IO[bytes]
    """Where its job is written; it ends itself when this closes."""
    answers: IO[bytes]
    errors: IO[bytes]
    scratch: str
    """A folder of its own."""
    code: int | None = None
    """How it ended: an exit status, or minus the number of a signal."""


class Workers:
    """What answers the questions of a run, one after the other.

    On Linux one process imports torch, and each question is a fork of it: a crash loses one
    question, an import is paid once. Elsewhere each question is a process of its own. When
    this is closed, or its process ends in whatever way, nothing of them is left.
    """

    def __init__(self, python: str, start_timeout: float = SHORTEST_START) -> None:
        self.python = python
        self._start_timeout = max(start_timeout, SHORTEST_START)
        self._template: _Template | None = None
        self._alone = not FORKING
        self._folder: str | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Workers:
        """Signals that end this process let it clean up first."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def close(self) -> None:
        """End everything."""
        if self._template is not None:
            self._template.close()
            self._template = None
        if self._folder is not None:
            remove(self._folder)
            self._folder = None

    @contextlib.contextmanager
    def question(self) -> Iterator[Question]:
        """A process that waits for its job; whatever happens, it is gone afterwards.

        Raises:
            NotStarted: there is no such interpreter, or it has no torch.
        """
        scratch = tempfile.mkdtemp(dir=self._scratch())
        try:
            template = self._ready()
            if template is None:
                yield from _on_its_own(self.python, scratch)
            else:
                yield from template.question(scratch)
        finally:
            if self._template is not None and self._template.lost:
                self._template.close()
                self._template = None
            remove(scratch)

    def _scratch(self) -> str:
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="nnlint-verify-")
        return self._folder

    def _ready(self) -> _Template | None:
        """The process to fork from; none where each question is a process of its own."""
        if self._template is None and not self._alone:
            try:
                self._template = _Template(self.python, self._scratch(), self._start_timeout)
            except NotStarted as error:
                if error.stage != "template":
                    raise
                # an interpreter behind a wrapper may not get at our socket
                self._alone = True
        return self._template


class _Template:
    """The parent's side of runtime/template.py."""

    def __init__(self, python: str, scratch: str, timeout: float) -> None:
        self.lost = False
        self._control, other = socket.socketpair()
        try:
            self._process = _started(
                [python, str(WORKER), "template", str(other.fileno()), scratch],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
            )
        except NotStarted:
            self._control.close()
            raise
        finally:
            other.close()
        self._lines = self._control.makefile("rb")
        told = self._told(timeout)
        if told.get("stage") != "ready":
            self.close()
            raise NotStarted(told.get("stage", "template"), str(told.get("reason")))

    def question(self, scratch: str) -> Iterator[Question]:
        """Fork for one question, and see that it ends."""
        ours: list[IO[bytes]] = []
        theirs: list[int] = []
        try:
            for writes in (True, False, False):
                reading, writing = os.pipe()
                theirs.append(reading if writes else writing)
                ours.append(os.fdopen(writing if writes else reading, "wb" if writes else "rb"))
            try:
                socket.send_fds(self._control, [b"Q"], theirs)
            except OSError:
                self.lost = True
                raise NotStarted("start", "the process that starts workers has ended") from None
            finally:
                for number in theirs:
                    os.close(number)
            question = Question(ours[0], ours[1], ours[2], scratch)
            try:
                yield question
            finally:
                self._end(question)
        finally:
            for stream in ours:
                with contextlib.suppress(OSError):
                    stream.close()

    def _end(self, question: Question) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(b"E")
        told = self._told(PATIENCE)
        question.code = told.get("code")
        self.lost = question.code is None

    def _told(self, timeout: float) -> dict[str, Any]:
        """The next message; none when the template is gone or says nothing."""
        self._control.settimeout(timeout)
        try:
            line = self._lines.readline()
            return dict(json.loads(line)) if line else {}
        except (OSError, ValueError):
            return {}
        finally:
            self._control.settimeout(None)

    def close(self) -> None:
        """Let it end what is left, and end it."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(1.0 if self.lost else PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()


def _on_its_own(python: str, scratch: str) -> Iterator[Question]:
    process = _started(
        [python, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None and process.stderr is not None
    question = Question(process.stdin, process.stdout, process.stderr, scratch)
    try:
        yield question
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        question.code = process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                stream.close()


def _started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    try:
        return subprocess.Popen(
            command, env=environment, start_new_session=os.name == "posix", **options
        )
    except OSError as error:
        raise NotStarted("start", f"{command[0]} cannot be started: {error.strerror}") from None


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
