"""A test kit for rules: real-looking training code with markers of what is to be reported.

A fixture is a file, or a folder of files that are linted together. `# want: rule-name` stands
on each line that is to be reported, and every other line stays silent::

    loss = criterion(logits, target)  # want: unsmoothed-labels
    # want^: unsmoothed-labels "part of the message"

(the second form is about the line above; several are separated by `;`). Where a file
`name.fixed.py` stands beside `name.py`, it is what the fixes make of it. A comment
`# stage: overfit` sets the stage, `# select: rule-name` adds a pedantic rule.

For a pack that is not installed, with pytest::

    from pathlib import Path
    import pytest
    from nnlint.testing import cases, check

    HERE = Path(__file__).parent

    @pytest.mark.parametrize("case", cases(HERE / "fixtures"), ids=str)
    def test_fixture(case):
        check(case, rules=[HERE / "acme_rules"], select=["ACME"])

`nnlint new-rule` writes such a test. It needs no pytest: what fails is an `AssertionError` that says which line is told otherwise.
"""

from __future__ import annotations

import os
import re
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlint import packs
from nnlint.config import Config, Selection
from nnlint.engine import Linter, RunResult
from nnlint.finding import Finding, Stage
from nnlint.fixing import fix, permits
from nnlint.offering import Offers
from nnlint.registry import load_rules
from nnlint.rule import Rule
from nnlint.source.discovery import Discovery

_MARKER = re.compile(r"#\s*want(\^)?:\s*(.+?)\s*$")
_WANTED = re.compile(r'([a-z0-9-]+)(?:\s+"([^"]*)")?')
_STAGE = re.compile(r"^# stage: (\w+)", re.MULTILINE)
_SELECTED = re.compile(r"^# select: (\S+)", re.MULTILINE)

Place = tuple[str, int, str]
"""File, row, and the name of a rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file, or a folder of files that are linted together."""

    path: Path
    name: str
    """The folder of its rule and its own name."""

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> str:
        """The name of the rule whose fixture it is."""
        return self.path.parent.name

    @property
    def files(self) -> list[Path]:
        """The files that are linted."""
        if not self.path.is_dir():
            return [self.path]
        return sorted(file for file in self.path.rglob("*.py") if not is_fixed(file))

    @property
    def text(self) -> str:
        """The text of all files."""
        return "\n".join(file.read_text(encoding="utf-8") for file in self.files)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the markers of a file ask for."""

    places: Counter[Place]
    parts: list[tuple[Place, str]]
    """Parts that messages have."""


def cases(folder: Path | str) -> list[Case]:
    """The fixtures in a folder that has a folder for each rule.

    Raises:
        ValueError: there are none; a test of nothing would pass.
    """
    found = [
        Case(path, f"{rule.name}/{path.name}")
        for rule in sorted(Path(folder).iterdir())
        if rule.is_dir()
        for path in sorted(rule.iterdir())
        if path.name != "__pycache__" and (path.is_dir() or path.suffix in (".py", ".ipynb"))
        if not is_fixed(path)
    ]
    if not found:
        raise ValueError(f"{folder} holds no fixtures: files in a folder for each rule")
    return found


def is_fixed(path: Path) -> bool:
    """Whether a file is what fixing the one beside it makes of it."""
    return path.name.endswith(".fixed.py")


def wanted(text: str, name: str) -> Wanted:
    """What the markers of a file ask for.

    Raises:
        AssertionError: a marker is malformed.
    """
    asked = Wanted(Counter(), [])
    for row, line in enumerate(text.splitlines(), start=1):
        marker = _MARKER.search(line)
        for part in marker[2].split(";") if marker else ():
            match = _WANTED.fullmatch(part.strip())
            if match is None or marker is None:
                raise AssertionError(f"{name}:{row}: malformed marker: {line.strip()}")
            place = (name, row - 1 if marker[1] else row, match[1])
            asked.places[place] += 1
            if match[2]:
                asked.parts.append((place, match[2]))
    return asked


def check(
    case: Case | Path | str,
    *,
    rules: Iterable[Path | str] = (),
    select: Sequence[str] = (),
) -> None:
    """Make sure that a fixture shows exactly the findings that its markers want.

    Each fix must hold, give what the `.fixed.py` beside a file says, and leave no more to fix.

    Parameters:
        rules: folders of local rules, as `--rules` takes them.
        select: selectors of the rules that run, as `--select` takes them; by default every
            rule but the pedantic ones.

    Raises:
        AssertionError: it does not; the message has each line that differs.
        RulePackError: a rule cannot be used.
        ConfigError: a selector means no rule.
    """
    if not isinstance(case, Case):
        case = Case(Path(case), Path(case).name)
    with packs.using(map(str, rules)):
        linter = _linter(case.text, select)
        found = linter.discover([str(file) for file in case.files])
        result = linter.run(found)
        _compare(case, result.findings)
        _check_fixes(case, linter, found, result)


def check_page(
    rule: Rule | str, *, rules: Iterable[Path | str] = (), select: Sequence[str] = ()
) -> None:
    """Make sure that the examples of a rule's page are right.

    What stands under "Example" is reported where its markers say, what stands under "Use
    instead" is not; a page without one of them is not asked about it.

    Parameters:
        rule: the rule or its name.
        rules: folders of local rules, as `--rules` takes them.
        select: selectors of the rules that run beside it; see `check`.

    Raises:
        AssertionError: it is otherwise, or there is no such rule.
    """
    with packs.using(map(str, rules)), tempfile.TemporaryDirectory() as folder:
        known = {one.name: one for one in load_rules()}
        found = rule if isinstance(rule, Rule) else known.get(rule)
        assert found is not None, f"there is no rule {rule}"
        for section in ("Example", "Use instead"):
            if section not in found.sections:
                continue
            block = re.search(r"```python\n(.*?)```", found.sections[section], re.DOTALL)
            assert block, f"{found.name}: no example under {section}"
            file = Path(folder) / "example.py"
            file.write_text(textwrap.dedent(block[1]), encoding="utf-8")
            case = Case(file, f"{found.name}: {section}")
            asked = bool(wanted(case.text, str(file)).places)
            assert asked is (section == "Example"), f"{case}: the markers are in the wrong place"
            text = f"{case.text}\n# select: {found.name}\n"
            _compare(case, findings_of([file], text, select))


def findings_of(files: Iterable[Path], text: str, select: Sequence[str] = ()) -> list[Finding]:
    """What nnlint reports of files, as comments in a text configure it."""
    linter = _linter(text, select)
    return list(linter.run(linter.discover([str(file) for file in files])).findings)


def _linter(text: str, select: Sequence[str]) -> Linter:
    stage = _STAGE.search(text)
    more = tuple(_SELECTED.findall(text))
    config = Config(
        stage=Stage(stage[1]) if stage else None,
        selection=Selection(select=tuple(select) or None, extend_select=more),
    )
    return Linter(lambda folder: config, jobs=1, follows_edits=False)


def _compare(case: Case, findings: Iterable[Finding]) -> None:
    """Compare findings with markers, as multisets: a double report is told, too."""
    findings = list(findings)
    reported = Counter((f.filename, f.start.row, f.name) for f in findings)
    asked = Wanted(Counter(), [])
    for file in case.files:
        own = wanted(file.read_text(encoding="utf-8"), str(file))
        asked.places.update(own.places)
        asked.parts.extend(own.parts)
    lines = [
        f"{_where(place)}: {place[2]} is wanted and not reported"
        for place in (asked.places - reported).elements()
    ]
    for place in (reported - asked.places).elements():
        told = next(f.message for f in findings if (f.filename, f.start.row, f.name) == place)
        lines.append(f"{_where(place)}: {place[2]} is reported and not wanted: {told}")
    for place, part in asked.parts:
        messages = [f.message for f in findings if (f.filename, f.start.row, f.name) == place]
        if messages and not any(part in message for message in messages):
            lines.append(f"{_where(place)}: no message of {place[2]} says {part!r}: {messages[0]}")
    if lines:
        raise AssertionError("\n  ".join([f"{case} is told otherwise than its markers:", *lines]))


def _where(place: Place) -> str:
    return f"{Path(place[0]).name}:{place[1]}"


def _check_fixes(case: Case, linter: Linter, found: Discovery, first: RunResult) -> None:
    """Make sure that what is shown with a fix is gone after it, and nothing new has come."""
    offers = Offers()
    shown = offers.shown(first.findings, {})
    if not any(finding.fix for finding in shown):
        return
    outcome = fix(linter, found, {}, permits(unsafe=True), first=first, offers=offers)
    for finding, reason in outcome.dropped:
        place = (finding.filename, finding.start.row, finding.name)
        raise AssertionError(f"{_where(place)}: the fix of {finding.name} is dropped: {reason}")
    assert outcome.fixed, f"{case}: nothing is fixed"
    kept = Counter((f.filename, f.code) for f in shown if not f.fix)
    left = Counter((f.filename, f.code) for f in outcome.result.findings)
    assert not left - kept, f"{case}: what is shown with a fix is there after it"
    for file in case.files:
        expected = file.with_suffix(".fixed.py")
        if expected.exists():
            made = outcome.contents.get(os.path.abspath(file), file.read_bytes()).decode("utf-8")
            _compare_texts(expected, made)
    left_over = outcome.result
    again = fix(linter, found, outcome.contents, permits(unsafe=True), first=left_over)
    assert not again.contents and not again.dropped, f"{case}: fixing it leaves more to fix"


def _compare_texts(expected: Path, made: str) -> None:
    import difflib

    wish = expected.read_text(encoding="utf-8")
    if wish != made:
        diff = difflib.unified_diff(
            wish.splitlines(), made.splitlines(), expected.name, "what the fixes make", lineterm=""
        )
        raise AssertionError("\n".join(diff))


__all__ = ["Case", "Wanted", "cases", "check", "check_page", "findings_of", "is_fixed", "wanted"]
