"""Applying fixes until nothing changes, and keeping only those that hold what they promise."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnlint.collecting import collected_file_by_file
from nnlint.engine import Linter, RunResult
from nnlint.finding import Applicability, Edit, Finding, Verdict
from nnlint.offering import Offers
from nnlint.rewriting import ChangeRefused
from nnlint.source.discovery import Discovery
from nnlint.source.file import SourceError
from nnlint.source.reading import content_hash, read_bytes
from nnlint.source.rewrite import RewriteError, check_replaceable, rewritten

MOST_ROUNDS = 50
"""Rounds of fixing after which what is left is left: two fixes may undo each other."""
CRASH = "NN007"
"""The finding about a file whose check crashed."""
_UNPARSED = "no tree: "
"""In front of a file that LibCST cannot parse, among what is remembered of fixes."""
REMARKS = frozenset({"NN004", "NN005"})
"""Findings about comments, which may well come when a finding goes."""


@dataclass(slots=True)
class Outcome:
    """What fixing came to."""

    result: RunResult
    """What is left to report."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """New contents of files, by absolute path."""
    originals: dict[str, bytes] = field(default_factory=dict)
    """What was in them before."""
    fixed: list[Finding] = field(default_factory=list)
    dropped: list[tuple[Finding, str]] = field(default_factory=list)
    """Findings whose fix did not hold, each with the reason."""
    verdicts: dict[tuple[str, str, str], Verdict] = field(default_factory=dict)
    """What running the code showed before any fix, by the identity of the finding."""
    offers: Offers = field(default_factory=Offers)
    """The edits that were worked out on the way."""


Proof = Callable[[Sequence[Finding], Mapping[str, bytes], Mapping[str, bytes]], str]
"""Given findings, and what files hold before and after their fixes, by absolute path: why it is
not proven that the findings are gone; empty where it is."""


def fix(
    linter: Linter,
    found: Discovery,
    overlay: Mapping[str, bytes],
    wanted: Callable[[Finding], bool],
    proof: Proof | None = None,
    first: RunResult | None = None,
    offers: Offers | None = None,
) -> Outcome:
    """Apply the fixes of findings, in rounds, until nothing changes.

    After each round the changed files are linted again. Fixes are kept when their findings
    are gone and no others have come; else the culprits are looked for and dropped.

    Parameters:
        overlay: the content of files, by absolute path, that is not what is on disk.
        wanted: whether a finding is to be fixed.
        proof: what a fix must stand before it is kept.
        first: the outcome of linting before any fix, where it is at hand.
        offers: the edits that are known already, and those that will be.
    """
    return _Fixer(linter, found, overlay, wanted, proof, first, offers).run()


def offered(
    linter: Linter,
    found: Discovery,
    overlay: Mapping[str, bytes],
    result: RunResult,
    offers: Offers,
    told: Sequence[Finding],
) -> list[Finding]:
    """Findings that offer the fixes that hold, as applying them would show.

    Each is made in memory and linted again, safe ones among themselves, since they are applied
    without the others too.

    Parameters:
        result: the outcome of linting.
        offers: gets to know the edits, for the report to tell.
        told: the findings that are reported; fixes of others are not tried.
    """
    shown = {_spot(f) for f in told if f.fix is not None}
    given = [f for f in result.findings if f.fix is not None and _spot(f) in shown]
    if not given:
        return list(told)

    def find() -> list[str]:
        with collected_file_by_file():
            keys = _dropped(linter, found, overlay, result, given, offers)
        keys |= {repr(_key(f)) for f in given if not offers.has_room(f, overlay)}
        return sorted(keys | {_UNPARSED + name for name in offers.unparsed})

    question = repr(("fixes that do not hold", [*map(_key, given)]))
    keys = find() if overlay else linter.answer(question, found, find)
    offers.unparsed |= {k.removeprefix(_UNPARSED) for k in keys if k.startswith(_UNPARSED)}
    dropped = {_spot(f) for f in given if repr(_key(f)) in keys}
    return [replace(f, fix=None) if f.fix and _spot(f) in dropped else f for f in told]


def _spot(finding: Finding) -> tuple[object, ...]:
    """What tells a finding from all others of a run, whatever it says."""
    return (finding.filename, finding.cell, finding.start, finding.code)


def _without_lost(found: Discovery, result: RunResult) -> Discovery:
    """The files of a run without those whose check crashed: another try may end the run."""
    lost = {f.filename for f in result.findings if f.code == CRASH}
    return replace(found, files=[name for name in found.files if name not in lost])


def _dropped(
    linter: Linter,
    found: Discovery,
    overlay: Mapping[str, bytes],
    result: RunResult,
    given: Sequence[Finding],
    offers: Offers,
) -> set[str]:
    """The keys of the fixes that are dropped when all are applied that may be."""
    is_safe = permits(False)
    keys = {_key(f) for f in given}

    def tried(wanted: Callable[[Finding], bool]) -> Outcome:
        def of_given(finding: Finding) -> bool:
            return wanted(finding) and _key(finding) in keys

        return fix(linter, found, overlay, of_given, first=result, offers=offers)

    outcome = tried(permits(True))
    dropped = {repr(_key(f)) for f, _ in outcome.dropped if not is_safe(f)}
    safe = {f.filename for f in given if is_safe(f)}
    beside = {f.filename for f in given if not is_safe(f)}
    if outcome.dropped or safe & beside:
        # what holds together with others may not hold alone
        outcome = tried(is_safe)
    return dropped | {repr(_key(f)) for f, _ in outcome.dropped if is_safe(f)}


class _Fixer:
    def __init__(
        self,
        linter: Linter,
        found: Discovery,
        overlay: Mapping[str, bytes],
        wanted: Callable[[Finding], bool],
        proof: Proof | None,
        first: RunResult | None,
        offers: Offers | None,
    ) -> None:
        self._linter = linter
        self._given = dict(overlay)
        self._wanted = wanted
        self._proof = proof
        self._outcome = Outcome(
            first or linter.run(found, overlay), offers=Offers() if offers is None else offers
        )
        given = self._outcome.result
        self._found = _without_lost(found, given)
        kept = set(self._found.files)
        self._lost = [f for f in given.findings if f.filename not in kept]
        self._hopeless: set[tuple[object, ...]] = set()
        self._blamed: set[str] = set()
        """The files in which the last trial found what must not be there."""

    def run(self) -> Outcome:
        """Fix what can be fixed."""
        for _ in range(MOST_ROUNDS):
            batch = self._batch()
            if not batch:
                break
            # makes some of them, or finds some that cannot be made
            self._try(batch)
        return self._outcome

    def _batch(self) -> list[Finding]:
        """Findings whose fixes can be made together, in order."""
        taken: dict[str, list[Edit]] = {}
        batch = []
        for finding in self._outcome.result.findings:
            if finding.fix is None or not self._wanted(finding) or _key(finding) in self._hopeless:
                continue
            try:
                path = os.path.abspath(finding.filename)
                content = {path: self._content(finding.filename, path)}
                edits = self._outcome.offers.edits(finding, content)
            except ChangeRefused:
                # there is no room for it in the file as it is written
                continue
            except (RewriteError, SourceError, OSError) as error:
                self._give_up(finding, str(error))
                continue
            others = taken.setdefault(finding.filename, [])
            if not any(_touch(a, b) for a in edits for b in others):
                others += edits
                batch.append(replace(finding, fix=replace(finding.fix, edits=edits)))
        return batch

    def _try(self, batch: Sequence[Finding]) -> bool:
        """Apply the fixes of a batch, or of the first part of it that holds."""
        reason = self._apply(batch)
        if not reason:
            return True
        if len(batch) == 1:
            self._give_up(batch[0], reason)
            return False
        half = len(batch) // 2
        parts = batch[:half], batch[half:]
        blamed = [f for f in batch if f.filename in self._blamed]
        if 0 < len(blamed) < len(batch):
            # most likely what is wrong with a file is due to its own fixes
            parts = [f for f in batch if f.filename not in self._blamed], blamed
        return self._try(parts[0]) or self._try(parts[1])

    def _give_up(self, finding: Finding, reason: str) -> None:
        self._hopeless.add(_key(finding))
        self._outcome.dropped.append((finding, reason))

    def _apply(self, batch: Sequence[Finding]) -> str:
        """Apply the fixes of a batch together; else the reason why not."""
        try:
            contents = self._contents(batch)
        except (RewriteError, SourceError, OSError) as error:
            return str(error)
        result = self._linter.run(self._found, {**self._given, **contents})
        if self._lost:
            findings = sorted([*self._lost, *result.findings], key=lambda f: f.sort_key)
            files = self._outcome.result.files
            result = replace(result, findings=tuple(findings), files=files, failed=True)
        left = _left_over(self._outcome.result, result, batch)
        self._blamed = {filename for filename, _ in left}
        reason = _fault(self._outcome.result, result, batch)
        if not reason and self._proof is not None:
            reason = self._proof(batch, self._outcome.contents, contents)
        if not reason:
            self._outcome.result = result
            self._outcome.contents = contents
            self._outcome.fixed += batch
        return reason

    def _contents(self, batch: Sequence[Finding]) -> dict[str, bytes]:
        edits: dict[str, dict[Edit, None]] = {}
        for finding in batch:
            assert finding.fix is not None and finding.fix.edits is not None
            # two fixes that need the same import share it
            edits.setdefault(finding.filename, {}).update(dict.fromkeys(finding.fix.edits))
        contents = dict(self._outcome.contents)
        for filename, wanted in edits.items():
            path = os.path.abspath(filename)
            contents[path] = rewritten(self._content(filename, path), filename, list(wanted))
        return contents

    def _content(self, filename: str, path: str) -> bytes:
        """What a file holds by now.

        Raises:
            RewriteError: it is not to be changed.
            SourceError, OSError: it cannot be read.
        """
        originals = self._outcome.originals
        if path not in originals:
            originals[path] = self._original(filename, path)
        return self._outcome.contents.get(path, originals[path])

    def _original(self, filename: str, path: str) -> bytes:
        given = self._given.get(path)
        if given is not None:
            return given
        roots = self._found.roots.pairs
        check_replaceable(Path(path), [*(top for top, _ in roots)])
        raw = read_bytes(Path(path))
        if content_hash(raw) != self._outcome.result.digests.get(filename):
            raise RewriteError("it was changed since it was linted")
        return raw


def _left_over(
    before: RunResult, after: RunResult, batch: Sequence[Finding]
) -> list[tuple[str, str]]:
    """Files and codes of which more is found after the fixes of a batch than is to be."""
    expected = Counter((f.filename, f.code) for f in before.findings)
    expected.subtract((f.filename, f.code) for f in batch)
    left = Counter((f.filename, f.code) for f in after.findings if f.code not in REMARKS)
    return [key for key, number in left.items() if number > expected[key]]


def _fault(before: RunResult, after: RunResult, batch: Sequence[Finding]) -> str:
    """What is wrong with the findings after the fixes of a batch; empty when nothing is."""
    for filename, code in _left_over(before, after, batch):
        if any(f.code == code and f.filename == filename for f in batch):
            return "the finding is still there afterwards"
        name = next(f.name for f in after.findings if f.code == code and f.filename == filename)
        return f"it leads to {code} {name}" + (
            "" if filename == batch[0].filename else f" in {filename}"
        )
    return ""


def _key(finding: Finding) -> tuple[object, ...]:
    changes = finding.fix.changes if finding.fix else ()
    return (finding.filename, finding.code, finding.message, *(c.texts for c in changes))


def _touch(one: Edit, other: Edit) -> bool:
    """Whether two edits are not the same and cannot be made together."""
    if one == other or one.cell != other.cell:
        return False
    return max(one.start, other.start) <= min(one.end, other.end)


def permits(unsafe: bool) -> Callable[[Finding], bool]:
    """Whether a fix may be applied: safe ones, and others if they are asked for."""
    return lambda f: f.fix is not None and (unsafe or f.fix.applicability is Applicability.SAFE)
