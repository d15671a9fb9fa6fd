"""Checking one file: parse, interpret, ask every rule."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from nnlint.config import Config
from nnlint.context import Reporter
from nnlint.finding import Finding, Level, Related
from nnlint.project.ecosystem import takes_part
from nnlint.project.mentions import Users
from nnlint.project.modules import ProjectModules
from nnlint.project.results import FileResult
from nnlint.registry import is_own
from nnlint.rule import Builds, Calls, Matches, Programs, Rule
from nnlint.silence import crash, tool_finding
from nnlint.source.file import SourceError
from nnlint.source.prose import is_python
from nnlint.source.reading import content_hash, read_source
from nnlint.source.suppression import Suppression, may_suppress, read_suppressions
from nnlint.stopping import stop_if_asked
from nnlint.subscribing import subscribed_names
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.test_cases import is_test

if TYPE_CHECKING:
    from nnlint.semantics.values import Built, Operation


def check_file(
    display: str,
    config: Config,
    rules: Iterable[Rule],
    modules: ProjectModules,
    named: bool = False,
    folder: str = "",
) -> FileResult:
    """Check one file: every finding that its interpretation leads to.

    Parameters:
        named: whether the user names the file, which is then parsed even if it uses no
            PyTorch.
        folder: where its name begins, by default the current one.
    """
    modules.start()
    path = os.path.abspath(os.path.join(folder, display))
    digest = ""
    try:
        raw = modules.read(path)
        digest = content_hash(raw)
        if not takes_part(raw, display.endswith(".ipynb")):
            return _bystander(path, display, raw, modules if named else None, digest)
        module = modules.parse(path, raw)
    except FileNotFoundError:
        # gone since it was found: there is nothing to lint any more
        return FileResult()
    except SourceError as error:
        return FileResult((_source_finding(display, error),), digest=digest)
    broken = _broken_cells(module)
    findings, passed = _run_rules(module, modules, config, rules)
    return FileResult(
        (*broken, *findings),
        read_suppressions(module.source),
        True,
        digest,
        modules.consulted,
        tuple(passed),
    )


def _source_finding(display: str, error: SourceError) -> Finding:
    found = tool_finding(error.code, display, error.message, error.position, error.cell)
    return replace(found, level=Level.WARNING) if error.newer else found


def _broken_cells(module: ModuleSyntax) -> list[Finding]:
    """The findings about cells that cannot be parsed: several that are no code are one."""
    display = module.source.display
    foreign = [e for e in module.broken if not is_python(e.text)]
    if len(foreign) < 2:
        return [_source_finding(display, error) for error in module.broken]
    first, *others = foreign
    *some, last = [str(error.cell) for error in foreign]
    message = (
        f"cells {', '.join(some)} and {last} are no Python, but prose, output or another language: "
        "they are left out"
    )
    related = [Related(display, e.position, e.position, e.message, e.cell) for e in others]
    one = tool_finding(first.code, display, message, first.position, first.cell)
    return [
        replace(one, related=tuple(related)),
        *(_source_finding(display, e) for e in module.broken if e not in foreign),
    ]


def _bystander(
    path: str, display: str, raw: bytes, modules: ProjectModules | None, digest: str
) -> FileResult:
    """A file that uses no PyTorch is only looked at as far as costs little.

    Raises:
        SourceError: it is no text, or no Python and there are `modules` to parse it with.
    """
    comments: tuple[Suppression, ...] = ()
    if may_suppress(raw) or not raw.isascii() or b"\0" in raw:
        comments = read_suppressions(read_source(Path(path), display, raw))
    broken = _broken_cells(modules.parse(path, raw)) if modules else []
    # a digest that is kept would speak for runs in which the file is not named too
    kept = "" if broken else digest
    return FileResult(tuple(broken), comments, digest=kept)


class _ByKind:
    """What is called or built in a file, by the kinds and families of the library's entries."""

    def __init__(self, subjects: Iterable[Operation | Built]) -> None:
        self._places: dict[tuple[str, str], list[int]] = {}
        self._subjects = list(subjects)
        for place, subject in enumerate(self._subjects):
            entry = subject.entry
            self._places.setdefault((entry.kind, entry.family), []).append(place)

    def wanted_by(self, subscription: Calls | Builds) -> Iterator[Operation | Built]:
        """What a rule subscribes to, in order."""
        wanted = [places for key, places in self._places.items() if subscription.wants(*key)]
        return (self._subjects[place] for place in sorted(chain.from_iterable(wanted)))


def _run_rules(
    module: ModuleSyntax, modules: ProjectModules, config: Config, rules: Iterable[Rule]
) -> tuple[list[Finding], list[str]]:
    """The findings of rules, and the codes of those that gather for what they found in order."""
    from nnlint.matching import Matching
    from nnlint.project.configurations import Configurations
    from nnlint.semantics.analysis import analyse

    display = module.source.display
    # nothing that a test trains is kept, and its wrong inputs are meant: packs decide for themselves
    rules = tuple(r for r in rules if not is_own(r)) if is_test(module) else tuple(rules)
    if not rules:
        return [], []
    patterns = [s for rule in rules for s in rule.on if isinstance(s, Matches)]
    try:
        matching = Matching(module, patterns)
        machine = matching.interpreter(modules.load)
        words = subscribed_names(rule for rule in rules if not is_own(rule))
        analysis = analyse(
            module,
            modules.load,
            machine,
            users=Users(modules),
            words=words,
            sweeps=Configurations(modules).sweeps,
        )
    except RecursionError:
        return [tool_finding("NN001", display, "the code is nested too deeply to be analysed")], []
    except Exception as error:
        return [_crash(display, "the analysis of this file", error)], []
    reporter = Reporter(config.stage, matching, analysis.programs, config.options)
    operations, builds = _ByKind(analysis.operations), _ByKind(analysis.builds)
    crashes: list[Finding] = []
    for rule in rules:
        stop_if_asked()
        reporter.rule = rule
        try:
            for subscription in rule.on:
                if isinstance(subscription, Programs):
                    for program in analysis.programs:
                        if program.is_entry or not subscription.entry_only:
                            rule.check(program, reporter)
                elif isinstance(subscription, Matches):
                    for node in matching.nodes(subscription):
                        rule.check(node, reporter)
                else:
                    subjects = operations if isinstance(subscription, Calls) else builds
                    for subject in subjects.wanted_by(subscription):
                        rule.check(subject, reporter)
        except Exception as error:
            crashes.append(_crash(display, f"rule {rule.name}", error))
    return [*reporter.findings.values(), *crashes], reporter.in_order


def _crash(display: str, what: str, error: Exception) -> Finding:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return crash(display, f"{what} crashed: {told}", "".join(traceback.format_exception(error)))
