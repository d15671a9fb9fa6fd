"""Why something failed, where that is no fault of the model: memory, sandbox, packages, devices."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Optional

REFUSED = "nnlint verify: "
"""How the sandbox begins what it says."""
_MEMORY = re.compile(
    r"MemoryError|OutOfMemoryError|bad_alloc|can't allocate memory|CUDA out of memory"
    r"|not enough memory|Cannot allocate memory|Unable to allocate",
)
_NO_CUDA = re.compile(
    r"not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available"
)
_PACKAGE = re.compile(r"(?:ModuleNotFoundError: )?No module named '([\w.]+)'")


def cause_of(text: str, refusals: Sequence[str] = ()) -> Optional[tuple[str, str]]:
    """The stage and the reason to tell instead of an error's text, where it is one of these.

    Parameters:
        refusals: what the sandbox refused meanwhile; libraries like to wrap what it raises.
    """
    if _MEMORY.search(text):
        return "memory", "it ran out of memory under the limit (--memory)"
    if REFUSED in text:
        return "sandbox", f"the sandbox refused it {text.split(REFUSED, 1)[1][:300]}"
    if _NO_CUDA.search(text):
        return "device", f"it wants a CUDA device, and {sys.executable} has none here"
    found = _PACKAGE.search(text)
    if found:
        return "package", missing_package(found[1])
    if refusals:
        return "sandbox", f"the sandbox refused it {refusals[-1]}; then {text}"
    return None


def missing_package(name: str) -> str:
    """That a package is not there, and what to do about it."""
    package = name.partition(".")[0]
    return (
        f"`{package}` is not installed for {sys.executable}; "
        "`--python PATH` names the interpreter that has it"
    )
