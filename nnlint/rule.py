"""The public API for rule authors.

A rule is one stateless function in one file. The decorator carries what the engine must
know about it; the docstring is its documentation page; the body asks the semantic model
one question and reports::

    @rule("ACME001", level=Level.ERROR, on=Calls(kind="loss", family="cross_entropy"))
    def my_rule(loss: Operation, context: Context) -> None:
        \"\"\"One line of documentation; sections (`## Use instead`) go below it.\"\"\"
        context.report(loss.site, f"`{loss.site.text}` does this to the run")

What a rule looks at is one or several of:

- `Calls(kind=..., family=...)`: interpreted calls of operations, layers and losses
- `Builds(kind=..., family=...)`: objects that are built, such as loaders, optimizers, layers
- `Programs()`: whole training programs, with the order of events in them
- `Matches(pattern, words=...)`: source as it is written, by a pattern of `libcst.matchers`

`nnlint debug FILE` shows the kinds and families of what a file calls and builds.

Fixes
-----
A rule that can mend what it reports declares how far the change may be trusted
(`fix=Applicability.SAFE`: the program computes the same or only the plainly meant thing;
`UNSAFE`: the likely meant thing) and hands a title and changes to `report`::

    context.report(
        step.site,
        message,
        fix=("Clear the gradients first", changes.insert_before(backward.site, f"{name}.zero_grad()")),
    )

`changes` says what to do; `nnlint.rewriting` does it in the file's LibCST tree, keeps every
comment and every other character, and only when somebody wants the fix:

- `replace(site, text)`, `unwrap(call, argument)`
- `insert_before(site, line, ...)`, `insert_after(site, line, ...)`, `delete_statement(site)`
- `move_before(site, other)`, `move_behind(site, other)`, `wrap(site, header)`, `take_out_of(site, outer)`
- `set_keyword(call, name, value)`, `remove_keyword(call, name)`, `remove_items(container, item, ...)`
- `together(changes, ...)` for several changes that only make sense together
- `source_text(site)`: the code as it is written, where `site.text` is for messages

`reference(site, "torch.manual_seed")` tells what to call something at a place, by the
file's own imports and aliases, and adds an import where there is none::

    seed, imported = reference(site, "torch.manual_seed")
    fix = ("Fix the seed", changes.together(imported, changes.insert_before(site, f"{seed}(0)")))

Where changes do not go together the functions return None, and the finding is reported
without a fix; so is one whose changes lie in another file, and one that the source leaves no
room for. A fix uses the user's own
names and is right in its context: the engine applies it, parses and lints the result, and
drops it unless the finding is gone and no other has come.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Protocol

from nnlint import page_of
from nnlint.finding import Applicability, Level, Stage
from nnlint.rewriting import changes
from nnlint.rewriting.changes import Changes
from nnlint.rewriting.imports import reference

SECTIONS = (
    "What it does",
    "Why it hurts training",
    "Example",
    "Use instead",
    "When not to use it",
    "References",
)
"""The headings of the page of a rule of nnlint's own, in their order; all are required there."""
OWN_CODE = re.compile(r"NN\d{3}")
"""The codes of nnlint's own rules."""


class RuleDefinitionError(Exception):
    """A rule's declaration is incomplete or contradicts itself."""


@dataclass(frozen=True, slots=True)
class _ByKind:
    """Subscribes to library APIs by the kind and family of their entry, where these are given."""

    kinds: frozenset[str]
    families: frozenset[str]

    def __init__(self, kind: str | Iterable[str] = (), family: str | Iterable[str] = ()) -> None:
        object.__setattr__(self, "kinds", _names(kind))
        object.__setattr__(self, "families", _names(family))

    def wants(self, kind: str, family: str) -> bool:
        """Whether the rule gets what is of a kind and family."""
        return _fits(self.kinds, kind) and _fits(self.families, family)


class Calls(_ByKind):
    """Subscribes to interpreted calls of library APIs, by kind and family.

    The rule gets each `Operation` whose library entry has one of `kinds` and, when
    given, one of `families`.
    """

    __slots__ = ()


class Builds(_ByKind):
    """Subscribes to objects of library classes that a program builds, by kind and family.

    The rule gets each `Built`: a loader, an optimizer, a scheduler, a layer, a dataset, a loss,
    a transform. Its `arguments` hold what it is built with, `explicit` the names of those that
    the program passes itself.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Programs:
    """Subscribes to training programs: one `Program` with its timeline per entry point."""

    entry_only: bool = False
    """Only programs that a person starts: `__main__` blocks, scripts, commands."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Subscribes to source as it is written: the rule gets each LibCST node that matches.

    `context.value_of(node)` says what the interpreter knows of an expression in it, and
    `context.site(node)` is the place to report.
    """

    pattern: Callable[[Any], Any]
    """Makes the pattern, given `libcst.matchers`, which nothing imports before it is needed."""
    words: tuple[str | re.Pattern[str], ...]
    """Texts, or expressions for them, of which a statement at the top of a file holds one, on one
    row, where the pattern matches in it; others are not parsed. In texts, blanks before a bracket
    make no difference."""
    holds: Callable[[ast.AST], bool] | None
    """What a node of Python's own `ast` is, without which the pattern matches nothing around it:
    asked where words alone would let too much be parsed. Of a class only the statements are parsed
    that it stands in."""

    def __init__(
        self,
        pattern: Callable[[Any], Any],
        words: str | re.Pattern[str] | Iterable[str | re.Pattern[str]],
        holds: Callable[[ast.AST], bool] | None = None,
    ) -> None:
        given = (words,) if isinstance(words, str | re.Pattern) else tuple(words)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "words", given)
        object.__setattr__(self, "holds", holds)
        if not all(self.words) or not self.words:
            raise RuleDefinitionError("a pattern needs words that tell which files to look at")


Subscription = Calls | Builds | Programs | Matches


class Site(Protocol):
    """A place in the linted source: a module and a syntax node in it."""

    @property
    def text(self) -> str:
        """The source text of the node, on one line."""


class Context(Protocol):
    """What a rule may ask for besides the semantic model, and how it reports."""

    @property
    def stage(self) -> Stage | None:
        """The stage of the recipe the project is in, if configured."""

    @property
    def programs(self) -> Sequence[Any]:
        """The programs of the file, each a `nnlint.semantics.analysis.Program`."""

    def site(self, node: Any) -> Any:
        """The place of a LibCST node that a rule was given, or of one in it.

        Raises:
            LookupError: it is no expression or statement.
        """

    def value_of(self, node: Any) -> Any:
        """What the interpreter knows of an expression in a LibCST node that a rule was given.

        Returns:
            A `nnlint.semantics.values.Value`: `Unknown` where it knows nothing.
        """

    def report(
        self,
        site: Site,
        message: str,
        *,
        help: str = "",
        related: Iterable[tuple[Site, str]] = (),
        fix: tuple[str, Changes | Callable[[], Changes]] | None = None,
        level: Level | None = None,
        probe: str | None = None,
    ) -> None:
        """Report a finding at `site`.

        Parameters:
            message: what happens, in one sentence that names the user's own variables.
            help: what to write instead, in one sentence.
            related: other places, each with what it shows.
            fix: a title, as an instruction, and the changes, or a function that works them out,
                called where the finding is new; see the module's "Fixes".
            level: a lower level than the rule's own, for what does less harm.
            probe: another runtime probe than the rule's own; empty where none can decide it.

        Raises:
            RuleDefinitionError: there is no message, a fix is given but the rule declares none,
                or the level is graver than the declared one.
        """

    def option(self, name: str) -> Any:
        """The value of one of the rule's own options: what the configuration sets, else what the
        rule declares.

        Raises:
            RuleDefinitionError: the rule declares none of that name.
        """

    def passed(self) -> None:
        """Note that a place was looked at and is in order, for a rule that gathers: where most
        places of a project are, each of the others keeps a finding of its own."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine sees it."""

    code: str
    name: str
    level: Level
    recipe: str
    check: Callable[[Any, Any], None]
    on: tuple[Subscription, ...]
    stages: tuple[Stage, ...]
    fix: Applicability | None
    probe: str | None
    summary: str
    sections: Mapping[str, str]
    source: str
    """File of the rule, part of the cache key."""
    gather: str = ""
    """What each place that it looks at is, as a noun, when most places of a project having a
    finding makes one finding of the project; empty when findings stay apart."""
    flows: bool = False
    """Whether its related places are, in their order, the way of a value that ends in what it
    reports."""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What a configuration may set for it, by name in kebab case, each with what it is else."""

    @property
    def url(self) -> str:
        """Where its page is; of a rule of others, the first address among its references."""
        if OWN_CODE.fullmatch(self.code):
            return page_of(self.name)
        address = re.search(r"https?://[^\s)>]+", self.sections.get("References", ""))
        return address[0] if address else ""

    @property
    def explanation(self) -> str:
        """The first paragraph of "Why it hurts training", on one line; empty without one."""
        why = self.sections.get("Why it hurts training", "")
        return " ".join(why.split("\n\n")[0].split())

    @property
    def documentation(self) -> str:
        """The documentation page as Markdown."""
        facts = [f"**Level:** {self.level.value}"]
        if self.recipe:
            facts.append(f"**Recipe:** {self.recipe}")
        if self.stages:
            facts.append("**Stage:** " + ", ".join(stage.value for stage in self.stages))
        facts.append(f"**Fix:** {self.fix.value if self.fix else 'none'}")
        if self.probe:
            facts.append(f"**Verify:** {self.probe}")
        if self.options:
            told = (f"`{name} = {json.dumps(value)}`" for name, value in self.options.items())
            facts.append("**Options:** " + ", ".join(told))
        parts = [f"# {self.name} ({self.code})", self.summary, " · ".join(facts)]
        # tests read the markers; people are told what they mean
        parts += [
            f"## {title}\n\n{re.sub('# want: .*', '# reported', text)}"
            for title, text in self.sections.items()
        ]
        return "\n\n".join(parts) + "\n"


def rule(
    code: str,
    *,
    level: Level,
    recipe: str = "",
    on: Subscription | Iterable[Subscription],
    stages: Iterable[Stage] = (),
    fix: Applicability | None = None,
    probe: str | None = None,
    gather: str = "",
    flows: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Callable[[Callable[[Any, Any], None]], Rule]:
    """Declare a rule; see the module docstring for the shape.

    A rule of nnlint's own has a page with all `SECTIONS` and a place in the recipe; any other
    needs one line of documentation.

    Parameters:
        code: capital letters and three digits; `NN` is nnlint's own.
        recipe: the section of the recipe that it comes from.
        gather: see `Rule.gather`.
        flows: see `Rule.flows`.
        options: what a configuration may set for it, in `[tool.nnlint.options.<name of the rule>]`,
            by name in kebab case: each with what it is else, which is true or false, a number, a
            string or a list of strings. `context.option(name)` is its value.

    Raises:
        RuleDefinitionError: the code is malformed, there is no documentation, or the
            function's name differs from its file's.
    """

    def declare(check: Callable[[Any, Any], None]) -> Rule:
        name = check.__name__.replace("_", "-")
        if not re.fullmatch(r"[A-Z]{2,8}\d{3}", code):
            raise RuleDefinitionError(f"{name}: code {code!r} is not letters and three digits")
        source = inspect.getfile(check)
        if PurePath(source).stem != check.__name__:
            raise RuleDefinitionError(
                f"{name}: function `{check.__name__}` and file {PurePath(source).name} disagree"
            )
        for option, value in (options or {}).items():
            if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", option) or not is_option(value):
                raise RuleDefinitionError(f"{name}: `{option}` = {value!r} is no option")
        summary, sections = _read_documentation(name, check.__doc__)
        if OWN_CODE.fullmatch(code):
            _check_page(name, recipe, sections)
        return Rule(
            code=code,
            name=name,
            level=level,
            recipe=recipe,
            check=check,
            on=(on,) if isinstance(on, Subscription) else tuple(on),
            stages=tuple(stages),
            fix=fix,
            probe=probe,
            summary=summary,
            sections=MappingProxyType(sections),
            source=source,
            gather=gather,
            flows=flows,
            options=MappingProxyType(dict(options or {})),
        )

    return declare


def is_option(value: Any) -> bool:
    """Whether a value is one that an option may have."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, bool | int | float | str)


def _read_documentation(name: str, docstring: str | None) -> tuple[str, dict[str, str]]:
    text = inspect.cleandoc(docstring or "")
    summary, *rest = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    if not summary.strip():
        raise RuleDefinitionError(f"{name}: the docstring starts with a one-line summary")
    sections = {title: body.strip() for title, body in zip(rest[::2], rest[1::2], strict=True)}
    return summary.strip(), sections


def _check_page(name: str, recipe: str, sections: Mapping[str, str]) -> None:
    if tuple(sections) != SECTIONS or not all(sections.values()):
        raise RuleDefinitionError(
            f"{name}: the docstring needs the sections {', '.join(SECTIONS)}, in this order"
        )
    if not recipe:
        raise RuleDefinitionError(f"{name}: it needs a place in the recipe")


def _fits(wanted: frozenset[str], word: str) -> bool:
    return not wanted or word in wanted


def _names(value: str | Iterable[str]) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value)


__all__ = [
    "SECTIONS",
    "Applicability",
    "Builds",
    "Calls",
    "Changes",
    "Context",
    "Level",
    "Matches",
    "Programs",
    "Rule",
    "RuleDefinitionError",
    "Site",
    "Stage",
    "changes",
    "reference",
    "rule",
]
