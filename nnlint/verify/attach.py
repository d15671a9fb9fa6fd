"""`nnlint --verify`: join static findings to what running the code shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlint.finding import Finding, Verdict
from nnlint.verify.catalogue import (
    ALIASES,
    ANOTHER_QUESTION,
    OF_RULES,
    PROBES,
    REFUTED_BY,
    WITHOUT_MODEL,
)
from nnlint.verify.environment import NO_INTERPRETER
from nnlint.verify.report import local, write_evidence
from nnlint.verify.running import Conditions, verify_target
from nnlint.verify.schedules import plan_of
from nnlint.verify.session import Outcome, ProbeResult
from nnlint.verify.suspects import owners_of, spans, target_of
from nnlint.verify.targets import Target

_LOSS_OF_RULE = {
    "softmax-into-cross-entropy": "cross_entropy",
    "one-class-softmax": "cross_entropy",
    "head-size-mismatch": "cross_entropy",
    "logits-into-nll": "nll",
    "sigmoid-into-bce-with-logits": "bce_with_logits",
    "logits-into-bce": "bce",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """Findings with their verdicts, and what was asked about them."""

    findings: list[Finding]
    questions: dict[int, Question]
    """By index of the finding, for those about a class."""


@dataclass(frozen=True, slots=True)
class Question:
    """One run of a probe that answers one or more findings."""

    target: Target
    probe: str
    rule: str
    within: str = ""
    """The class that the finding lies in, where the target is one around it."""
    within_file: str = ""
    loss: str = ""
    """The loss to ask with, where it is not the rule's."""

    @property
    def options(self) -> dict[str, Any]:
        loss = self.loss or _LOSS_OF_RULE.get(self.rule)
        finding = {
            "name": self.rule,
            "class": self.within or self.target.name,
            "class_file": str(Path(self.within_file or self.target.file).absolute()),
        }
        found: dict[str, Any] = {"finding": finding}
        return {**found, "loss": loss} if loss else found


def with_verdicts(
    findings: Sequence[Finding],
    conditions: Conditions,
    output: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """The findings, each whose rule names a probe with a verdict.

    Parameters:
        output: a folder for pictures and reproducers.
    """
    with conditions.working() as working:
        return verified(findings, working, output, on_progress).findings


def verified(
    findings: Sequence[Finding],
    conditions: Conditions,
    output: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """The same, with the questions that were asked."""
    verdicts: dict[int, Verdict] = {}
    questions: dict[Question, list[int]] = {}
    for index, finding in enumerate(findings):
        probe = _probe(finding)
        if probe is None:
            continue
        if probe == "lr-schedule" and finding.cell is None:
            verdicts[index] = _schedule(finding, conditions, output)
            continue
        target = target_of(finding) if finding.cell is None else None
        if target is None:
            why = "it names no module class that could be built"
            notebook = "the cells of a notebook are not run"
            verdicts[index] = Verdict("INCONCLUSIVE", notebook if finding.cell else why)
            continue
        questions.setdefault(Question(target, probe, finding.name), []).append(index)
    asked: dict[int, Question] = {}
    for done, (question, indices) in enumerate(questions.items()):
        if on_progress:
            on_progress(done, len(questions))
        question, outcome = _asked(question, conditions, [findings[i] for i in indices])
        asked.update(dict.fromkeys(indices, question))
        if output is not None and outcome.results:
            output.mkdir(parents=True, exist_ok=True)
            write_evidence(output, question.target, outcome.built, outcome.results[0])
        for index in indices:
            verdicts[index] = _verdict(findings[index], question, outcome)
    told = [replace(f, verdict=verdicts[i]) if i in verdicts else f for i, f in enumerate(findings)]
    return Verified(told, asked)


def _asked(
    question: Question, conditions: Conditions, findings: Sequence[Finding]
) -> tuple[Question, Outcome]:
    """The outcome for a class, or for one that builds it where it alone does not hold it all."""
    outcome = _ask(question, conditions, findings)
    if not _unreached(outcome):
        return question, outcome
    for owner in owners_of(question.target):
        # what is clean in one owner may not be in another
        outer = replace(
            question,
            target=owner,
            within=question.target.name,
            within_file=question.target.file,
        )
        found = _ask(outer, conditions, findings)
        if not found.failure and not _unreached(found):
            return outer, found
    return question, outcome


def _ask(question: Question, conditions: Conditions, findings: Sequence[Finding]) -> Outcome:
    filename = str(Path(question.target.file).absolute())
    rows = [f.start.row for f in findings if _path(f) == filename]
    return ask(question, conditions, rows, [(_path(f), *spans(f)) for f in findings])


def ask(
    question: Question,
    conditions: Conditions,
    rows: Sequence[int],
    statements: Sequence[tuple[str, int, int]] = (),
) -> Outcome:
    """Run the probe of a question.

    Parameters:
        rows: lines of the target's file that the findings are on.
        statements: the statements that they lie in: file, first row and last row.
    """
    options = question.options
    options["finding"]["filename"] = str(Path(question.target.file).absolute())
    options["finding"]["rows"] = list(rows)
    options["finding"]["statements"] = [list(s) for s in statements]
    return verify_target(question.target, [question.probe], conditions, options)


def _path(finding: Finding) -> str:
    return str(Path(finding.filename).absolute())


def _unreached(outcome: Outcome) -> bool:
    return bool(outcome.results) and bool(outcome.results[0].evidence.get("unreached"))


def _probe(finding: Finding) -> str | None:
    probe = OF_RULES.get(finding.name) or finding.probe
    if probe is None:
        return None
    probe = ALIASES.get(probe, probe)
    return probe if probe in PROBES else None


def _ran(finding: Finding, result: ProbeResult) -> bool:
    """Whether a line of the statement that the finding lies in ran in the probe."""
    place = f"{os.path.realpath(finding.filename)}:{spans(finding)[0]}"
    return (result.evidence.get("ran") or {}).get(place) is True


def _schedule(finding: Finding, conditions: Conditions, output: Path | None) -> Verdict:
    plan = plan_of(finding)
    if plan is None:
        return Verdict("INCONCLUSIVE", "the schedule cannot be read off this place alone")
    target = Target(Path(finding.filename).stem, file=finding.filename)
    options = {"schedule": plan, "finding": {"name": finding.name}}
    outcome = verify_target(target, ["lr-schedule"], conditions, options)
    result = outcome.results[0]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        named = replace(target, name=f"{target.name}-{finding.start.row}")
        write_evidence(output, named, {}, result)
    status, summary = _judged(finding, result, target)
    return Verdict(status, summary, {"plan": plan, **_stopped(outcome), **result.evidence})


def _verdict(finding: Finding, question: Question, outcome: Outcome) -> Verdict:
    if outcome.failure:
        return Verdict(
            "INCONCLUSIVE",
            f"{question.target.name}: {_stage(outcome)}: {outcome.failure.get('reason')}",
            {"settle": _settle(question.target), **_stopped(outcome)},
        )
    result = outcome.results[0]
    evidence = {
        "probe": result.probe,
        "target": question.target.title,
        "built": outcome.built,
        **result.evidence,
    }
    status, summary = _judged(finding, result, question.target)
    if question.within or os.path.realpath(question.target.file) != os.path.realpath(
        finding.filename
    ):
        summary = f"{summary} (seen in {question.target.title})"
    return Verdict(status, local(summary), evidence)


def _stopped(outcome: Outcome) -> dict[str, str]:
    """What kept a model from being run at all, which another interpreter would mend."""
    stage = str(outcome.failure.get("stage"))
    reason = str(outcome.failure.get("reason"))
    return {"no_interpreter": reason} if stage in NO_INTERPRETER else {}


def _stage(outcome: Outcome) -> str:
    return {
        "construct": "no constructor arguments were found",
        "inputs": "no inputs were found that it runs on",
        "memory": "it was not built",
        "sandbox": "it was not built",
        "package": "it was not built",
        "device": "it was not built",
        "start": "no process could be started",
        "torch": "nothing was run",
    }.get(str(outcome.failure.get("stage")), "it cannot be built")


def _settle(target: Target) -> str:
    """The two lines of configuration that would settle it."""
    path = target.file.removesuffix(".py").replace(os.sep, ".").lstrip(".")
    return f'[tool.nnlint.verify."{path}:{target.name}"]\nargs = {{}}\ninputs = [[4, 3, 32, 32]]'


def _judged(finding: Finding, result: ProbeResult, target: Target) -> tuple[str, str]:
    """The verdict on one finding, which may be about another line or another fault."""
    other = ANOTHER_QUESTION.get(finding.name)
    if other is not None and result.status != "INCONCLUSIVE":
        return "INCONCLUSIVE", f"{other}; seen in the model: {result.summary}"
    place = (result.evidence.get("culprit") or {}).get("place")
    if result.status == "CONFIRMED" and place:
        first, last = spans(finding)
        same = (
            os.path.samefile(place["filename"], finding.filename)
            if os.path.exists(place["filename"])
            else False
        )
        if same and place["row"] <= last and first <= place["end_row"]:
            base, mixes, _ = result.summary.partition("; they begin to mix at ")
            # other probes name the line in words of their own
            return "CONFIRMED", f"{base}; they begin to mix here" if mixes else result.summary
        return "CONFIRMED", f"{result.summary}, not at the reported line {finding.start.row}"
    by_row = result.evidence.get("by_row") or {}
    if str(finding.start.row) in by_row:
        status, summary = by_row[str(finding.start.row)]
        return (status, summary) if target.certain else ("INCONCLUSIVE", summary)
    if result.status == "REFUTED":
        if finding.name not in REFUTED_BY.get(result.probe, (finding.name,)):
            return "INCONCLUSIVE", f"{result.summary}, which cannot take this finding back"
        if not target.certain:
            return (
                "INCONCLUSIVE",
                f"{target.name}, perhaps another model than this: {result.summary}",
            )
        if result.probe not in WITHOUT_MODEL and not _ran(finding, result):
            return (
                "INCONCLUSIVE",
                f"the reported line did not run, so this does not take it back: {result.summary}",
            )
    return result.status, result.summary
