"""What nnlint reports: findings, the places they point to, and the fixes they offer.

Everything here is plain, frozen and picklable data, so that findings cross process
borders and live in the cache unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple


class Level(str, Enum):
    """How sure and how grave a finding is."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"
    PEDANTIC = "pedantic"

    @property
    def severity(self) -> int:
        """0 for error up to 3 for pedantic: lower is graver."""
        return list(Level).index(self)


class Stage(str, Enum):
    """The stages of "A Recipe for Training Neural Networks", in their order."""

    DATA = "data"
    SKELETON = "skeleton"
    OVERFIT = "overfit"
    REGULARIZE = "regularize"
    TUNE = "tune"
    SQUEEZE = "squeeze"


class Applicability(str, Enum):
    """Whether a fix may be applied without being asked for (`safe`) or not (`unsafe`)."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Position(NamedTuple):
    """A place in a file."""

    row: int
    """Line number, from 1. In a notebook: the line within the cell."""
    column: int
    """Column in characters, from 1."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text between two positions (end exclusive) by `content`."""

    start: Position
    end: Position
    content: str
    cell: int | None = None
    """Number of the notebook cell that both positions are in."""


Span = tuple[Position, Position]
"""Start and end (exclusive) of a node in the text of a module; cells of a notebook are joined."""


class ChangeKind(str, Enum):
    """What a change does; the functions of `nnlint.rewriting.changes` say it in full."""

    ADD_IMPORT = "add_import"
    DELETE = "delete"
    INSERT_AFTER = "insert_after"
    INSERT_BEFORE = "insert_before"
    MOVE_BEFORE = "move_before"
    MOVE_BEHIND = "move_behind"
    REMOVE_ITEMS = "remove_items"
    REMOVE_KEYWORD = "remove_keyword"
    REPLACE = "replace"
    REWRITE_COMMENT = "rewrite_comment"
    SET_KEYWORD = "set_keyword"
    TAKE_OUT_OF = "take_out_of"
    UNWRAP = "unwrap"
    WRAP = "wrap"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a fix does to a program; `nnlint.rewriting` knows how."""

    kind: ChangeKind
    filename: str
    """The file, as the user gave it."""
    places: tuple[Span, ...]
    """The nodes that it is about."""
    texts: tuple[str, ...] = ()
    """Source that it brings in."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What removes the finding."""

    title: str
    """What the change does, as an instruction: "Call `optimizer.zero_grad()` first"."""
    applicability: Applicability
    changes: tuple[Change, ...]
    edits: tuple[Edit, ...] | None = None
    """The changes as edits of the text, once something needs them."""


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a finding, such as where the softmax is applied."""

    filename: str
    start: Position
    end: Position
    message: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What running the code showed about a finding."""

    status: str
    """`CONFIRMED`, `REFUTED` or `INCONCLUSIVE`."""
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One reported mistake."""

    code: str
    name: str
    level: Level
    message: str
    filename: str
    """As the user gave it: relative paths stay relative."""
    start: Position
    end: Position
    help: str = ""
    """What to write instead, in one sentence; empty when the message says it."""
    stages: tuple[Stage, ...] = ()
    recipe: str = ""
    """The section of the recipe that the rule serves."""
    explanation: str = ""
    """The first paragraph of the rule's "Why it hurts training"."""
    url: str = ""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    cell: int | None = None
    """Number of the notebook cell, from 1; None outside notebooks."""
    first_row: int | None = None
    """The first row of the statement that the finding is in."""
    noqa_row: int | None = None
    """Its last row; a suppression comment on either of them counts."""
    probe: str | None = None
    """Name of the runtime probe that can confirm or refute the finding."""
    verdict: Verdict | None = None

    @property
    def taken_back(self) -> bool:
        """Whether running the code refuted it: it is shown as such, and counts no more."""
        return self.verdict is not None and self.verdict.status == "REFUTED"

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows on which a suppression comment counts for this finding."""
        return (self.start.row, self.end.row, *(r for r in (self.first_row, self.noqa_row) if r))

    @property
    def short(self) -> str:
        """What is wrong, without what it does to the run."""
        if not self.explanation:
            # one of the tool itself, or of a rule that says no more than this
            return self.message
        quoted = False
        for at, sign in enumerate(self.message):
            quoted ^= sign == "`"
            said = self.message[:at]
            # code alone says nothing yet
            if not quoted and self.message.startswith(": ", at) and "".join(said.split("`")[::2]):
                return said
        return self.message

    @property
    def text(self) -> str:
        """The message and what to write instead, as sentences."""
        if not self.help:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        return f"{self.message}{stop} {self.help}"

    @property
    def sort_key(self) -> tuple[str, int, int, int, str]:
        """Order of findings in every report: by file, place, then code."""
        return (self.filename, self.cell or 0, self.start.row, self.start.column, self.code)
