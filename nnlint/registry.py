"""Which rules there are, and which are selected."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from types import ModuleType

from nnlint.config import Config, ConfigError
from nnlint.finding import Level
from nnlint.rule import Rule, RuleDefinitionError

ENTRY_POINT_GROUP = "nnlint.rules"


@dataclass(frozen=True, slots=True)
class ToolRule:
    """A finding of the tool itself, which no rule function makes."""

    code: str
    name: str
    level: Level


TOOL_RULES = (
    ToolRule("NN001", "syntax-error", Level.ERROR),
    ToolRule("NN002", "unreadable-file", Level.ERROR),
    ToolRule("NN003", "invalid-notebook", Level.ERROR),
    ToolRule("NN004", "unused-suppression", Level.WARNING),
    ToolRule("NN005", "unknown-suppression", Level.WARNING),
    ToolRule("NN006", "invalid-config", Level.ERROR),
    ToolRule("NN007", "rule-crash", Level.ERROR),
)


def every_rule() -> tuple[Rule | ToolRule, ...]:
    """The rules of all packs, and the findings of the tool itself."""
    return (*load_rules(), *TOOL_RULES)


@lru_cache(maxsize=1)
def load_rules() -> tuple[Rule, ...]:
    """Every rule of every installed rule pack, by code.

    Raises:
        RuleDefinitionError: two rules share a code or a name.
    """
    rules: dict[str, Rule] = {}
    names: dict[str, Rule] = {}
    for module in _pack_modules():
        for value in vars(module).values():
            if not isinstance(value, Rule) or rules.get(value.code) is value:
                continue
            other = rules.get(value.code) or names.get(value.name)
            if other is not None and other.source != value.source:
                raise RuleDefinitionError(
                    f"{value.code} {value.name} is defined twice: {other.source}"
                )
            rules[value.code] = names[value.name] = value
    return tuple(rules[code] for code in sorted(rules))


def _pack_modules() -> Iterator[ModuleType]:
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        package = entry_point.load()
        yield package
        for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
            yield importlib.import_module(info.name)


def find_rule(name: str) -> Rule:
    """The rule of a code or name.

    Raises:
        ConfigError: there is none; the message has the closest.
    """
    for rule in load_rules():
        if name.upper() == rule.code or name.lower() == rule.name:
            return rule
    raise ConfigError(f"unknown rule `{name}`{_hint(name)}")


def _hint(name: str) -> str:
    known = [n for rule in every_rule() for n in (rule.code, rule.name)]
    close = difflib.get_close_matches(name.upper(), known, 1) or difflib.get_close_matches(
        name.lower(), known, 1
    )
    return f"; did you mean `{close[0]}`?" if close else ""


def check_selectors(selectors: Iterable[str]) -> None:
    """Make sure that every selector means some rule.

    Raises:
        ConfigError: one means none.
    """
    for selector in selectors:
        if not any(matches(selector, r.code, r.name, r.level) for r in every_rule()):
            raise ConfigError(f"unknown rule selector `{selector}`{_hint(selector)}")


def matches(selector: str, code: str, name: str, level: Level) -> bool:
    """Whether a code, prefix, name, level or `ALL` means a rule."""
    return (
        selector == "ALL"
        or selector.lower() in (name, level.value)
        or (selector.upper() == code[: len(selector)] and selector[:2].upper() == code[:2])
    )


def select_rules(config: Config, rules: Iterable[Rule] | None = None) -> tuple[Rule, ...]:
    """The rules that a configuration selects; pedantic ones only by name or code.

    Raises:
        ConfigError: a selector means no rule.
    """
    check_selectors((*config.select, *config.extend_select, *config.ignore))
    chosen = []
    for rule in load_rules() if rules is None else rules:

        def meant(selectors: Iterable[str], rule: Rule = rule) -> bool:
            return any(matches(s, rule.code, rule.name, rule.level) for s in selectors)

        default = rule.level is not Level.PEDANTIC
        wanted = meant(config.select) if config.select else default
        if (wanted or meant(config.extend_select)) and not meant(config.ignore):
            chosen.append(rule)
    return tuple(chosen)
