"""Which rules there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from nnlint.config import Config, ConfigError
from nnlint.finding import Level
from nnlint.rule import Rule, RuleDefinitionError
from nnlint.selection import check_selectors, closest, is_selected

ENTRY_POINT_GROUP = "nnlint.rules"


class RulePackError(Exception):
    """A rule pack cannot be used; the message names it and the reason."""


@dataclass(frozen=True, slots=True)
class ToolRule:
    """A finding of the tool itself, which no rule function makes."""

    code: str
    name: str
    level: Level
    summary: str

    @property
    def documentation(self) -> str:
        """The documentation page as Markdown."""
        return f"# {self.name} ({self.code})\n\n{self.summary}\n\n**Level:** {self.level.value}\n"


TOOL_RULES = (
    ToolRule("NN001", "syntax-error", Level.ERROR, "A file or cell that Python cannot parse."),
    ToolRule("NN002", "unreadable-file", Level.ERROR, "A file or folder that cannot be read."),
    ToolRule("NN003", "invalid-notebook", Level.ERROR, "A file that is no valid notebook."),
    ToolRule("NN004", "unused-suppression", Level.WARNING, "A comment that suppresses no finding."),
    ToolRule(
        "NN005", "unknown-suppression", Level.WARNING, "A comment that names no rule of nnlint."
    ),
    ToolRule("NN006", "invalid-config", Level.ERROR, "A configuration file that cannot be used."),
    ToolRule("NN007", "rule-crash", Level.ERROR, "A fault of nnlint itself: please report it."),
)
TOOL = {tool.code: tool for tool in TOOL_RULES}


def every_rule() -> tuple[Rule | ToolRule, ...]:
    """The rules of all packs, and the findings of the tool itself, by code."""
    return (*TOOL_RULES, *load_rules())


@lru_cache(maxsize=1)
def load_rules() -> tuple[Rule, ...]:
    """Every rule of every installed rule pack, by code.

    Raises:
        RulePackError: a pack cannot be imported, holds a malformed rule, or two rules share
            a code or a name.
    """
    rules: dict[str, Rule] = {}
    names: dict[str, Rule] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        for rule in _rules_of(point):
            other = rules.get(rule.code) or names.get(rule.name)
            if other is not None and other.source != rule.source:
                raise RulePackError(
                    f"rule pack `{point.name}`: {rule.code} {rule.name} is defined already, "
                    f"in {other.source}"
                )
            rules[rule.code] = names[rule.name] = rule
    return tuple(rules[code] for code in sorted(rules))


@lru_cache(maxsize=1)
def pack_sources() -> tuple[str, ...]:
    """The Python files of every rule pack, on which the outcome of its rules depends."""
    folders = {Path(rule.source).parent for rule in load_rules()}
    tops = {f for f in folders if not any(other in f.parents for other in folders)}
    return tuple(sorted(str(p) for top in tops for p in top.rglob("*.py")))


def _rules_of(point: EntryPoint) -> Iterator[Rule]:
    package = f"`{point.name}`" + (f" of {point.dist.name}" if point.dist else "")
    try:
        for module in _modules(point):
            yield from (v for v in vars(module).values() if isinstance(v, Rule))
    except RuleDefinitionError as error:
        raise RulePackError(f"rule pack {package}: {error}") from error
    except Exception as error:
        reason = " ".join(str(error).split())
        raise RulePackError(
            f"rule pack {package} cannot be imported: {type(error).__name__}: {reason}"
        ) from error


def _modules(point: EntryPoint) -> Iterator[ModuleType]:
    package = point.load()
    yield package
    for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
        yield importlib.import_module(info.name)


def find_rule(name: str) -> Rule | ToolRule:
    """The rule of a code or name.

    Raises:
        ConfigError: there is none; the message has the closest.
    """
    for rule in every_rule():
        if name.upper() == rule.code or name.lower() == rule.name:
            return rule
    raise ConfigError(f"unknown rule `{name}`{closest(name, every_rule())}")


def select_rules(config: Config) -> tuple[Rule, ...]:
    """The rules that a configuration selects.

    Raises:
        ConfigError: a selector means no rule.
    """
    check_selectors(config, every_rule())
    return tuple(rule for rule in load_rules() if is_selected(config, rule))
