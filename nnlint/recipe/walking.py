"""A walk through the recipe: what the files of a project show, and what follows from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from nnlint.config import Config
from nnlint.finding import Finding, Stage
from nnlint.project.configurations import Configurations
from nnlint.project.mentions import Users
from nnlint.project.modules import ProjectModules
from nnlint.recipe.bullets import BULLETS
from nnlint.recipe.context import Context
from nnlint.recipe.deciding import decide
from nnlint.recipe.detectors import detectors
from nnlint.recipe.facts import facts_of
from nnlint.recipe.handing import handed_over
from nnlint.recipe.measured import Measured
from nnlint.recipe.model import Bullet, Evidence, RecipeReport
from nnlint.recipe.reaching import reached, unused
from nnlint.recipe.watching import Onlooker
from nnlint.semantics.analysis import analyse
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.source.discovery import Discovery
from nnlint.source.file import SourceError

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Shown:
    """What one file shows, or all of them together."""

    evidence: dict[Bullet, list[Evidence]] = field(default_factory=dict)
    facts: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Shown) -> None:
        """Take over what another file shows; what is known already is left out."""
        for bullet, evidence in other.evidence.items():
            known = self.evidence.setdefault(bullet, [])
            known += [one for one in dict.fromkeys(evidence) if one not in known]
        self.facts |= other.facts
        self.problems += other.problems

    def drop(self, evidence: Sequence[Evidence]) -> None:
        """Leave out some of the evidence."""
        for bullet, known in self.evidence.items():
            self.evidence[bullet] = [one for one in known if one not in evidence]


def walk_recipe(
    paths: Sequence[str],
    found: Discovery,
    findings: Iterable[Finding],
    config: Config,
    on_progress: Progress | None = None,
    only: str = "",
    measured: Measured | None = None,
) -> RecipeReport:
    """Say for every bullet of the recipe where a project stands.

    Parameters:
        findings: those of the rules that `bullets.codes` names, in the same files.
        only: the one bullet that is looked for, by default all.
        measured: what running the project has shown; see `nnlint.recipe.running`.
    """
    shown = Shown()
    modules = ProjectModules(found.roots, src=config.src)
    tops = [os.path.abspath(path) for path in paths]
    for number, name in enumerate(found.files):
        if on_progress is not None:
            on_progress(number, len(found.files))
        shown.add(look_at(name, modules, config.stage, found.files, tops, only))
    findings = reached(findings, found.files, modules)
    shown.drop(
        unused((one for known in shown.evidence.values() for one in known), found.files, modules)
    )
    if measured is not None:
        named = {bullet.name: bullet for bullet in BULLETS}
        for name, evidence in measured.evidence.items():
            shown.evidence.setdefault(named[name], []).extend(evidence)
    verdicts = tuple(
        decide(bullet, shown.evidence.get(bullet, ()), findings, shown.facts, config.stage)
        for bullet in BULLETS
        if only in ("", bullet.name)
    )
    return RecipeReport(
        tuple(paths),
        verdicts,
        config.stage,
        len(found.files),
        tuple(shown.problems),
        None if measured is None else tuple(measured.ran),
    )


def look_at(
    name: str,
    modules: ProjectModules,
    stage: Stage | None,
    files: Sequence[str] = (),
    tops: Sequence[str] = (),
    only: str = "",
) -> Shown:
    """What one file shows."""
    modules.start()
    shown = Shown()
    try:
        module = modules.parse(os.path.abspath(name))
    except (FileNotFoundError, SourceError) as error:
        shown.problems.append(f"{name}: {getattr(error, 'message', error)}")
        return shown
    onlooker = Onlooker()
    onlooker.machine = ObservedInterpreter(modules.load, onlooker)
    configurations = Configurations(modules)
    onlooker.machine.read_settings = configurations.read
    try:
        analysis = analyse(module, modules.load, onlooker.machine, users=Users(modules))
    except RecursionError:
        shown.problems.append(f"{name}: the code is nested too deeply to be analysed")
        return shown
    onlooker.trace_loops(analysis.programs)
    context = Context(
        module,
        analysis,
        onlooker.calls,
        onlooker.made_of,
        onlooker.values,
        configurations,
        stage,
        files,
        tops,
    )
    handed = handed_over(context, onlooker.machine)
    if handed:
        onlooker.trace_loops(handed)
        context = replace(context, handed=handed)
    shown.facts |= set(facts_of(context))
    for bullet, detector in detectors().items():
        if only not in ("", bullet.name):
            continue
        try:
            evidence = list(dict.fromkeys(detector(context)))
        except Exception as error:
            # a fault of one detector takes nothing from the others
            told = " ".join(f"{type(error).__name__}: {error}".split())
            shown.problems.append(f"{name}: the evidence of {bullet.name} crashed: {told}")
            continue
        if evidence:
            shown.evidence[bullet] = evidence
    return shown
