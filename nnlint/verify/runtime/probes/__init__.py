"""The probes, each one small file with its criterion, threshold and source."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

ALIASES = {"unused-parameters": "dead-parameters", "fc-head": "parameter-share"}
HEAVY = ("overfit", "input-baseline")
"""Probes that train; they come last."""


def names() -> list[str]:
    """Every probe, the expensive ones last."""
    folder = os.path.dirname(os.path.abspath(__file__))
    found = [f[:-3].replace("_", "-") for f in os.listdir(folder) if f.endswith(".py")]
    plain = [n for n in sorted(found) if not n.startswith("-") and n != "batch-dependency"]
    cheap = [n for n in plain if n not in HEAVY]
    return ["batch-dependency", *cheap, *HEAVY]


def load(name: str) -> ModuleType:
    """The module of a probe.

    Raises:
        KeyError: there is no such probe.
    """
    name = ALIASES.get(name, name)
    if name not in names():
        raise KeyError(name)
    return importlib.import_module(f".{name.replace('-', '_')}", __name__)
