"""What a client is set to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from nnlint.finding import Stage
from nnlint.text import hint


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The settings of the section `nnlint`, each of which may be left out."""

    enable: bool = True
    stage: Stage | None = None
    python: str | None = None
    """The interpreter that has the project's torch, for verifying."""
    lint: str = "open"
    """Which files are linted: those that are `open`, or the whole `project`."""


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _stage(value: Any) -> Stage | None:
    if not value:
        return None
    try:
        return Stage(value)
    except ValueError:
        raise ValueError(f"one of {', '.join(stage.value for stage in Stage)}") from None


def _python(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("a path")
    return value or None


def _lint(value: Any) -> str:
    if value not in ("open", "project"):
        raise ValueError("`open` or `project`")
    return str(value)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "enable": _truth,
    "stage": _stage,
    "python": _python,
    "lint": _lint,
}
OF_CLIENTS = frozenset({"path", "trace"})
"""Settings that clients read themselves."""


def read_settings(told: object) -> tuple[ClientSettings, list[str]]:
    """The settings that a client tells, and what is wrong with them; what is wrong is left out."""
    if told is None:
        return ClientSettings(), []
    if isinstance(told, Mapping) and isinstance(told.get("nnlint"), Mapping):
        told = told["nnlint"]
    if not isinstance(told, Mapping):
        return ClientSettings(), ["the settings of nnlint are no object"]
    values: dict[str, Any] = {}
    faults = []
    for key, value in told.items():
        if key in _READ:
            try:
                values[key] = _READ[key](value)
            except ValueError as error:
                faults.append(f"`nnlint.{key}` is to be {error}, not {value!r}")
        elif key not in OF_CLIENTS:
            known = [field.name for field in fields(ClientSettings)]
            faults.append(f"there is no setting `nnlint.{key}`{hint(str(key), known)}")
    return ClientSettings(**values), faults
