"""Which rules there are."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nnlint import page_of
from nnlint.config import Config, ConfigError
from nnlint.finding import Applicability, Level
from nnlint.local import local_modules, package_of
from nnlint.packs import RulePackError, installed, local_folders, row_files
from nnlint.selection import check_selectors, closest, is_selected
from nnlint.text import hint

if TYPE_CHECKING:
    from nnlint.rule import Rule


@dataclass(frozen=True, slots=True)
class ToolRule:
    """A finding of the tool itself, which no rule function makes."""

    code: str
    name: str
    level: Level
    summary: str
    fix: Applicability | None = None

    @property
    def url(self) -> str:
        """Where its page is."""
        return page_of(self.name)

    @property
    def documentation(self) -> str:
        """The documentation page as Markdown."""
        facts = f"**Level:** {self.level.value}"
        if self.fix is not None:
            facts += f" · **Fix:** {self.fix.value}"
        return f"# {self.name} ({self.code})\n\n{self.summary}\n\n{facts}\n"


TOOL_RULES = (
    ToolRule("NN001", "syntax-error", Level.ERROR, "A file or cell that Python cannot parse."),
    ToolRule("NN002", "unreadable-file", Level.ERROR, "A file or folder that cannot be read."),
    ToolRule("NN003", "invalid-notebook", Level.ERROR, "A file that is no valid notebook."),
    ToolRule(
        "NN004",
        "unused-suppression",
        Level.WARNING,
        "A comment that suppresses no finding. The fix takes it out, or the one of its rules that "
        "is not reported there; other words of the comment stay.",
        Applicability.SAFE,
    ),
    ToolRule(
        "NN005",
        "unknown-suppression",
        Level.WARNING,
        "A comment that names no rule of nnlint. Where a rule of nearly that name is reported, the "
        "fix names it.",
        Applicability.SAFE,
    ),
    ToolRule("NN006", "invalid-config", Level.ERROR, "A configuration file that cannot be used."),
    ToolRule("NN007", "rule-crash", Level.ERROR, "A fault of nnlint itself: please report it."),
)
TOOL = {tool.code: tool for tool in TOOL_RULES}


def every_rule() -> tuple[Rule | ToolRule, ...]:
    """The rules of all packs, and the findings of the tool itself, by code."""
    return (*TOOL_RULES, *load_rules())


def load_rules() -> tuple[Rule, ...]:
    """Every rule of every installed rule pack and of the local folders, by code.

    Raises:
        RulePackError: a pack or file cannot be imported, holds a malformed rule, or two rules
            share a code or a name.
    """
    return _load_rules(local_folders())


@lru_cache(maxsize=8)
def _load_rules(local: tuple[str, ...]) -> tuple[Rule, ...]:
    from nnlint.semantics.library import load_library
    from nnlint.subscribing import check_subscriptions

    rules: dict[str, Rule] = {}
    names: dict[str, Rule] = {}
    for point in installed():
        pack = f"`{point.name}`" + (f" of {point.dist.name}" if point.dist else "")
        for rule in _rules_of(f"rule pack {pack}", _modules(point), point.module):
            _add(rule, f"rule pack `{point.name}`", rules, names)
    for folder in local:
        where = f"local rules in {folder}"
        found = list(_rules_of(where, local_modules(folder), package_of(folder)))
        if not found and not any(file.parent == Path(folder).resolve() for file in row_files()):
            raise RulePackError(f"{where}: there are neither rules nor library rows")
        for rule in found:
            other = rules.get(rule.code)
            if other is not None and other.name == rule.name and not is_own(other):
                # what is being written takes the place of what was installed before
                del rules[rule.code], names[rule.name]
            _add(rule, where, rules, names)
    loaded = tuple(rules[code] for code in sorted(rules))
    for rule in loaded:
        if not is_own(rule):
            check_subscriptions(rule)
    if row_files():
        # a row that is none is told before anything is linted
        load_library()
    return loaded


def _add(rule: Rule, origin: str, rules: dict[str, Rule], names: dict[str, Rule]) -> None:
    other = rules.get(rule.code) or names.get(rule.name)
    if other is not None and other.source != rule.source:
        raise RulePackError(
            f"{origin}: {rule.code} {rule.name} is defined already, in {other.source}"
        )
    rules[rule.code] = names[rule.name] = rule


def is_own(rule: Rule) -> bool:
    """Whether a rule is nnlint's own."""
    from nnlint.rule import OWN_CODE

    return OWN_CODE.fullmatch(rule.code) is not None


def rule_folders() -> tuple[str, ...]:
    """The folders that the rules of installed packs are in, none of which is in another."""
    local = local_folders()
    packages = tuple(f"{package_of(folder)}." for folder in local)
    folders = {
        Path(rule.source).parent
        for rule in _load_rules(local)
        if not rule.check.__module__.startswith(packages)
    }
    tops = {f for f in folders if not any(other in f.parents for other in folders)}
    return tuple(sorted(map(str, tops)))


def _rules_of(pack: str, modules: Iterable[ModuleType], package: str) -> Iterator[Rule]:
    from nnlint.rule import Rule, RuleDefinitionError

    try:
        for module in modules:
            yield from (v for v in vars(module).values() if isinstance(v, Rule))
    except Exception as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        reason = " ".join(said.split())
        where = _place(error, package)
        if isinstance(error, RuleDefinitionError):
            raise RulePackError(f"{pack}: {where}{reason}") from error
        raise RulePackError(
            f"{pack} cannot be imported: {where}{type(error).__name__}: {reason}"
        ) from error


def _place(error: Exception, package: str) -> str:
    """Where in a pack's own files something went wrong."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: "
    own = [
        f"{frame.f_code.co_filename}:{row}: "
        for frame, row in traceback.walk_tb(error.__traceback__)
        if f"{frame.f_globals.get('__name__')}.".startswith(f"{package.partition('.')[0]}.")
    ]
    return own[-1] if own else ""


def _modules(point: EntryPoint) -> Iterator[ModuleType]:
    package = point.load()
    yield package
    for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
        yield importlib.import_module(info.name)


def check_options(config: Config) -> None:
    """Make sure that the options of a configuration are those of rules.

    Raises:
        ConfigError: there is no such rule or option, or a value is of another kind.
    """
    for selector, values in config.options:
        found = [r for r in load_rules() if selector in (r.code, r.name)]
        if not found:
            told = closest(selector, load_rules())
            raise ConfigError(f"`options`: no rule is called `{selector}`{told}")
        known = found[0].options
        for name, value in values:
            if name not in known:
                raise ConfigError(
                    f"`options`: {found[0].name} has no option `{name}`{hint(name, known)}"
                )
            if not _is_like(value, known[name]):
                raise ConfigError(
                    f"`options`: `{name}` of {found[0].name} cannot be {value!r}: "
                    f"it is {known[name]!r} where nothing is set"
                )


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, list):
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if isinstance(default, float) and not isinstance(value, bool):
        return isinstance(value, int | float)
    return type(value) is type(default)


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
