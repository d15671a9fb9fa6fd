"""Configuration: `[tool.nnlint]` in pyproject.toml, or nnlint.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.finding import Stage
from nnlint.source.file import SourceError
from nnlint.source.patterns import PatternError, compiled
from nnlint.source.reading import read_bytes
from nnlint.source.toml import TomlError, parse_toml
from nnlint.text import hint

FAIL_ON = ("error", "warning", "advice", "never")
WITHOUT_FIXES = frozenset({"github", "gitlab", "junit"})
"""Formats of reports that say nothing of fixes."""
WITH_EDITS = frozenset({"json", "json-lines", "sarif"})
"""Formats of reports that say what a fix changes, which takes working it out."""
FORMATS = ("full", "concise", "json", "json-lines", "github", "gitlab", "sarif", "junit", "html")


class ConfigError(Exception):
    """The configuration cannot be used; the message names the file and the key."""

    def __init__(self, message: str, row: int = 1) -> None:
        super().__init__(message)
        self.row = row
        """Row of the file that the message is about, as far as known."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One layer of rule selectors: a configuration file's, or the command line's."""

    select: tuple[str, ...] | None = None
    """None leaves what was selected before."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting."""

    selection: Selection = Selection()
    command_line: Selection = Selection()
    """Selectors that come on top of the file's."""
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Patterns as in .gitignore, of absolute paths where they hold a slash; and selectors."""
    exclude: tuple[str, ...] = ()
    """Patterns as in .gitignore, of absolute paths where they hold a slash."""
    respect_gitignore: bool = True
    src: tuple[str, ...] = ()
    """Globs of folders that imports start from, besides those that are found; absolute."""
    stage: Stage | None = None
    fail_on: str = "advice"
    output_format: str = "full"
    baseline: str | None = None
    verify: tuple[tuple[str, Any], ...] = field(default=())
    """Constructor arguments and input shapes by `module:Class`, for the verifier."""
    origin: str | None = None
    """The file that the settings were read from."""


class ConfigFiles:
    """The configuration of each folder: the nearest file's at or above it.

    Parameters:
        adjust: what to do to each configuration, such as putting the command line's
            settings on top.
    """

    def __init__(self, adjust: Callable[[Config], Config] = lambda config: config) -> None:
        self._adjust = adjust
        self._known: dict[Path, Config] = {}
        self.problems: dict[str, ConfigError] = {}
        """Files below the start that cannot be used; their folders use the outer one."""

    def start(self, folder: Path) -> Config:
        """The configuration of the folder that a run starts at.

        Raises:
            ConfigError: the nearest file cannot be used.
        """
        found = find_config(folder)
        config = self._adjust(load_config(found) if found else Config())
        self._known[folder] = config
        return config

    def of(self, folder: Path) -> Config:
        """The configuration of a folder."""
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = self._read(folder)
        return known

    def _read(self, folder: Path) -> Config:
        try:
            found = config_in(folder)
            if found is not None:
                return self._adjust(load_config(found))
        except ConfigError as error:
            own = folder / "nnlint.toml"
            self.problems[str(own if own.is_file() else folder / "pyproject.toml")] = error
        return self._adjust(Config()) if folder.parent == folder else self.of(folder.parent)


def find_config(start: Path) -> Path | None:
    """The nearest configuration file at or above `start`.

    Raises:
        ConfigError: a file on the way that speaks of nnlint is no TOML.
    """
    for folder in (start, *start.parents):
        found = config_in(folder)
        if found is not None:
            return found
    return None


def config_in(folder: Path) -> Path | None:
    """The configuration file of a folder itself.

    Raises:
        ConfigError: its pyproject.toml speaks of nnlint and is no TOML.
    """
    own = folder / "nnlint.toml"
    if own.is_file():
        return own
    shared = folder / "pyproject.toml"
    return shared if shared.is_file() and _table(shared) is not None else None


def load_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: it is no TOML, or holds an unknown key or a wrong value.
    """
    config = read_config(_table(path) or {}, str(path))
    base = Path(os.path.abspath(path)).parent
    return replace(
        config,
        origin=str(path),
        exclude=tuple(anchored(p, base) for p in config.exclude),
        per_file_ignores=tuple((anchored(p, base), c) for p, c in config.per_file_ignores),
        src=tuple(os.path.join(base, pattern) for pattern in config.src),
        baseline=config.baseline and str(base / config.baseline),
    )


def anchored(pattern: str, base: Path, bare: bool = True) -> str:
    """A pattern as it applies to absolute paths, when it was written for `base`.

    Parameters:
        bare: whether a pattern without a slash is bound to `base` too.
    """
    negation = "!" if pattern.startswith("!") else ""
    text = pattern.removeprefix("!")
    root = re.sub(r"([\\*?\[\]!#])", r"\\\1", base.as_posix().rstrip("/"))
    if "/" in text.rstrip("/"):
        return f"{negation}{root}/{text.lstrip('/')}"
    return f"{negation}{root}/**/{text}" if bare else pattern


def _table(path: Path) -> dict[str, Any] | None:
    try:
        raw = read_bytes(path)
        if path.name == "pyproject.toml" and b"nnlint" not in raw:
            return None
        document = parse_toml(raw)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except SourceError as error:
        raise ConfigError(f"{path}: {error.message}") from error
    except TomlError as error:
        raise ConfigError(f"{path}: {error}", error.row) from error
    if path.name != "pyproject.toml":
        return document
    tools = document.get("tool", {})
    table = tools.get("nnlint") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{path}: `tool.nnlint` must be a table")
    return table


def read_config(table: Mapping[str, Any], origin: str) -> Config:
    """Turn a TOML table into a `Config`.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type.
    """
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("rules", "local-rules"):
            raise ConfigError(
                f"{origin}: `{key}` cannot be set in a file, since local rules are code that runs: "
                "give `--rules DIR` on the command line"
            )
        if key not in KEYS:
            raise ConfigError(f"{origin}: unknown key `{key}`{hint(key, KEYS)}")
        values[key.replace("-", "_")] = KEYS[key](f"{origin}: `{key}`", value)
    selection = {name: values.pop(name) for name in Selection.__slots__ if name in values}
    return replace(Config(), selection=replace(Selection(), **selection), **values)


def _strings(what: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ConfigError(f"{what} must be a list of strings")
    return tuple(value)


def _patterns(what: str, value: Any) -> tuple[str, ...]:
    patterns = _strings(what, value)
    for pattern in patterns:
        check_pattern(what, pattern)
    return patterns


def check_pattern(what: str, pattern: str) -> None:
    """Make sure that a pattern of files is one.

    Raises:
        ConfigError: it is none.
    """
    try:
        compiled([pattern])
    except PatternError as error:
        raise ConfigError(f"{what}: `{pattern}` is no pattern of files: {error}") from error


def _string(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{what} must be a string")
    return value


def _truth(what: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{what} must be true or false")
    return value


def _table_value(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must be a table")
    return value


def _ignores(what: str, value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = _table_value(what, value)
    for pattern in table:
        check_pattern(what, pattern)
    return tuple((p, _strings(f"{what}: `{p}`", codes)) for p, codes in table.items())


KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "select": _strings,
    "extend-select": _strings,
    "ignore": _strings,
    "per-file-ignores": _ignores,
    "exclude": _patterns,
    "respect-gitignore": _truth,
    "src": _strings,
    "stage": lambda what, value: Stage(one_of(what, value, [s.value for s in Stage])),
    "fail-on": lambda what, value: one_of(what, value, FAIL_ON),
    "output-format": lambda what, value: one_of(what, value, FORMATS),
    "baseline": _string,
    "verify": lambda what, value: tuple(_table_value(what, value).items()),
}
"""Every key of a configuration file, and what turns its value into the setting."""


def one_of(what: str, value: Any, allowed: Sequence[str]) -> str:
    """`value`, checked against the allowed words.

    Raises:
        ConfigError: it is none of them.
    """
    if value not in allowed:
        close = hint(str(value), allowed) or f"; one of {', '.join(allowed)}"
        raise ConfigError(f"{what} cannot be {value!r}{close}")
    return str(value)
