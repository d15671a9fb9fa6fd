"""Which rules a configuration selects: codes, prefixes, names, levels and `ALL`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from nnlint.config import Config, ConfigError, Selection
from nnlint.finding import Level

_PREFIX = re.compile(r"[A-Z]{2,8}\d{0,2}")


class Selectable(Protocol):
    """What selectors apply to: a rule, or a finding."""

    @property
    def code(self) -> str:
        """The code, such as `NN301`."""

    @property
    def name(self) -> str:
        """The name in kebab case."""

    @property
    def level(self) -> Level:
        """The level."""


def specificity(selector: str, rule: Selectable) -> int:
    """How precisely a selector means a rule: 0 not at all, then higher.

    `ALL` is weaker than a level, a level than a prefix, a prefix than a longer one, and
    all than the rule's own code or name.
    """
    if selector.upper() == rule.code or selector.lower() == rule.name:
        return 100
    if selector.upper() == "ALL":
        return 1
    if selector.lower() == rule.level.value:
        return 2
    if _PREFIX.fullmatch(selector.upper()) and rule.code.startswith(selector.upper()):
        return 2 + len(selector)
    return 0


def meant(selectors: Iterable[str], rule: Selectable) -> bool:
    """Whether any of the selectors means a rule."""
    return any(specificity(s, rule) for s in selectors)


def is_selected(config: Config, rule: Selectable) -> bool:
    """Whether a configuration selects a rule; pedantic ones only when it asks for them.

    As in Ruff, the more specific selector wins, `ignore` wins over `select` of the same
    specificity, and the command line wins over the file.
    """
    if config.levels:
        rule = _Releveled(rule.code, rule.name, level_of(config, rule))
    selected = rule.level is not Level.PEDANTIC
    for layer in (config.selection, config.command_line):
        selected = _apply(layer, rule, selected)
    return selected


@dataclass(frozen=True, slots=True)
class _Releveled:
    """A rule under the level that a configuration gives it."""

    code: str
    name: str
    level: Level


def level_of(config: Config, rule: Selectable) -> Level:
    """The level that a configuration gives a rule: the more specific selector wins."""
    found = max(
        ((specificity(s, rule), number) for number, (s, _) in enumerate(config.levels)),
        default=(0, 0),
    )
    return config.levels[found[1]][1] if found[0] else rule.level


def is_fixable(config: Config, rule: Selectable) -> bool:
    """Whether a configuration lets fixes of a rule be made; the more specific selector wins."""
    fixable = True
    for layer in (config.selection, config.command_line):
        wanted = max((specificity(s, rule) for s in layer.fixable or ()), default=0)
        refused = max((specificity(s, rule) for s in layer.unfixable), default=0)
        if refused and refused >= wanted:
            fixable = False
        else:
            fixable = wanted > 0 or (fixable and layer.fixable is None)
    return fixable


def _apply(layer: Selection, rule: Selectable, before: bool) -> bool:
    wanted = (*(layer.select or ()), *layer.extend_select)
    strongest = max((specificity(s, rule) for s in wanted), default=0)
    ignored = max((specificity(s, rule) for s in layer.ignore), default=0)
    if ignored and ignored >= strongest:
        return False
    return strongest > 0 or (before and layer.select is None)


def check_selectors(config: Config, rules: Iterable[Selectable]) -> None:
    """Make sure that every selector of a configuration means some rule.

    Raises:
        ConfigError: one means none; the message has the closest name.
    """
    known = tuple(rules)
    layers = (config.selection, config.command_line)
    selectors = [s for la in layers for s in (*(la.select or ()), *la.extend_select, *la.ignore)]
    selectors += [s for la in layers for s in (*(la.fixable or ()), *la.unfixable)]
    selectors += [s for _, codes in config.per_file_ignores for s in codes]
    selectors += [s for s, _ in config.levels]
    for selector in selectors:
        if not any(specificity(selector, rule) for rule in known):
            raise ConfigError(f"unknown rule selector `{selector}`{closest(selector, known)}")


def closest(name: str, rules: Iterable[Selectable]) -> str:
    """A hint at the code, name or level that `name` may stand for, or nothing."""
    close = closest_selector(name, rules)
    return f"; did you mean `{close}`?" if close else ""


def closest_selector(name: str, rules: Iterable[Selectable]) -> str:
    """The code, name or level that `name` may stand for; empty when none is like it."""
    import difflib

    known = {n.lower(): n for rule in rules for n in (rule.code, rule.name)}
    known |= {level.value: level.value for level in Level} | {"all": "ALL"}
    close = difflib.get_close_matches(name.lower(), known, 3)
    # of codes that are equally near, the one with a character too many behind it is meant
    begun = [word for word in close if name.lower().startswith(word)]
    return known[(begun or close)[0]] if close else ""
