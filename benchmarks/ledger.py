"""The ledger: what people found each finding to be, after reading it in its context.

`ledger/PACKAGE.csv` has one row for each judged finding. A release never changes, so file,
line and code identify a finding for good; a change of message or column does not matter.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from benchmarks.packages import HERE, Package

FOLDER = HERE / "ledger"
VERDICTS = ("true", "false", "arguable")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What identifies a finding within a release."""

    file: str
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on a finding."""

    version: str
    file: str
    line: int
    code: str
    verdict: str
    reason: str

    @property
    def place(self) -> Place:
        """The finding that is judged."""
        return Place(self.file, self.line, self.code)


class LedgerError(Exception):
    """A ledger file contradicts itself or holds something else than verdicts."""


def read(package: Package, folder: Path = FOLDER) -> dict[Place, Judgement]:
    """The verdicts on the pinned release of a package.

    Raises:
        LedgerError: a row is malformed, or two rows differ on one finding.
    """
    judgements: dict[Place, Judgement] = {}
    for row in _rows(_file(package, folder)):
        if row.version != package.version:
            continue
        known = judgements.setdefault(row.place, row)
        if known.verdict != row.verdict:
            raise LedgerError(f"{package.name}: two verdicts on {row.place}")
    return judgements


def write(package: Package, judgements: Iterable[Judgement], folder: Path = FOLDER) -> None:
    """Write the ledger of a package, sorted, verdicts on other releases kept."""
    file = _file(package, folder)
    kept = [row for row in _rows(file) if row.version != package.version]
    rows = sorted([*kept, *judgements], key=lambda row: (row.version, row.place))
    folder.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(Judgement)])
        writer.writerows(astuple(row) for row in rows)


def _file(package: Package, folder: Path) -> Path:
    return folder / f"{package.name}.csv"


def _rows(file: Path) -> list[Judgement]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return [_judgement(file.name, row) for row in csv.DictReader(stream)]


def _judgement(name: str, row: dict[str, str]) -> Judgement:
    try:
        found = Judgement(**{**row, "line": int(row["line"])})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"{name}: malformed row {row}") from error
    if found.verdict not in VERDICTS:
        raise LedgerError(f"{name}: {found.verdict!r} is none of {', '.join(VERDICTS)}")
    if not found.reason:
        raise LedgerError(f"{name}: {found.place} has no reason")
    return found
