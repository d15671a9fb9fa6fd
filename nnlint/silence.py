"""Which findings are reported: suppression comments, ignored files, deselected rules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nnlint.config import Config
from nnlint.finding import Applicability, Change, ChangeKind, Finding, Fix, Position
from nnlint.listing import every_name
from nnlint.registry import TOOL
from nnlint.selection import (
    closest,
    closest_selector,
    is_fixable,
    is_selected,
    level_of,
    meant,
    specificity,
)
from nnlint.source.patterns import compiled
from nnlint.source.suppression import Suppression

if TYPE_CHECKING:
    from nnlint.source.patterns import Patterns

FAILED = frozenset({"NN006", "NN007"})
"""Findings that say the tool could not do its job."""
FATAL = frozenset({"NN001", "NN002", "NN003"}) | FAILED
"""Findings that say something was not linted; no comment and no selector hides them."""


def tool_finding(
    code: str,
    filename: str,
    message: str,
    position: Position = Position(1, 1),
    cell: int | None = None,
) -> Finding:
    """A finding of the tool itself."""
    tool = TOOL[code]
    return Finding(
        code,
        tool.name,
        tool.level,
        message,
        filename,
        position,
        position,
        url=tool.url,
        cell=cell,
        noqa_row=position.row,
    )


def crash(filename: str, what: str, trace: str = "") -> Finding:
    """The finding that nnlint itself failed on a file.

    Parameters:
        what: what happened, as a sentence about the file.
        trace: where it happened, for the report of the fault.
    """
    message = f"{what}; please report it with this file"
    return replace(tool_finding("NN007", filename, message), explanation=trace)


def reported(
    findings: Iterable[Finding],
    comments: Mapping[str, tuple[Suppression, ...]],
    config_of: Callable[[Path], Config],
    judged: Callable[[str], bool],
) -> list[Finding]:
    """The findings that are left, and those about comments that suppress nothing.

    Parameters:
        comments: the suppression comments of each file that has some.
        config_of: the configuration of a folder.
        judged: whether all findings that a file can have are among `findings`, so that a
            comment that suppresses none of them is unused.
    """
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.filename, []).append(finding)
    kept: list[Finding] = []
    for name in {**by_file, **comments}:
        config = config_of(Path(os.path.abspath(name)).parent)
        file = _File(name, config, comments.get(name, ()))
        left = [f for f in by_file.get(name, ()) if not file.hides(f)]
        left += file.about_comments(judged(name))
        kept += [_configured(f, config) for f in left if not _ignored_in_file(f, config)]
    return sorted(kept, key=lambda f: f.sort_key)


def _configured(finding: Finding, config: Config) -> Finding:
    """A finding under the level that its rule is given, and with a fix where one is wanted."""
    if finding.code not in FATAL and config.levels:
        finding = replace(finding, level=level_of(config, finding))
    if finding.fix is not None and not is_fixable(config, finding):
        finding = replace(finding, fix=None)
    return finding


class _File:
    def __init__(self, name: str, config: Config, comments: tuple[Suppression, ...]) -> None:
        self._name = name
        self._config = config
        self._comments = comments
        self._used: set[tuple[Suppression, str]] = set()
        self._near: dict[Suppression, set[str]] = {}
        """The codes and names of what is found where a comment counts."""

    def hides(self, finding: Finding) -> bool:
        """Whether a comment or the selection leaves a finding out."""
        if finding.code in FATAL:
            return False
        # every comment that means it is in use, so none may be passed over
        hidden = False
        for comment in self._comments:
            if comment.covers(finding.cell, finding.rows):
                self._near.setdefault(comment, set()).update((finding.code, finding.name))
                for selector in comment.selectors or ("ALL",):
                    if specificity(selector, finding):
                        self._used.add((comment, selector))
                        hidden = True
        return hidden or not is_selected(self._config, finding)

    def about_comments(self, judged: bool) -> Iterable[Finding]:
        """Findings about comments that are malformed, unknown or unused."""
        for comment in self._comments:
            for code, text, fix in self._faults(comment, judged):
                position = Position(comment.row, comment.column)
                finding = tool_finding(code, self._name, text, position, comment.cell)
                finding = replace(finding, fix=fix)
                if is_selected(self._config, finding):
                    yield finding

    def _faults(self, comment: Suppression, judged: bool) -> Iterable[tuple[str, str, Fix | None]]:
        if comment.malformed:
            yield (
                "NN005",
                "this comment is in no form that nnlint knows and suppresses nothing: write "
                "`# nnlint: ignore[name]`, `# nnlint: ignore-file[name]`, or "
                "`# nnlint: disable[name]` on a line of its own",
                None,
            )
            return
        # what is left out for once may be what the comment is for
        whole = self._config.command_line.select is None and not self._config.command_line.ignore
        for selector in comment.selectors:
            rules = [r for r in every_name() if specificity(selector, r)]
            if not rules:
                if comment.ours or selector.upper().startswith("NN"):
                    hint = closest(selector, every_name())
                    fix = self._named(comment, selector, closest_selector(selector, every_name()))
                    yield "NN005", f"no rule is called `{selector}`{hint}", fix
            elif judged and comment.ours and (comment, selector) not in self._used:
                selected = [is_selected(self._config, r) and r.code not in FATAL for r in rules]
                if all(selected) if len(selected) == 1 else any(selected) and whole:
                    fix = self._fix(comment, "Take it out", comment.without(selector))
                    yield "NN004", f"`{selector}` is not reported here: the comment can go", fix
        unused = comment.ours and (comment, "ALL") not in self._used
        if not comment.selectors and judged and whole and unused:
            fix = self._fix(comment, "Take it out", comment.without("ALL"))
            yield "NN004", "nothing is reported here: the comment can go", fix

    def _named(self, comment: Suppression, selector: str, name: str) -> Fix | None:
        """The fix that names a rule, where it is reported and so must have been meant."""
        if name not in self._near.get(comment, ()):
            return None
        return self._fix(comment, f"Write `{name}`", comment.renamed(selector, name))

    def _fix(self, comment: Suppression, title: str, text: str) -> Fix:
        texts = (comment.comment, text)
        change = Change(ChangeKind.REWRITE_COMMENT, self._name, (comment.place,), texts)
        return Fix(title, Applicability.SAFE, (change,))


def _ignored_in_file(finding: Finding, config: Config) -> bool:
    path = os.path.abspath(finding.filename)
    return any(
        meant(selectors, finding) and _compiled(pattern).match_file(path)
        for pattern, selectors in config.per_file_ignores
    )


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Patterns:
    return compiled([pattern])
