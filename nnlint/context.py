"""What a rule reports to: sites become findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnlint.config import Options
from nnlint.finding import Finding, Fix, Level, Position, Related, Stage
from nnlint.rewriting.changes import Changes
from nnlint.rule import Rule, RuleDefinitionError
from nnlint.semantics.values import Site, Value
from nnlint.syntax.statements import statement_rows

if TYPE_CHECKING:
    from nnlint.matching import Matching
    from nnlint.semantics.analysis import Program


class Reporter:
    """The `Context` of every rule for one file."""

    def __init__(
        self,
        stage: Stage | None,
        matching: Matching,
        programs: Sequence[Program],
        options: Options = (),
    ) -> None:
        self._stage = stage
        self._options = options
        self._matching = matching
        self._programs = programs
        self.rule: Rule | None = None
        self.findings: dict[tuple[object, ...], Finding] = {}
        self.in_order: list[str] = []
        """The code of a rule that gathers, for each place that it found in order."""

    @property
    def stage(self) -> Stage | None:
        """The stage of the recipe the project is in, if configured."""
        return self._stage

    @property
    def programs(self) -> Sequence[Program]:
        """The programs of the file."""
        return self._programs

    def site(self, node: Any) -> Site:
        """The place of a LibCST node; see `nnlint.rule.Context`."""
        return self._matching.site(node)

    def value_of(self, node: Any) -> Value:
        """What is known of an expression; see `nnlint.rule.Context`."""
        return self._matching.value_of(node)

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
        """Report a finding; see `nnlint.rule.Context`."""
        rule = self.rule
        assert rule is not None
        if not message.strip():
            raise RuleDefinitionError(f"{rule.name} reports without a message")
        if fix is not None and rule.fix is None:
            raise RuleDefinitionError(f"{rule.name} reports a fix that it does not declare")
        if level is not None and level.severity < rule.level.severity:
            raise RuleDefinitionError(f"{rule.name} reports {level.value}, and declares less")
        cell, start, end = place(site)
        key = (site.module.source.display, cell, start, rule.code)
        if key in self.findings:
            return
        first, last = _statement_rows(site)
        finding = Finding(
            code=rule.code,
            name=rule.name,
            level=level or rule.level,
            message=message,
            filename=site.module.source.display,
            start=start,
            end=end,
            help=help,
            stages=rule.stages,
            recipe=rule.recipe,
            explanation=rule.explanation,
            url=rule.url,
            related=tuple(_related(s, text) for s, text in related),
            cell=cell,
            first_row=first,
            noqa_row=last,
            probe=rule.probe if probe is None else probe or None,
        )
        title, changes = fix or ("", ())
        if callable(changes):
            changes = changes()
        if rule.fix is not None and changes:
            # a fix that reaches beyond the file that the finding is in is nobody's to make
            if all(change.filename == finding.filename for change in changes):
                finding = replace(finding, fix=Fix(title, rule.fix, changes))
        self.findings[key] = finding

    def option(self, name: str) -> Any:
        """The value of an option of the rule; see `nnlint.rule.Context`."""
        rule = self.rule
        if rule is None or name not in rule.options:
            raise RuleDefinitionError(f"{rule and rule.name}: there is no option `{name}`")
        for selector, values in self._options:
            if selector in (rule.code, rule.name) and name in dict(values):
                value = dict(values)[name]
                return list(value) if isinstance(value, tuple) else value
        return rule.options[name]

    def passed(self) -> None:
        """Note a place that is in order; see `nnlint.rule.Context`."""
        if self.rule is not None and self.rule.gather:
            self.in_order.append(self.rule.code)


def place(site: Site) -> tuple[int | None, Position, Position]:
    """The notebook cell, start and end of a site, as the user sees them."""
    (row, column), (end_row, end_column) = site.module.span(site.node)
    cell, start = site.module.source.position(row, column)
    return cell, start, site.module.source.position(end_row, end_column)[1]


def _statement_rows(site: Site) -> tuple[int, int]:
    first, last = statement_rows(site.module, site.node)
    source = site.module.source
    return source.position(first, 1)[1].row, source.position(last, 1)[1].row


def _related(site: Site, message: str) -> Related:
    cell, start, end = place(site)
    return Related(site.module.source.display, start, end, message, cell)
