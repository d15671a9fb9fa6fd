"""What the rules are called, known without importing them.

To import all rules takes longer than all else of a run in which nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nnlint import compiled
from nnlint.compiled import Stamps, stamps_of
from nnlint.config import Config
from nnlint.finding import Level
from nnlint.local import local_files
from nnlint.packs import installed, local_folders, row_files
from nnlint.registry import TOOL_RULES, ToolRule, load_rules, rule_folders
from nnlint.selection import check_selectors, is_selected


@dataclass(frozen=True, slots=True)
class Listed:
    """What a run needs to know of a rule that it does not ask."""

    code: str
    name: str
    level: Level
    gather: str
    """What each place that it looks at is, where findings of a project are told as one."""


def listed_rules() -> tuple[Listed, ...]:
    """Every rule of every installed rule pack and of the local folders, by code.

    Raises:
        RulePackError: a pack or file cannot be imported, holds a malformed rule, or two rules
            share a code or a name.
    """
    return _listed(local_folders())[0]


def every_name() -> tuple[Listed | ToolRule, ...]:
    """The rules of all packs, and the findings of the tool itself, by code."""
    return (*TOOL_RULES, *listed_rules())


def selected_codes(config: Config) -> tuple[str, ...]:
    """The codes of the rules that a configuration selects.

    Raises:
        ConfigError: a selector means no rule.
    """
    check_selectors(config, every_name())
    return tuple(rule.code for rule in listed_rules() if is_selected(config, rule))


def pack_sources() -> tuple[str, ...]:
    """The files of every rule pack, on which the outcome of its rules depends."""
    local = local_folders()
    files = {str(file) for file in _files(_listed(local)[1])}
    files |= {str(file) for folder in local for file in local_files(folder)}
    return tuple(sorted(files | {str(file) for file in row_files()}))


@lru_cache(maxsize=8)
def _listed(local: tuple[str, ...]) -> tuple[tuple[Listed, ...], tuple[str, ...]]:
    """The rules, and the folders of those that are installed."""
    # local rules are being written: they are imported each time
    place = None if local else compiled.place_for(Path(__file__), ".rules")
    known = compiled.load(place, _holds)
    if known is None:
        rows = [(rule.code, rule.name, rule.level.value, rule.gather) for rule in load_rules()]
        known = rows, rule_folders()
        compiled.save(place, (_packs(), rule_folders(), _stamps(rule_folders())), known)
    rows, folders = known
    return tuple(
        Listed(code, name, Level(level), noun) for code, name, level, noun in rows
    ), folders


def _holds(reason: Any) -> bool:
    packs, folders, stamps = reason
    return bool(packs == _packs() and stamps == _stamps(folders))


def _packs() -> tuple[tuple[str, str, str, str], ...]:
    """The installed packs: what they are called, where their rules are, of which release, and where
    they lie, which differs where several environments use one nnlint."""
    return tuple(
        (p.name, p.value, p.dist.version, str(p.dist.locate_file("")))
        if p.dist
        else (p.name, p.value, "", "")
        for p in installed()
    )


def _stamps(folders: Iterable[str]) -> Stamps:
    # how they are listed is told by this file
    return stamps_of(sorted({*_files(folders), *row_files(), Path(__file__)}))


def _files(folders: Iterable[str]) -> Iterator[Path]:
    return (file for folder in folders for file in Path(folder).rglob("*.py"))
