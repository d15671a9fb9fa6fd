"""Every fixture shows exactly the findings that its markers want, under all rules."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from nnlint.config import Config, Selection
from nnlint.engine import Linter, lint
from nnlint.finding import Stage
from nnlint.fixing import fix, permits
from nnlint.registry import load_rules

FIXTURES = Path(__file__).parent.parent / "fixtures"
MARKER = re.compile(r"#\s*want(\^)?:\s*(.+?)\s*$")
WANTED = re.compile(r'([a-z0-9-]+)(?:\s+"([^"]*)")?')
STAGE = re.compile(r"^# stage: (\w+)", re.MULTILINE)
SELECTED = re.compile(r"^# select: (\S+)", re.MULTILINE)
"""A pedantic rule that a fixture is checked with, too."""
FEWEST = {
    "missing-seed": (8, 12),
    "augmentation-early": (8, 12),
    "view-mixes-batch": (8, 12),
    "dropout-before-batchnorm": (8, 12),
    "default-step-decay": (8, 12),
}


def cases() -> list[Path]:
    """Single files and folders that are linted together."""
    found = []
    for rule in sorted(p for p in FIXTURES.iterdir() if p.is_dir()):
        found += [
            p
            for p in sorted(rule.iterdir())
            if p.name != "__pycache__" and (p.is_dir() or p.suffix in (".py", ".ipynb"))
        ]
    return [case for case in found if not is_fixed(case)]


def is_fixed(path: Path) -> bool:
    """Whether a file is what fixing the one beside it makes of it."""
    return path.name.endswith(".fixed.py")


def files_of(case: Path) -> list[Path]:
    """The Python files of a case."""
    if not case.is_dir():
        return [case]
    return sorted(path for path in case.rglob("*.py") if not is_fixed(path))


def config_of(text: str) -> Config:
    """The configuration that a case asks for."""
    stage = STAGE.search(text)
    chosen = Selection(extend_select=tuple(SELECTED.findall(text)))
    return Config(stage=Stage(stage[1]) if stage else None, selection=chosen)


def wanted(
    text: str, name: str
) -> tuple[Counter[tuple[str, int, str]], list[tuple[int, str, str]]]:
    """The (file, row, rule) that the markers of a file ask for, and the parts of messages."""
    rows: Counter[tuple[str, int, str]] = Counter()
    parts = []
    for row, line in enumerate(text.splitlines(), start=1):
        marker = MARKER.search(line)
        if marker:
            at = row - 1 if marker[1] else row
            for part in marker[2].split(";"):
                match = WANTED.match(part.strip())
                assert match, f"{name}:{row}: malformed marker"
                rows[name, at, match[1]] += 1
                if match[2]:
                    parts.append((at, match[1], match[2]))
    return rows, parts


def findings_of(files: list[Path], text: str) -> list:
    """What nnlint reports, with every rule but the pedantic ones."""
    result = lint([str(f) for f in files], config_of(text), jobs=1, use_cache=False)
    return list(result.findings)


@pytest.mark.parametrize("case", cases(), ids=lambda p: str(p.relative_to(FIXTURES)))
def test_fixture(case: Path) -> None:
    files = files_of(case)
    texts = {str(f): f.read_text(encoding="utf-8") for f in files}
    expected: Counter[tuple[str, int, str]] = Counter()
    for name, text in texts.items():
        expected += wanted(text, name)[0]
    findings = findings_of(files, "\n".join(texts.values()))
    reported = Counter((f.filename, f.start.row, f.name) for f in findings)
    assert reported == expected
    for name, text in texts.items():
        for row, rule, part in wanted(text, name)[1]:
            messages = [
                f.message
                for f in findings
                if (f.filename, f.start.row, f.name) == (name, row, rule)
            ]
            assert any(part in message for message in messages)
    if any(f.fix for f in findings):
        check_fixes(files, "\n".join(texts.values()))


def check_fixes(files: list[Path], text: str) -> None:
    """Every fix holds, gives what the `.fixed.py` beside a file says, and leaves no more to fix."""
    config = config_of(text)
    linter = Linter(lambda folder: config, jobs=1)
    found = linter.discover([str(f) for f in files])
    outcome = fix(linter, found, {}, permits(unsafe=True))
    assert not outcome.dropped and outcome.fixed
    for file in files:
        expected = file.with_suffix(".fixed.py")
        if expected.exists():
            assert outcome.contents[str(file)].decode() == expected.read_text(encoding="utf-8")
    again = fix(linter, found, outcome.contents, permits(unsafe=True))
    assert not again.contents and not again.dropped


@pytest.mark.parametrize("rule", [r for r in load_rules() if r.fix], ids=lambda r: r.name)
def test_rule_has_fixtures_of_its_fix(rule) -> None:
    assert list((FIXTURES / rule.name).rglob("*.fixed.py")), f"{rule.name} never fixes anything"


def test_every_fixed_file_is_of_a_fixture() -> None:
    for fixed in FIXTURES.rglob("*.fixed.py"):
        before = fixed.with_name(fixed.name.replace(".fixed.py", ".py"))
        assert before.read_bytes() != fixed.read_bytes(), f"{fixed.name} changes nothing"


@pytest.mark.parametrize("rule", load_rules(), ids=lambda r: r.name)
def test_rule_has_fixtures(rule) -> None:
    folder = FIXTURES / rule.name
    assert folder.is_dir(), f"fixtures/{rule.name} is missing"
    own = [c for c in folder.iterdir() if c.is_dir() or (c.suffix == ".py" and not is_fixed(c))]
    bad = [
        c
        for c in own
        if any(
            rule.name in f.read_text(encoding="utf-8") and "# want" in f.read_text(encoding="utf-8")
            for f in files_of(c)
        )
    ]
    fewest_bad, fewest_good = FEWEST.get(rule.name, (5, 8))
    assert len(bad) >= fewest_bad
    assert len(own) - len(bad) >= fewest_good


def test_clean_programs_exist() -> None:
    assert len(list((FIXTURES / "clean").iterdir())) >= 5


@pytest.mark.parametrize("rule", load_rules(), ids=lambda r: r.name)
@pytest.mark.parametrize("section", ["Example", "Use instead"])
def test_documentation_example(rule, section: str, tmp_path: Path) -> None:
    match = re.search(r"```python\n(.*?)```", rule.sections[section], re.DOTALL)
    assert match, f"{rule.name}: no example under {section}"
    text = textwrap.dedent(match[1])
    file = tmp_path / "example.py"
    file.write_text(text, encoding="utf-8")
    asked = f"{text}\n# select: {rule.name}\n"
    reported = Counter((f.filename, f.start.row, f.name) for f in findings_of([file], asked))
    expected = wanted(text, str(file))[0]
    assert reported == expected
    assert bool(expected) is (section == "Example")


def test_harness_notices_a_double_report_and_a_neighbour(tmp_path: Path) -> None:
    text = "import torch\nx = torch.zeros(3)  # want: missing-seed\n"
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8")
    reported = Counter((f.filename, f.start.row, f.name) for f in findings_of([file], text))
    assert reported != wanted(text, str(file))[0]
