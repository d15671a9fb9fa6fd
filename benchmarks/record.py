"""How often each rule was right on code that nobody had looked at: `python -m benchmarks.record`.

`record.csv` holds the first results of the exams in `unseen.md`, a row for each exam, level and
rule. A rule is an error while it is false in at most `MOST_FALSE` of what it says there; this is a
test, so that an exam that finds out otherwise makes a warning of it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from nnlint.registry import load_rules

PATH = Path(__file__).with_name("record.csv")
MOST_FALSE = 1 / 6
"""The share of false findings up to which a rule is an error."""
NO_ERRORS_NOW = {"NN301": 4, "NN404": 4}
"""False findings of kinds that can be no errors any more: axes without name and size (NN301), and
unit tests, of which rules say nothing (NN404)."""


@dataclass(slots=True)
class Record:
    """The verdicts on what a rule said."""

    true: int = 0
    arguable: int = 0
    false: int = 0

    @property
    def findings(self) -> int:
        """How many there are."""
        return self.true + self.arguable + self.false


def records(level: str | None = None) -> dict[str, Record]:
    """The record of each rule, by its code, of all levels or of what was told at one."""
    found: dict[str, Record] = defaultdict(Record)
    with PATH.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if level in (None, row["level"]):
                record = found[row["rule"]]
                record.true += int(row["true"])
                record.arguable += int(row["arguable"])
                record.false += int(row["false"])
    return dict(found)


def is_trusted(code: str, record: Record) -> bool:
    """Whether a rule is right often enough to be an error; one false finding shows little."""
    false = record.false - NO_ERRORS_NOW.get(code, 0)
    return false < 2 or false <= MOST_FALSE * record.findings


def main() -> None:
    """Print a table of all rules that said something, the most often wrong first."""
    names = {rule.code: rule.name for rule in load_rules()}
    print("| rule | true | arguable | false |\n|-|-|-|-|")
    for code, record in sorted(records().items(), key=lambda each: (-each[1].false, each[0])):
        rule = f"{code} {names.get(code, 'of nnlint itself')}"
        print(f"| {rule} | {record.true} | {record.arguable} | {record.false} |")


if __name__ == "__main__":
    main()
