"""Which interpreter has the project's torch."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NO_INTERPRETER = frozenset({"start", "torch"})
"""Stages of a run at which it is the interpreter that cannot be used."""
NAME_ANOTHER = "`--python PATH` names the interpreter that has your project's torch"


_UNGUARDED = {
    "darwin": "macOS keeps no limit of memory, and native code may write and use the network",
    "win32": "Windows keeps no limit of memory, CPU time or files, and native code may write and "
    "use the network",
}
"""What the guards of a model's process leave open, by platform; where it is Linux, Landlock and a
namespace hold for native code too."""


def unguarded(platform: str = sys.platform) -> str | None:
    """What a program that is run here could do beside its computation, in one sentence for its
    user; None where all limits hold."""
    if platform.startswith("linux"):
        return None
    told = _UNGUARDED.get(platform, "this platform keeps fewer limits than Linux")
    return f"{told}: run only code that you trust"


def choose_python(wish: str | None, folder: Path) -> str:
    """The interpreter to verify with.

    In this order: as asked for, the active environment (one that is nnlint's own only if it has
    torch, as a hook of pre-commit has none), a `.venv` or `venv` at or above the folder, nnlint's
    own interpreter if it has torch, `python3` on the path.
    """
    if wish:
        return shutil.which(wish) or wish
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        active = Path(os.environ.get(variable) or os.devnull)
        found = _inside(active)
        own = os.path.realpath(active) == os.path.realpath(sys.prefix)
        if found and (not own or _has_torch()):
            return found
    for parent in (folder.absolute(), *folder.absolute().parents):
        for name in (".venv", "venv"):
            found = _inside(parent / name)
            if found:
                return found
    if _has_torch():
        return sys.executable
    return shutil.which("python3") or sys.executable


def _inside(environment: Path) -> str | None:
    for name in ("bin/python", "Scripts/python.exe", "python.exe"):
        candidate = environment / name
        if candidate.is_file():
            return str(candidate)
    return None


def _has_torch() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None
