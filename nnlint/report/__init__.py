"""Findings for people and for machines."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from nnlint.finding import Finding


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about a run."""

    findings: Sequence[Finding]
    files: int = 0
    """How many files were linted."""
    took_part: int | None = None
    """How many of them use PyTorch, if known."""
    fixed: int = 0
    """How many further findings were fixed."""
    color: bool = False
    width: int | None = None
    """Columns of the terminal; None when the report goes elsewhere and no line is broken."""
    quiet: bool = False
    """No closing sentence."""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    """The content of files, by name, that is not what is on disk."""


def render(report: Report, format: str, stream: TextIO) -> None:
    """Write a report to `stream` in one of the formats that the configuration knows."""
    module = importlib.import_module(f"nnlint.report.{format.replace('-', '_')}")
    module.write(report, stream)
