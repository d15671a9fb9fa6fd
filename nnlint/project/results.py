"""What checking one file found, and its form on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from nnlint.finding import (
    Applicability,
    Change,
    ChangeKind,
    Finding,
    Fix,
    Level,
    Position,
    Related,
    Span,
    Stage,
)
from nnlint.source.suppression import Suppression


@dataclass(frozen=True, slots=True)
class FileResult:
    """What checking one file found; findings may lie in other files of the project."""

    findings: tuple[Finding, ...] = ()
    comments: tuple[Suppression, ...] = ()
    """The suppression comments of the file itself."""
    took_part: bool = False
    """Whether the file uses PyTorch, so that there was something to check."""
    digest: str = ""
    """Identity of the content that was checked; empty when the result is not to be kept."""
    consulted: dict[str, str] | None = None
    """Other files the outcome depends on, each with its content's identity."""
    passed: tuple[str, ...] = ()
    """The code of a rule that gathers, for each place of the file that it found in order."""


def pack(result: FileResult, name_of: Callable[[str], str] = os.path.abspath) -> list[Any]:
    """What a result says as JSON data.

    Parameters:
        name_of: what to call a file, by default its absolute path.
    """
    return [
        _plain(result.findings, name_of),
        _plain(result.comments, name_of),
        result.took_part,
        list(result.passed),
    ]


def unpack(data: Any, display: Callable[[str], str]) -> FileResult:
    """The result that `pack` made the data of.

    Parameters:
        display: the name that the user knows a file by, given what it was called.

    Raises:
        ValueError, TypeError, KeyError: the data is something else.
    """

    def named(path: Any) -> str:
        return display(str(path))

    related = _reader(Related, filename=named, start=Position._make, end=Position._make)
    change = _reader(Change, kind=ChangeKind, filename=named, places=_each(_span), texts=_each(str))
    fix = _reader(Fix, applicability=Applicability, changes=_each(change), edits=_never)
    finding = _reader(
        Finding,
        filename=named,
        level=Level,
        start=Position._make,
        end=Position._make,
        stages=_each(Stage),
        related=_each(related),
        fix=_maybe(fix),
        verdict=_never,
    )
    findings, comments, took_part, passed = data
    return FileResult(
        _each(finding)(findings),
        _each(_COMMENT)(comments),
        bool(took_part),
        passed=tuple(map(str, passed)),
    )


def _plain(value: Any, name_of: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(v, name_of) for v in value]
    if isinstance(value, Finding | Related | Change):
        value = replace(value, filename=name_of(value.filename))
    if isinstance(value, Finding | Related | Fix | Change | Suppression):
        return [_plain(getattr(value, f.name), name_of) for f in fields(value)]
    return value


_PLAIN: dict[Any, Any] = {
    "str": str,
    "str | None": str | None,
    "int": int,
    "int | None": int | None,
    "bool": bool,
}
"""Types of fields that are in JSON what they are here, by their annotations."""


def _reader(kind: Any, /, **converters: Callable[[Any], Any]) -> Callable[[Any], Any]:
    names = [f.name for f in fields(kind)]
    plain = {f.name: _PLAIN[f.type] for f in fields(kind) if f.type in _PLAIN}

    def read(values: Any) -> Any:
        given = dict(zip(names, values, strict=True))
        for name, expected in plain.items():
            if not isinstance(given[name], expected):
                raise TypeError(f"{kind.__name__}.{name} is {given[name]!r}")
        for name, convert in converters.items():
            given[name] = convert(given[name])
        return kind(**given)

    return read


def _never(value: Any) -> None:
    if value is not None:
        raise TypeError("what is found out on request is not remembered")


def _span(value: Any) -> Span:
    start, end = map(Position._make, value)
    return start, end


def _maybe(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda values: tuple(map(convert, values))


_COMMENT = _reader(Suppression, selectors=tuple, place=_span, part=tuple)
