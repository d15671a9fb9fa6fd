"""Limits on what a model under test may do by accident.

It is no security boundary: native code and a determined program get around it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Any, Optional

from .causes import REFUSED

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
    "os.utime",
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


_PATH_BENEATH = 1
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls of Landlock; their numbers are the same on every architecture."""
_WRITING = {1: 0x1FF2, 2: 0x3FF2, 3: 0x7FF2}
"""By version of Landlock: writing, removing, making, moving and truncating files."""
_NO_NEW_PRIVILEGES = 38
_WRITABLE = ("/dev", "/proc")


def lock_files(scratch: str) -> bool:
    """Let nothing in this process write outside the scratch folder, where the kernel has Landlock.

    The audit hook sees what Python opens; this holds for native code too, such as torch.save.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
        version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
        if version < 1:
            return False
        rights = _WRITING[min(version, max(_WRITING))]
        attributes = struct.pack("Q", rights)
        ruleset = call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
        if ruleset < 0:
            return False
        try:
            for folder in (scratch, *_WRITABLE):
                _allow_beneath(call, ruleset, folder, rights)
            prctl = ctypes.CDLL(None, use_errno=True).prctl
            if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
                return False
            return bool(call(_RESTRICT_SELF, ruleset, 0) == 0)
        finally:
            os.close(ruleset)
    except (OSError, AttributeError, ValueError):
        return False


def _allow_beneath(call: Any, ruleset: int, folder: str, rights: int) -> None:
    place = os.open(folder, os.O_RDONLY | getattr(os, "O_PATH", 0))
    try:
        rule = struct.pack("=Qi", rights, place)
        call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)


class Guard:
    """An audit hook: no network, no other programs, no writing outside the scratch folder."""

    def __init__(self, scratch: str, network: bool) -> None:
        self.scratch = os.path.realpath(scratch) + os.sep
        self.network = network
        self.refusals: list[str] = []
        """What was refused, in words: libraries like to wrap what is raised."""

    def install(self) -> None:
        """Watch from now on; a hook cannot be taken off again."""
        sys.dont_write_bytecode = True
        sys.addaudithook(self)

    def watch_saving(self, serialization: Any) -> None:
        """Watch `torch.save` too, which opens files below Python; the module is torch's own."""
        original = getattr(serialization, "_open_zipfile_writer", None)
        if original is None:
            return

        def opened(name: Any) -> Any:
            if isinstance(name, (str, os.PathLike)):
                self._inside(name, "torch.save")
            return original(name)

        serialization._open_zipfile_writer = opened

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._open(args)
        elif event in _NETWORK:
            if not self.network and not _is_local(args):
                raise self._refusal(f"the network ({event}); --allow-network lets it")
        elif event == "sqlite3.connect":
            if args[0] not in (":memory:", "", b""):
                self._inside(args[0], event)
        elif event in _PROCESSES:
            raise self._refusal(f"to start other programs ({event})")
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
            self._inside(path, "to write")

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
        raise self._refusal(f"{event} outside its scratch folder: {real}")

    def _refusal(self, what: str) -> PermissionError:
        self.refusals.append(what)
        return PermissionError(f"{REFUSED}{what}")


def _is_local(args: tuple[Any, ...]) -> bool:
    """Sockets of the Unix kind stay on this machine."""
    return any(isinstance(a, (str, bytes)) and str(a).startswith(("/", "b'/")) for a in args[1:2])
