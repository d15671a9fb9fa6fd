"""The process that has imported torch, and forks once for each question of a run.

It computes nothing itself and never touches CUDA, which does not survive a fork. Requests
come over a Unix socket, each with the file descriptors that the fork answers on. When a
question ends, for whatever reason, everything that it left running is ended; when the
parent is gone, so are the question, its scratch folder and this process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from typing import Any, NoReturn, Optional

from .leftovers import adopt_orphans, end_children, remove

ASK, END = b"Q", b"E"
"""Fork for the descriptors that come along; end the question that runs."""
_NUMBERS = 3
"""Descriptors of a question: its job, its answers, its errors."""


def main(number: int, scratch: str) -> int:
    """Serve requests until the other side closes.

    Parameters:
        number: descriptor of the socket.
        scratch: the folder of all questions, removed if the parent dies.
    """
    control = socket.socket(fileno=number)
    os.set_inheritable(number, False)
    parent = os.getppid()
    # what daemonises itself becomes a child of this process, and not of init
    adopt_orphans()
    try:
        import torch
    except ImportError as error:
        _tell(control, stage="torch", reason=f"{sys.executable} has no torch: {error}")
        return 0
    torch.set_num_threads(1)
    _import_everything()
    gc.collect()
    # a collection in a fork would copy every page that holds an object
    gc.freeze()
    _tell(control, stage="ready", reason="")
    status = _Template(control).serve()
    if os.getppid() != parent:
        remove(scratch)
    return status


class _Template:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.question: Optional[int] = None
        self.woken, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        os.set_blocking(self.woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)

    def serve(self) -> int:
        while True:
            sources = [self.control.fileno(), self.woken]
            ready, _, _ = select.select(sources, [], [])
            if self.woken in ready:
                os.read(self.woken, 4096)
                self._reap()
            if self.control.fileno() not in ready:
                continue
            try:
                request, numbers, _, _ = socket.recv_fds(self.control, 1, _NUMBERS)
            except OSError:
                request, numbers = b"", []
            if request == ASK:
                self._fork(numbers)
                for number in numbers:
                    os.close(number)
                continue
            self._end()
            if not request:
                end_children()
                return 0

    def _fork(self, numbers: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self.control.close()
            os.close(self.woken)
            os.close(self.waker)
            _become_question(numbers)
        self.question = pid

    def _reap(self) -> None:
        """Note the end of the question; what it left behind is ended with it."""
        if self.question is None:
            return
        pid, status = os.waitpid(self.question, os.WNOHANG)
        if pid:
            self._ended(status)

    def _end(self) -> None:
        if self.question is None:
            return
        os.kill(self.question, signal.SIGKILL)
        _, status = os.waitpid(self.question, 0)
        self._ended(status)

    def _ended(self, status: int) -> None:
        self.question = None
        end_children()
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        _tell(self.control, code=code)


def _become_question(numbers: list[int]) -> NoReturn:
    """The fork: its own session, its descriptors as stdin, stdout and stderr."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for target, number in enumerate(numbers):
            os.dup2(number, target)
        for number in numbers:
            if number > 2:
                os.close(number)
        sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
        serve = importlib.import_module(__package__ + ".serve")
        status = serve.main(forked=True)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # the exit handlers are those of the template
        os._exit(status)


def _import_everything() -> None:
    """Import the runtime once, and not in each fork."""
    package = sys.modules[__package__]
    for found in pkgutil.walk_packages(package.__path__, __package__ + "."):
        importlib.import_module(found.name)


def _tell(control: socket.socket, **fields: Any) -> None:
    try:
        control.sendall(json.dumps(fields).encode() + b"\n")
    except OSError:
        # nobody is there any more; the next request says so
        return
