"""`nnlint verify PATH`: every model of a file or a project, probed without being named."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.finding import Finding
from nnlint.verify.catalogue import ALIASES
from nnlint.verify.running import Conditions, verify_target
from nnlint.verify.session import Outcome, ProbeResult
from nnlint.verify.targets import Target

PROBES = (
    "batch-dependency",
    "unregistered-parameters",
    "dead-parameters",
    "batch-of-one",
    "eval-determinism",
    "variance-shift",
    "input-use",
)
"""What can be asked of a model of which nothing is known, cheapest and surest first."""
SHORTEST = 5.0
"""Seconds with which it is still worth beginning with a model."""
_DROPOUT = re.compile(r"dropout|bernoulli")
_NO_MODELS = ("Function", "Protocol", "Dataset", "NamedTuple")
"""Bases of classes whose `forward` is another thing."""


@dataclass(frozen=True, slots=True)
class Model:
    """A class that was found, and what came of it."""

    target: Target
    rows: tuple[int, int]
    """First and last row of the class."""
    outcome: Outcome | None = None
    """None where the time was up before."""

    @property
    def confirmed(self) -> list[ProbeResult]:
        """The faults that were shown.

        That an example alone gives another output than in a batch is no second fault where
        examples mix, and none where outputs are random. Numbers drawn in eval mode are one
        where they are those of a dropout: what samples otherwise may be meant to.
        """
        shown = {r.probe: r for r in self.results if r.status == "CONFIRMED"}
        random = shown.get("eval-determinism")
        if random or "batch-dependency" in shown:
            shown.pop("batch-of-one", None)
        if random and not _DROPOUT.search(
            str((random.evidence.get("culprit") or {}).get("operation"))
        ):
            del shown["eval-determinism"]
        return list(shown.values())

    @property
    def results(self) -> list[ProbeResult]:
        """The answers; none where it was not built."""
        return self.outcome.results if self.outcome and not self.outcome.failure else []

    @property
    def built(self) -> bool:
        """Whether there was something to ask."""
        return bool(self.results)

    @property
    def why_not(self) -> str:
        """Why it was not asked, in a line."""
        if self.outcome is None:
            return "not reached in the time there was (--time-limit)"
        return " ".join(str(self.outcome.failure.get("reason", "")).split())[:240]


@dataclass(slots=True)
class Fault:
    """One fault, by the place where it begins; the models around it show it, too."""

    model: Model
    result: ProbeResult
    place: str
    """`file:row` of the culprit, else of the class."""
    through: list[str] = field(default_factory=list)
    """Other classes in which it shows."""
    known: list[str] = field(default_factory=list)
    """Codes of the static findings about the same."""


def models_in(files: Sequence[str]) -> list[Model]:
    """The classes of files that are models: with a `forward`, their own or a project's class'."""
    trees = [(file, tree) for file in files if (tree := _parsed(file)) is not None]
    classes = [
        (file, node) for file, tree in trees for node in tree.body if isinstance(node, ast.ClassDef)
    ]
    names: set[str] = set()
    while True:
        more = {node.name for _, node in classes if _is_model(node, names)}
        if more == names:
            break
        names = more
    return [
        Model(Target(node.name, file=file), (node.lineno, node.end_lineno or node.lineno))
        for file, node in classes
        if _is_model(node, names)
    ]


def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse(Path(file).read_bytes()) if file.endswith(".py") else None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_model(node: ast.ClassDef, known: set[str]) -> bool:
    bases = {ast.unparse(b).partition("[")[0].rpartition(".")[2] for b in node.bases}
    if not bases or bases & set(_NO_MODELS):
        return False
    own = any(isinstance(f, ast.FunctionDef) and f.name == "forward" for f in node.body)
    return own or bool(bases & (known - {node.name})) or "Sequential" in bases


def survey(
    models: Sequence[Model],
    conditions: Conditions,
    total: float,
    options: Mapping[str, Any],
    probes: Sequence[str] = PROBES,
    on_progress: Callable[[int, int], None] | None = None,
    if_meant: Sequence[str] = (),
) -> Iterator[Model]:
    """Probe models one after the other, and give each when it is done.

    Parameters:
        total: seconds for all of them; those that are not reached have no outcome.
        if_meant: probes that are asked only of models that say that they are so.
    """
    end = time.monotonic() + total
    with conditions.working() as working:
        for done, model in enumerate(models):
            if on_progress:
                on_progress(done, len(models))
            left = end - time.monotonic()
            if left < SHORTEST:
                yield model
                continue
            limits = replace(working.limits, timeout=min(working.limits.timeout, left))
            hurried = replace(working, limits=limits)
            outcome = verify_target(model.target, list(probes), hurried, options, if_meant=if_meant)
            yield replace(model, outcome=outcome)


def faults_of(models: Sequence[Model], findings: Sequence[Finding]) -> list[Fault]:
    """The confirmed faults, each once, with the static findings that say the same."""
    found: dict[tuple[str, str], Fault] = {}
    # the smallest model that shows a fault is the one that has it
    for model in sorted(models, key=_size):
        for result in model.confirmed:
            place, told = _place(model, result)
            key = (result.probe, place if told else f"{place}:{result.summary}")
            if key in found:
                found[key].through.append(model.target.name)
                continue
            known = sorted({f.code for f in findings if _is_about(f, model, result)})
            found[key] = Fault(model, result, place, known=known)
    return sorted(found.values(), key=lambda f: (f.place.rpartition(":")[0], f.model.rows))


def _size(model: Model) -> int:
    parameters = model.outcome.built.get("parameters", 0) if model.outcome else 0
    return int(parameters)


def _place(model: Model, result: ProbeResult) -> tuple[str, bool]:
    """Where a fault begins, and whether that is known to the line."""
    place = (result.evidence.get("culprit") or {}).get("place")
    if place:
        return f"{place['filename']}:{place['row']}", True
    return f"{model.target.file}:{model.rows[0]}", False


def _is_about(finding: Finding, model: Model, result: ProbeResult) -> bool:
    probe = ALIASES.get(finding.probe or "", finding.probe)
    if probe != result.probe:
        return False
    same = Path(finding.filename).absolute() == Path(model.target.file).absolute()
    return same and model.rows[0] <= finding.start.row <= model.rows[1]
