"""Configuration: `[tool.nnlint]` in pyproject.toml, or nnlint.toml."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nnlint.finding import Stage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FAIL_ON = ("error", "warning", "advice", "never")


class ConfigError(Exception):
    """The configuration cannot be used; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting; field names are the keys with `_` for `-`."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    stage: Stage | None = None
    fail_on: str = "advice"
    output_format: str = "full"
    verify: tuple[tuple[str, Any], ...] = field(default=())
    """Constructor arguments and input shapes by `module:Class`, for the verifier."""


def find_config(start: Path) -> Path | None:
    """The nearest configuration file at or above `start`."""
    for folder in (start, *start.parents):
        own = folder / "nnlint.toml"
        if own.is_file():
            return own
        shared = folder / "pyproject.toml"
        if shared.is_file() and _table(shared) is not None:
            return shared
    return None


def load_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: it is no TOML, or holds an unknown key or a wrong value.
    """
    return read_config(_table(path) or {}, str(path))


def _table(path: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid TOML: {error}") from error
    if path.name != "pyproject.toml":
        return document
    table: dict[str, Any] | None = document.get("tool", {}).get("nnlint")
    return table


def read_config(table: dict[str, Any], origin: str) -> Config:
    """Turn a TOML table into a `Config`.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type.
    """
    known = {f.name.replace("_", "-"): f.name for f in fields(Config)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise ConfigError(f"{origin}: unknown key `{key}`{hint}")
        values[known[key]] = _value(key, value, origin)
    return replace(Config(), **values)


def _value(key: str, value: Any, origin: str) -> Any:
    if key in ("select", "extend-select", "ignore", "exclude"):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError(f"{origin}: `{key}` must be a list of strings")
        return tuple(value)
    if key == "per-file-ignores":
        if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
            raise ConfigError(f"{origin}: `{key}` must be a table of lists")
        return tuple((pattern, tuple(codes)) for pattern, codes in value.items())
    if key == "stage":
        return one_of(key, value, [s.value for s in Stage], origin) and Stage(value)
    if key == "fail-on":
        return one_of(key, value, FAIL_ON, origin)
    if key == "respect-gitignore":
        if not isinstance(value, bool):
            raise ConfigError(f"{origin}: `{key}` must be true or false")
        return value
    if key == "verify":
        if not isinstance(value, dict):
            raise ConfigError(f"{origin}: `{key}` must be a table")
        return tuple(value.items())
    if not isinstance(value, str):
        raise ConfigError(f"{origin}: `{key}` must be a string")
    return value


def one_of(key: str, value: Any, allowed: Any, origin: str) -> str:
    """`value`, checked against the allowed words.

    Raises:
        ConfigError: it is none of them.
    """
    if value not in allowed:
        close = difflib.get_close_matches(str(value), allowed, 1)
        hint = f"; did you mean `{close[0]}`?" if close else f"; one of {', '.join(allowed)}"
        raise ConfigError(f"{origin}: `{key}` cannot be {value!r}{hint}")
    return str(value)
