"""`--fix --verify`: a fix is made when running the code shows that the fault was there and is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nnlint.baseline import identity
from nnlint.finding import Edit, Finding, Verdict
from nnlint.verify.attach import Question, Verified, ask
from nnlint.verify.report import local
from nnlint.verify.running import Conditions
from nnlint.verify.session import ProbeResult

_LOSS_OF_FIX = {"logits-into-bce": "bce_with_logits", "logits-into-nll": "cross_entropy"}
"""The loss that a rule's fix puts in place of the one that the model does not suit."""


class Prover:
    """Knows what running the code showed of findings, and asks again once they are fixed."""

    def __init__(self, verified: Verified, conditions: Conditions) -> None:
        self._conditions = conditions
        self._questions: dict[tuple[str, str, str], Question] = {}
        self.verdicts: dict[tuple[str, str, str], Verdict] = {}
        """What running the code showed before any fix, by the identity of the finding."""
        self.proofs: list[tuple[Finding, str]] = []
        """Fixes that were proven, with what is seen after them."""
        self._answers: dict[tuple[object, ...], ProbeResult] = {}
        for index, finding in enumerate(verified.findings):
            key = identity(finding)
            if finding.verdict is None:
                continue
            known = self.verdicts.get(key)
            # of two that look alike, what holds for one does not speak for both
            if known is None or known.status == "CONFIRMED":
                self.verdicts[key] = finding.verdict
            if index in verified.questions:
                self._questions[key] = verified.questions[index]

    def refusal(self, finding: Finding) -> str:
        """Why a fix is not even tried; empty where its finding is confirmed."""
        verdict = self.verdicts.get(identity(finding))
        if verdict is None:
            return "no probe can prove it"
        if verdict.status == "REFUTED":
            return f"running the code refuted it: {verdict.summary}"
        if verdict.status != "CONFIRMED":
            return f"it is not proven: {verdict.summary}"
        if identity(finding) not in self._questions:
            return "no probe can prove that it is gone"
        return ""

    def __call__(
        self,
        batch: Sequence[Finding],
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
    ) -> str:
        """Why it is not proven that the findings of a batch are gone with their fixes."""
        proofs = []
        for finding in batch:
            question = self._questions[identity(finding)]
            rows = _rows_after(finding, batch)
            result = self._answer(_after(question, finding), after, rows)
            if not _gone(result, rows):
                return f"it is not proven to be mended: {result.status}, {local(result.summary)}"
            proofs.append((finding, _told(result)))
        self.proofs += proofs
        return ""

    def _answer(
        self, question: Question, contents: Mapping[str, bytes], rows: list[int]
    ) -> ProbeResult:
        key = (question, tuple(rows), tuple(sorted(contents.items())))
        if key not in self._answers:
            # the line at fault may be gone: the class as a whole is asked about
            outcome = ask(question, self._conditions.over(contents), rows)
            self._answers[key] = outcome.results[0]
        return self._answers[key]


def _after(question: Question, finding: Finding) -> Question:
    loss = _LOSS_OF_FIX.get(finding.name)
    return replace(question, loss=loss) if loss else question


def _gone(result: ProbeResult, rows: list[int]) -> bool:
    """Whether the question that confirmed a finding now says that there is none."""
    scrambled = result.evidence.get("scrambled")
    if isinstance(scrambled, dict):
        # this probe only ever confirms: its views run, and none of them scrambles
        seen = [scrambled[str(r)] for r in rows if str(r) in scrambled]
        return bool(seen) and not any(seen)
    return result.status == "REFUTED"


def _told(result: ProbeResult) -> str:
    if "scrambled" in result.evidence:
        return "no view on its lines runs across axes"
    return local(result.summary)


def _rows_after(finding: Finding, batch: Sequence[Finding]) -> list[int]:
    """The rows that a finding's place has once the fixes of a batch are made."""
    edits = {
        edit
        for other in batch
        if other.filename == finding.filename and other.fix is not None
        for edit in other.fix.edits or ()
    }
    start = finding.start.row + sum(_added(e) for e in edits if e.end.row < finding.start.row)
    inside = [e for e in edits if finding.start.row <= e.end.row and e.start.row <= finding.end.row]
    end = start + finding.end.row - finding.start.row + sum(map(_added, inside))
    return list(range(start, max(start, end) + 1))


def _added(edit: Edit) -> int:
    return edit.content.count("\n") - (edit.end.row - edit.start.row)
