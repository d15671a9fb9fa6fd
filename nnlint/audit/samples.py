"""What readers hand over: samples side by side, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Items:
    """A column whose entries differ in shape; None where an entry is missing."""

    values: tuple[Array | None, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts; None where one is missing."""

    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Strange:
    """A column that is neither numbers nor text."""

    told: str
    """The class of its entries."""


Column = Array | Items | Texts | Strange
"""An array has one row for each sample."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one split, as they come."""

    split: str
    columns: dict[str, Column]
    count: int
    indices: tuple[int, ...] | None = None
    """Their places in the data set, where those are known."""
    names: tuple[str, ...] | None = None
    """Files or keys that they come from."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read; the rest is read all the same."""

    split: str
    message: str
    indices: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    kind: str = "unreadable"
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns are, as far as a reader or the user knows; the rest is found out."""

    label: str | None = None
    group: str | None = None
    time: str | None = None
    classes: tuple[str, ...] | None = None
    """Names of the classes, by their numbers."""
    without_label: bool = False


@dataclass(slots=True)
class SplitInfo:
    """A split, before it is read."""

    name: str
    total: int | None = None
    """How many samples it has."""
    shuffled: bool | None = None
    """Whether a loader shuffles it."""
    batched: bool = False
    """Whether its samples come as the model gets them."""
    source: str = ""
    notes: list[str] = field(default_factory=list)


class Sink(Protocol):
    """Where a reader puts what it reads."""

    def split(self, info: SplitInfo) -> None:
        """A split begins."""

    def roles(self, roles: Roles) -> None:
        """What the reader knows of the columns."""

    def batch(self, batch: Batch) -> bool:
        """Samples; tells whether more are wanted."""

    def problem(self, problem: Problem) -> None:
        """Something cannot be read."""

    def note(self, text: str) -> None:
        """Something that the reader of the report should know."""


class Reader(Protocol):
    """One kind of target."""

    def read(self, sink: Sink) -> None:
        """Read all splits.

        Raises:
            AuditError: nothing can be read at all.
        """


class AuditError(Exception):
    """Nothing can be audited; the message says why."""
