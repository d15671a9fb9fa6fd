"""What a question can leave behind, and how it is cleared away: processes and folders."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import threading

_SUBREAPER, _DEATH_SIGNAL = 36, 1


def adopt_orphans() -> bool:
    """Let orphans among the descendants of this process become its children, on Linux."""
    return _prctl(_SUBREAPER, 1)


def die_with_parent() -> None:
    """End this process when the one that started it ends, where the kernel can."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def die_with_stdin(scratch: str) -> None:
    """End this process and its group when stdin closes: the parent holds the other end."""

    def watch() -> None:
        while os.read(0, 4096):
            continue
        remove(scratch)
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_children() -> None:
    """End all children, and those of theirs that come to this process when they end."""
    while True:
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """The processes whose parent is this one."""
    own = str(os.getpid())
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the name of the program is in parentheses and may hold anything
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if len(fields) > 1 and fields[1].decode() == own:
            found.append(int(name))
    return found


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, also what its owner may not read."""
    for place, _, _ in os.walk(folder):
        for name in (place, *(e.path for e in _entries(place))):
            if not os.path.islink(name):
                try:
                    os.chmod(name, 0o700)
                except OSError:
                    continue
    shutil.rmtree(folder, ignore_errors=True)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        return [e for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
