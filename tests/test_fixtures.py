"""Every fixture shows exactly the findings that its markers want, under all rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlint.registry import load_rules
from nnlint.rule import SECTIONS, Level
from nnlint.testing import Case, cases, check, check_page, is_fixed, wanted

FIXTURES = Path(__file__).parent.parent / "fixtures"
FEWEST = {
    "missing-seed": (8, 12),
    "augmentation-early": (8, 12),
    "view-mixes-batch": (8, 12),
    "dropout-before-batchnorm": (8, 12),
    "default-step-decay": (8, 12),
}


@pytest.mark.parametrize("case", cases(FIXTURES), ids=str)
def test_fixture(case: Case) -> None:
    check(case)


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
    bad = [path for path in own if _wants(Case(path, path.name), rule.name)]
    says_little = rule.level in (Level.ADVICE, Level.PEDANTIC)
    fewest_bad, fewest_good = FEWEST.get(rule.name, (3, 5) if says_little else (5, 8))
    assert len(bad) >= fewest_bad
    assert len(own) - len(bad) >= fewest_good


def _wants(case: Case, rule: str) -> bool:
    return any(name == rule for _, _, name in wanted(case.text, case.name).places)


def test_clean_programs_exist() -> None:
    assert len(list((FIXTURES / "clean").iterdir())) >= 5


@pytest.mark.parametrize("rule", load_rules(), ids=lambda r: r.name)
def test_page(rule) -> None:
    assert tuple(rule.sections) == SECTIONS
    check_page(rule)
