"""Limits on what a model under test may do by accident.

It is no security boundary: native code and a determined program get around it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any, Optional

_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.listen")
_PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
)
_REMOVALS = (
    "os.remove",
    "os.rmdir",
    "os.rename",
    "shutil.rmtree",
    "os.truncate",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.mkdir",
    "shutil.move",
)
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
LARGEST_FILE = 256 * 2**20
MOST_FILES = 512


def limit_resources(memory: Optional[int], cpu: Optional[int]) -> None:
    """Set limits on memory, CPU time, file size and open files, where there are any.

    Parameters:
        memory: bytes of address space; leave it out where CUDA runs, which reserves more.
        cpu: seconds of CPU time.
    """
    try:
        import resource
    except ImportError:
        return
    wishes = [
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ]
    wishes += [(resource.RLIMIT_AS, memory)] if memory else []
    wishes += [(resource.RLIMIT_CPU, cpu)] if cpu else []
    for kind, value in wishes:
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (ceiling, hard))
        except (ValueError, OSError):
            # a limit that the platform does not let us set is one guard less
            continue


def leave_network() -> bool:
    """Enter a network namespace of its own, where the platform allows; before any thread."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) == 0:
            return True
        user, group = os.getuid(), os.getgid()
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return False
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        return True
    except (OSError, AttributeError):
        return False


class Guard:
    """An audit hook: no network, no other programs, no writing outside the scratch folder."""

    def __init__(self, scratch: str, network: bool) -> None:
        self.scratch = os.path.realpath(scratch) + os.sep
        self.network = network

    def install(self) -> None:
        """Watch from now on; a hook cannot be taken off again."""
        sys.dont_write_bytecode = True
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._open(args)
        elif event in _NETWORK:
            if not self.network and not _is_local(args):
                raise PermissionError(
                    f"nnlint verify: no network ({event}); --allow-network lets it"
                )
        elif event in _PROCESSES:
            raise PermissionError(f"nnlint verify: no other programs ({event})")
        elif event in _REMOVALS:
            self._inside(args[0], event)
            if event in ("os.rename", "os.link", "os.symlink", "shutil.move"):
                self._inside(args[1], event)

    def _open(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        writes = any(c in mode for c in "wax+") if isinstance(mode, str) else False
        if isinstance(flags, int) and not isinstance(mode, str):
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC))
        if writes and not isinstance(path, int):
            self._inside(path, "open for writing")

    def _inside(self, path: Any, event: str) -> None:
        if isinstance(path, int) or path is None:
            return
        try:
            real = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return
        if real.startswith(self.scratch) or real + os.sep == self.scratch or real == os.devnull:
            return
        if real.startswith(("/dev/shm/", "/proc/self/", "/dev/tty")):
            return
        raise PermissionError(f"nnlint verify: {event} outside its scratch folder: {real}")


def _is_local(args: tuple[Any, ...]) -> bool:
    """Sockets of the Unix kind stay on this machine."""
    return any(isinstance(a, (str, bytes)) and str(a).startswith(("/", "b'/")) for a in args[1:2])
