"""What a walk through the recipe comes to: plain, frozen data that every format renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from nnlint.finding import Finding, Stage
from nnlint.recipe.measured import Measurement, Ran


class Status(str, Enum):
    """Where a project stands with a bullet of the recipe."""

    DONE = "done"
    """The default run, a test, a script or a named debugging configuration does it."""
    CONTRADICTED = "contradicted"
    """The code does the opposite."""
    MISSING = "missing"
    """It is due, source could show it, and nothing does it."""
    NOT_YET = "not-yet"
    """It belongs to a later stage than the project's."""
    NOT_APPLICABLE = "not-applicable"
    """The project has nothing that it could be about."""
    CANT_TELL = "cant-tell"
    """Source cannot show that it is not done."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A place in the project that speaks for a status."""

    filename: str
    """As the user gave it: relative paths stay relative."""
    row: int
    """Line number, from 1. In a notebook: the line within the cell."""
    code: str
    """What is written there, on one line."""
    text: str
    """What it does, in a few words that follow the place: `seeds torch`."""
    status: Status = Status.DONE
    """What it speaks for: DONE, CONTRADICTED, or MISSING where a rule reports an absence."""
    cell: int | None = None
    """Number of the notebook cell, from 1; None outside notebooks."""
    rule: str = ""
    """The code of the rule whose finding it is, if it is one."""
    measured: Measurement | None = None
    """What was measured by running the project, where that is what speaks."""

    @property
    def place(self) -> str:
        """`file:row`, or `file:cell:row` in a notebook."""
        cell = "" if self.cell is None else f"cell {self.cell}:"
        return f"{self.filename}:{cell}{self.row}"


@dataclass(frozen=True, slots=True)
class Bullet:
    """One piece of advice of the recipe."""

    section: str
    name: str
    """In kebab-case; the file of its evidence has this name."""
    title: str
    due: Stage
    """The first stage in which it should be done."""
    missing: str = ""
    """What is said where nothing does it. Empty where source cannot show that."""
    unseen: str = ""
    """Why source cannot show that it is not done."""
    next: str = ""
    """What to do about it: a probe, a helper, a command."""
    contradicting: tuple[str, ...] = ()
    """Codes of the rules that find the opposite."""
    lacking: tuple[str, ...] = ()
    """Codes of the rules that find that it is absent."""
    partial: tuple[str, ...] = ()
    """Those of them whose finding takes back what is done in the same file."""
    revealing: tuple[str, ...] = ()
    """Codes of the rules whose findings doing it would have shown."""
    needs: tuple[str, ...] = ()
    """Facts about a project of which one must hold for the bullet to apply; see `facts`."""
    unless: tuple[str, ...] = ()
    """Facts about a project that leave open whether it is done."""
    until: Stage | None = None
    """The last stage in which the opposite is one, where it is only meant for the beginning: with
    no stage set, a finished project that augments is not wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a project stands with one bullet."""

    bullet: Bullet
    status: Status
    reason: str
    """Why, in one sentence."""
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()
    """The findings of rules behind it, whole."""

    @property
    def next(self) -> str:
        """What to do about it; empty where there is nothing to do."""
        settled = (Status.DONE, Status.NOT_APPLICABLE)
        return "" if self.status in settled else self.bullet.next


@dataclass(frozen=True, slots=True)
class RecipeReport:
    """A walk through the recipe."""

    paths: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """One for each bullet, in the order of the recipe."""
    stage: Stage | None = None
    files: int = 0
    """How many files were looked at."""
    problems: tuple[str, ...] = ()
    """What could not be looked at, a line each."""
    ran: tuple[Ran, ...] | None = None
    """The models that were run; None where nothing was to be run."""

    def of_section(self, section: str) -> Sequence[Verdict]:
        """The verdicts on the bullets of a section."""
        return [v for v in self.verdicts if v.bullet.section == section]

    def count(self, status: Status) -> int:
        """How many bullets have a status."""
        return sum(v.status is status for v in self.verdicts)
