"""Configuration: `[tool.nnlint]` in pyproject.toml, or nnlint.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.finding import Level, Stage
from nnlint.source.file import SourceError
from nnlint.source.patterns import PatternError, compiled
from nnlint.source.reading import read_bytes
from nnlint.source.toml import TomlError, parse_toml
from nnlint.text import hint

FAIL_ON = ("error", "warning", "advice", "never")
WITHOUT_FIXES = frozenset({"github", "gitlab", "junit"})
"""Formats of reports that say nothing of fixes."""
WITH_EDITS = frozenset({"html", "json", "json-lines", "rdjson", "sarif"})
"""Formats of reports that say what a fix changes, which takes working it out."""
FORMATS = (
    *("full", "concise", "json", "json-lines", "github", "gitlab", "rdjson", "sarif", "junit"),
    "html",
)


Options = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
"""Codes or names of rules, each with values of its options by name; lists are tuples."""


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
    fixable: tuple[str, ...] | None = None
    """None leaves what was fixable before."""
    unfixable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting."""

    selection: Selection = Selection()
    command_line: Selection = Selection()
    """Selectors that come on top of the file's."""
    levels: tuple[tuple[str, Level], ...] = ()
    """Selectors, each with the level that findings of its rules have instead of their own."""
    options: Options = ()
    """What rules are told that have options."""
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Patterns as in .gitignore, of absolute paths where they hold a slash; and selectors."""
    exclude: tuple[str, ...] = ()
    """Patterns as in .gitignore, of absolute paths where they hold a slash."""
    extend_exclude: tuple[str, ...] = ()
    """Further ones, which stay where a file that extends another sets its own `exclude`."""
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
    is_of_user: bool = False
    """Whether they are those that a user has for projects without any."""


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
        config = self._adjust(config_for(folder))
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
        if folder.parent != folder:
            return self.of(folder.parent)
        try:
            return self._adjust(_of_user())
        except ConfigError as error:
            self.problems[str(user_config())] = error
            return self._adjust(Config())


def config_for(folder: Path) -> Config:
    """The configuration of a folder: the nearest file's, else the user's own, else the defaults.

    Raises:
        ConfigError: the file cannot be used.
    """
    found = find_config(folder)
    return load_config(found) if found else _of_user()


def user_config() -> Path:
    """The file of a user's settings for projects that have none."""
    from platformdirs import user_config_path

    return user_config_path("nnlint", appauthor=False) / "nnlint.toml"


def _of_user() -> Config:
    path = user_config()
    # what may not even be looked for is not there
    if not os.path.isfile(path):
        return Config()
    return replace(load_config(path, base=Path.cwd()), is_of_user=True)


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


def load_config(path: Path, base: Path | None = None) -> Config:
    """Read a configuration file, and those that it extends before it.

    Parameters:
        base: where its paths and patterns begin, by default its own folder.

    Raises:
        ConfigError: it is no TOML, or holds an unknown key or a wrong value.
    """
    return replace(_loaded(path, base, ()), origin=str(path))


def _loaded(path: Path, base: Path | None, before: tuple[Path, ...]) -> Config:
    whole = Path(os.path.abspath(path))
    if whole in before:
        raise ConfigError(f"{before[-1]}: `extend` leads in a circle to {path}")
    table = dict(_table(path) or {})
    parent = Config()
    if "extend" in table:
        name = _string(f"{path}: `extend`", table.pop("extend"))
        further = whole.parent / os.path.expanduser(name)
        if not os.path.isfile(further):
            raise ConfigError(f"{path}: `extend`: there is no file {further}")
        parent = _loaded(further, base, (*before, whole))
    return read_config(table, str(path), parent, base or whole.parent)


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


def read_config(
    table: Mapping[str, Any], origin: str, config: Config | None = None, base: Path | None = None
) -> Config:
    """Turn a TOML table into a `Config`.

    Parameters:
        origin: what messages call the table.
        config: the settings that those of the table come on top of.
        base: the folder that paths and patterns begin at; None leaves them as they are.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type.
    """
    config = config or Config()
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
    if base is not None:
        values |= {
            key: _PLACES[key](value, base) for key, value in values.items() if key in _PLACES
        }
    if "extend_exclude" in values:
        values["extend_exclude"] = (*config.extend_exclude, *values["extend_exclude"])
    if "extend_select" in values:
        values["extend_select"] = (*config.selection.extend_select, *values["extend_select"])
    selection = {name: values.pop(name) for name in Selection.__slots__ if name in values}
    return replace(config, selection=replace(config.selection, **selection), **values)


_PLACES: Mapping[str, Callable[[Any, Path], Any]] = {
    "exclude": lambda patterns, base: tuple(anchored(p, base) for p in patterns),
    "extend_exclude": lambda patterns, base: tuple(anchored(p, base) for p in patterns),
    "per_file_ignores": lambda rows, base: tuple((anchored(p, base), c) for p, c in rows),
    "src": lambda patterns, base: tuple(os.path.join(base, p) for p in patterns),
    "baseline": lambda name, base: str(base / name),
}
"""What becomes of settings that speak of files, which are told from a folder."""


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


def _levels(what: str, value: Any) -> tuple[tuple[str, Level], ...]:
    words = [level.value for level in Level]
    return tuple(
        (selector, Level(one_of(f"{what}: `{selector}`", level, words)))
        for selector, level in _table_value(what, value).items()
    )


def _options(what: str, value: Any) -> Options:
    return tuple(
        (
            rule,
            tuple((name, _frozen(v)) for name, v in _table_value(f"{what}: `{rule}`", t).items()),
        )
        for rule, t in _table_value(what, value).items()
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "select": _strings,
    "extend-select": _strings,
    "ignore": _strings,
    "fixable": _strings,
    "unfixable": _strings,
    "levels": _levels,
    "options": _options,
    "per-file-ignores": _ignores,
    "exclude": _patterns,
    "extend-exclude": _patterns,
    "respect-gitignore": _truth,
    "src": _strings,
    "stage": lambda what, value: Stage(one_of(what, value, [s.value for s in Stage])),
    "fail-on": lambda what, value: one_of(what, value, FAIL_ON),
    "output-format": lambda what, value: one_of(what, value, FORMATS),
    "baseline": _string,
    "verify": lambda what, value: tuple(_table_value(what, value).items()),
}
"""Every key of a configuration file but `extend`, and what turns its value into the setting."""


def one_of(what: str, value: Any, allowed: Sequence[str]) -> str:
    """`value`, checked against the allowed words.

    Raises:
        ConfigError: it is none of them.
    """
    if value not in allowed:
        close = hint(str(value), allowed) or f"; one of {', '.join(allowed)}"
        raise ConfigError(f"{what} cannot be {value!r}{close}")
    return str(value)
