"""The checks: one kind of finding a file, found by its name.

A check is a module with `check(data)`, a function without state from the collected samples to
findings of the kind that the module is named after, and a docstring that says when it reports
and when it is silent.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nnlint.audit.finding import AuditFinding
from nnlint.audit.table import Collected

Check = Callable[[Collected], Iterator[AuditFinding]]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One check."""

    kind: str
    """As findings name it: `near-duplicates`."""
    summary: str
    documentation: str
    check: Check


def kinds() -> list[str]:
    """The kinds of findings, by name; no check is loaded."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    return [name.replace("_", "-") for name in names]


def load() -> list[Plugin]:
    """All checks."""
    found = []
    for kind in kinds():
        module = importlib.import_module(f"{__name__}.{kind.replace('-', '_')}")
        told = (module.__doc__ or "").strip()
        found.append(Plugin(kind, told.splitlines()[0], told, module.check))
    return found
