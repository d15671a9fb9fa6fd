"""What an audit reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnlint.finding import Level

MOST_LISTED = 1000
"""Examples or pairs that one finding lists; `count` has the whole number."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that is wrong with the data."""

    kind: str
    split: str
    level: Level
    message: str
    examples: tuple[int, ...] = ()
    """Samples by their places in the split."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Two samples each; where `other_split` is set, the second is of that one."""
    other_split: str = ""
    count: int = 0
    """How many there are, where not all are listed."""
    names: tuple[str, ...] = ()
    """Files of the examples, or both files of each pair, in the same order."""
    column: str = ""
    """The feature, channel or column that it is about."""

    def as_data(self) -> dict[str, Any]:
        """As plain data, for `--output-format json`."""
        data: dict[str, Any] = {
            "kind": self.kind,
            "split": self.split,
            "level": self.level.value,
            "message": self.message,
        }
        if self.pairs:
            data["pairs"] = [list(pair) for pair in self.pairs]
            data["other_split"] = self.other_split or None
        else:
            data["examples"] = list(self.examples)
        data["count"] = self.count or len(self.pairs) or len(self.examples)
        if self.names:
            data["names"] = list(self.names)
        if self.column:
            data["column"] = self.column
        return data


def plural(count: int, noun: str, several: str = "") -> str:
    """A number and what it counts: `1 sample`, `1,200 samples`."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def few(values: Sequence[Any], most: int = 4) -> str:
    """The first of some values, and how many more there are."""
    shown = ", ".join(str(value) for value in values[:most])
    more = len(values) - most
    return f"{shown} and {more:,} more" if more > 0 else shown
