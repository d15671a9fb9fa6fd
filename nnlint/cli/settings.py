"""From the command line's options and configuration files to the settings in use."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlint.config import (
    Config,
    ConfigError,
    ConfigFiles,
    Selection,
    anchored,
    check_pattern,
    load_config,
    read_config,
)
from nnlint.finding import Stage
from nnlint.packs import local_folders
from nnlint.source.toml import TomlError, parse_toml
from nnlint.text import json_text, plain


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told to do."""

    paths: list[str]
    config: Config
    """The configuration at the first path, which decides what is not about single files."""
    config_of: Callable[[Path], Config]
    """The configuration of a folder."""
    files: ConfigFiles
    cache_dir: Path
    """The folder that the cache has its own folder in."""


def settings_of(paths: list[str], options: dict[str, Any]) -> Settings:
    """Read the configuration for a run.

    Raises:
        ConfigError: a file or an option cannot be used.
    """

    given, table = _given(options)

    def adjust(config: Config) -> Config:
        adjusted = _with_options(config, table, options)
        check(adjusted)
        return adjusted

    files = ConfigFiles(adjust)
    start = _start(paths, options)
    if given or options["isolated"]:
        config = adjust(load_config(given) if given else Config())
        config_of: Callable[[Path], Config] = lambda folder: config  # noqa: E731
    else:
        config, config_of = files.start(start), files.of
    found = None if given or config.is_of_user else config.origin
    return Settings(paths, config, config_of, files, _cache_dir(start, found, options))


def _given(options: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """The file that `--config` names, and the settings that it gives besides.

    Raises:
        ConfigError: it names several files, or a setting is no TOML or none of the command line.
    """
    files: list[str] = []
    table: dict[str, Any] = {}
    for text in options["config"]:
        if "=" not in text or os.path.isfile(text):
            files.append(text)
            continue
        try:
            _merge(table, parse_toml(text.encode("utf-8", "surrogateescape")))
        except TomlError:
            reason = "write it as in a file, with strings in quotes"
            raise ConfigError(f"--config: `{text}` is no KEY=VALUE in TOML: {reason}") from None
    if len(files) > 1:
        raise ConfigError(f"--config: there can be one file, not {' and '.join(files)}")
    if "extend" in table:
        raise ConfigError("--config: `extend` is a setting of files")
    return (Path(files[0]) if files else None), table


def _merge(table: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = value


def check(config: Config) -> None:
    """Make sure that every selector means a rule.

    Raises:
        ConfigError: one does not.
    """
    from nnlint.listing import every_name
    from nnlint.selection import check_selectors

    check_selectors(config, every_name())
    if config.options:
        from nnlint.registry import check_options

        check_options(config)


def _start(paths: list[str], options: dict[str, Any]) -> Path:
    first = paths[0] if paths[0] != "-" else options["stdin_filename"] or "stdin.py"
    place = Path(os.path.abspath(first))
    return place if place.is_dir() else place.parent


def _with_options(config: Config, table: dict[str, Any], options: dict[str, Any]) -> Config:
    here = Path.cwd()
    config = read_config(table, "--config", config, here) if table else config
    per_file = []
    for item in options["per_file_ignores"]:
        pattern, separator, rules = item.rpartition(":")
        if not separator or not pattern:
            raise ConfigError(f"--per-file-ignores: `{item}` is not PATTERN:RULES")
        check_pattern("--per-file-ignores", pattern)
        selectors = tuple(s.strip() for s in rules.split(",") if s.strip())
        per_file.append((anchored(pattern, here, bare=False), selectors))
    for name in ("exclude", "extend_exclude"):
        for pattern in options[name]:
            check_pattern(f"--{name.replace('_', '-')}", pattern)
    patterns = (*options["exclude"], *options["extend_exclude"])
    exclude = (anchored(pattern, here, bare=False) for pattern in patterns)
    wish = options["respect_gitignore"]
    return replace(
        config,
        command_line=Selection(
            options["select"] or None,
            options["extend_select"],
            options["ignore"],
            options["fixable"] or None,
            options["unfixable"],
        ),
        per_file_ignores=(*config.per_file_ignores, *per_file),
        exclude=(*config.exclude, *exclude),
        respect_gitignore=config.respect_gitignore if wish is None else wish,
        stage=Stage(options["stage"]) if options["stage"] else config.stage,
        fail_on=options["fail_on"] or config.fail_on,
        output_format=options["output_format"] or config.output_format,
    )


def _cache_dir(start: Path, origin: str | None, options: dict[str, Any]) -> Path:
    from nnlint.project.cache import home_of

    if options["cache_dir"]:
        return Path(options["cache_dir"])
    return home_of(start, origin)


def shown_settings(settings: Settings) -> str:
    """The settings in use, as a configuration file would have them."""
    from nnlint.listing import listed_rules
    from nnlint.project.cache import FOLDER
    from nnlint.selection import is_selected

    config = settings.config
    rules = [rule.name for rule in listed_rules() if is_selected(config, rule)]
    lines = [
        f"# configuration: {plain(config.origin or 'none, defaults')}",
        f"# cache: {plain(str(settings.cache_dir / FOLDER))}",
        *(f"# local rules: {plain(folder)}" for folder in local_folders()),
        "# rules in use:",
        *(f"#   {rule}" for rule in rules),
        f"select = {_toml(config.command_line.select or config.selection.select)}",
        f"extend-select = {_toml(_both(config, 'extend_select'))}",
        f"ignore = {_toml(_both(config, 'ignore'))}",
        f"fixable = {_toml(config.command_line.fixable or config.selection.fixable)}",
        f"unfixable = {_toml(_both(config, 'unfixable'))}",
        f"exclude = {_toml(config.exclude)}",
        f"extend-exclude = {_toml(config.extend_exclude)}",
        f"respect-gitignore = {_toml(config.respect_gitignore)}",
        f"src = {_toml(config.src)}",
        f"stage = {_toml(config.stage and config.stage.value)}",
        f"fail-on = {_toml(config.fail_on)}",
        f"output-format = {_toml(config.output_format)}",
        f"baseline = {_toml(config.baseline)}",
    ]
    lines = [f"# {line}" if line.endswith("= none") else line for line in lines]
    for rule, values in config.options:
        lines += ["", f"[options.{_toml(rule)}]", *(f"{k} = {_toml(v)}" for k, v in values)]
    if config.levels:
        lines += ["", "[levels]"]
        lines += [f"{_toml(selector)} = {_toml(level.value)}" for selector, level in config.levels]
    if config.per_file_ignores:
        lines += ["", "[per-file-ignores]"]
        lines += [f"{_toml(p)} = {_toml(codes)}" for p, codes in config.per_file_ignores]
    return "\n".join(lines) + "\n"


def _both(config: Config, name: str) -> tuple[str, ...]:
    return (*getattr(config.selection, name), *getattr(config.command_line, name))


def _toml(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    # what a string of JSON may hold, one of TOML may too
    return json_text(value)
