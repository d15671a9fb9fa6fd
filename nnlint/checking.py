"""Checking one file: parse, interpret, ask every rule."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nnlint.config import Config
from nnlint.context import Reporter
from nnlint.finding import Finding, Position
from nnlint.project.ecosystem import takes_part
from nnlint.project.modules import ProjectModules, content_hash
from nnlint.registry import TOOL_RULES
from nnlint.rule import Calls, Programs, Rule
from nnlint.source.file import SourceError, read_source
from nnlint.source.suppression import Suppression, read_suppressions
from nnlint.syntax.module import ModuleSyntax

TOOL = {tool.code: tool for tool in TOOL_RULES}


@dataclass(frozen=True, slots=True)
class FileResult:
    """What checking one file found; findings may lie in other files of the project."""

    findings: tuple[Finding, ...]
    comments: tuple[Suppression, ...] = ()
    """The suppression comments of the file itself."""
    digest: str = ""
    """Identity of the content that was checked; empty when it could not be read."""
    consulted: dict[str, str] | None = None
    """Other files the outcome depends on, each with its content's identity."""


def check_file(
    display: str,
    config: Config,
    rules: Iterable[Rule],
    modules: ProjectModules,
    raw: bytes | None = None,
) -> FileResult:
    """Check one file: every finding that its interpretation leads to."""
    modules.start()
    path = Path(os.path.abspath(display))
    try:
        raw = path.read_bytes() if raw is None else raw
    except OSError as error:
        return FileResult((tool_finding("NN002", display, f"cannot be read: {error.strerror}"),))
    digest = content_hash(raw)
    try:
        if not takes_part(raw, display.endswith(".ipynb")):
            return FileResult((), _comments_of_bystander(path, display, raw), digest)
        module = modules.parse(str(path), raw)
    except SourceError as error:
        return FileResult((_source_finding(display, error),), (), digest)
    broken = [_source_finding(display, error) for error in module.broken]
    findings = _run_rules(module, modules, config, rules)
    comments = tuple(read_suppressions(module.source))
    return FileResult((*broken, *findings), comments, digest, modules.consulted)


@contextmanager
def collected_file_by_file() -> Iterator[Callable[[], object]]:
    """Keep the garbage collector from running in the middle of files; yields what to call
    after each.

    What interpreting a file allocates lives until its end: looking through it again and
    again while it grows took a third of a run.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        # the young generation is what was allocated since the last call
        yield lambda: gc.collect(0)
    finally:
        if enabled:
            gc.enable()


def _source_finding(display: str, error: SourceError) -> Finding:
    finding = tool_finding(error.code, display, error.message, error.position)
    return replace(finding, cell=error.cell)


def _comments_of_bystander(path: Path, display: str, raw: bytes) -> tuple[Suppression, ...]:
    """A file that takes no part is only looked at as far as costs little.

    Raises:
        SourceError: it is no text.
    """
    lowered = raw.lower()
    if raw.isascii() and b"\0" not in raw and b"nnlint:" not in lowered and b"noqa" not in lowered:
        return ()
    return tuple(read_suppressions(read_source(path, display, raw)))


def _run_rules(
    module: ModuleSyntax, modules: ProjectModules, config: Config, rules: Iterable[Rule]
) -> list[Finding]:
    from nnlint.semantics.analysis import analyse

    display = module.source.display
    reporter = Reporter(config.stage)
    try:
        analysis = analyse(module, modules.load)
    except Exception as error:
        return [
            tool_finding("NN007", display, f"cannot be analysed: {type(error).__name__}: {error}")
        ]
    operations = list(analysis.operations)
    crashes: list[Finding] = []
    for rule in rules:
        reporter.rule = rule
        try:
            for subscription in rule.on:
                if isinstance(subscription, Programs):
                    for program in analysis.programs:
                        if program.is_entry or not subscription.entry_only:
                            rule.check(program, reporter)
                else:
                    for operation in operations:
                        if _subscribed(subscription, operation.entry.kind, operation.entry.family):
                            rule.check(operation, reporter)
        except Exception as error:
            message = (
                f"rule {rule.name} crashed: {type(error).__name__}: {error}; "
                "please report it with this file"
            )
            crashes.append(tool_finding("NN007", display, message))
    return [*reporter.findings.values(), *crashes]


def _subscribed(calls: Calls, kind: str, family: str) -> bool:
    return (not calls.kinds or kind in calls.kinds) and (
        not calls.families or family in calls.families
    )


def tool_finding(
    code: str, filename: str, message: str, position: Position = Position(1, 1)
) -> Finding:
    """A finding of the tool itself."""
    tool = TOOL[code]
    return Finding(
        code, tool.name, tool.level, message, filename, position, position, noqa_row=position.row
    )
