"""A walk through the recipe for people and for machines."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TextIO

from nnlint.recipe.model import RecipeReport, Status

_PARTS = ("curves",)
"""Modules that write a part of a report."""
FORMATS = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _PARTS))
"""Each other module of this package is a format, with a function `write(report, style, stream)`."""
WORDS = {
    Status.DONE: "done",
    Status.CONTRADICTED: "contradicted",
    Status.MISSING: "missing",
    Status.NOT_YET: "not yet",
    Status.NOT_APPLICABLE: "not applicable",
    Status.CANT_TELL: "can't tell",
}
"""What each status is called."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a report is written."""

    color: bool = False
    width: int | None = None
    """Columns of the terminal; None where the report goes elsewhere."""
    details: bool = False
    """Whether all evidence is shown, and what to do next for every bullet."""


def render(report: RecipeReport, format: str, style: Style, stream: TextIO) -> None:
    """Write a report to a stream in one of the formats."""
    importlib.import_module(f"nnlint.recipe.report.{format}").write(report, style, stream)
