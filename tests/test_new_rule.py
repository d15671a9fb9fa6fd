"""`nnlint new-rule` writes a rule that works, and touches nothing that is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnlint import packs
from nnlint.cli import run
from nnlint.testing import cases, check, check_page

PACK = """[project]
name = "acme-nnlint"
version = "1.0"

[project.entry-points."nnlint.rules"]
acme = "acme_rules"
"""
FILES = {
    "tests/test_rules.py",
    "fixtures/hard-errors/reported.py",
    "fixtures/hard-errors/silent.py",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    packs.use(())


def written(folder: Path) -> set[str]:
    """The files in a folder."""
    files = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix() for p in files}


def new_rule(*arguments: str) -> int:
    return run(["new-rule", *arguments])


def test_it_works_at_once(folder, capfd):
    assert new_rule("hard-errors") == 0
    assert "lint with it: nnlint --rules . --extend-select HOUSE001 PATHS" in capfd.readouterr().out
    assert written(folder) == FILES | {"hard_errors.py"}
    assert run(["--rules", ".", "fixtures", "--select", "HOUSE001", "--output-format", "json"]) == 1
    [finding] = json.loads(capfd.readouterr().out)
    assert Path(finding["filename"]).name == "reported.py" and finding["name"] == "hard-errors"


def test_its_tests_pass_also_beside_another(folder):
    assert new_rule("hard-errors") == 0 and new_rule("harder-errors") == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0 and "6 passed" in result.stdout, result.stdout


def test_its_tests_fail_when_the_rule_does(folder):
    assert new_rule("hard-errors") == 0
    rule = folder / "hard_errors.py"
    rule.write_text(rule.read_text().replace('family="l1"', 'family="mse"'))
    with pytest.raises(AssertionError, match="hard-errors is wanted and not reported"):
        check(cases(folder / "fixtures")[0], rules=[folder], select=["hard-errors"])
    with pytest.raises(AssertionError):
        check_page("hard-errors", rules=[folder], select=["hard-errors"])


@pytest.mark.parametrize("source", [".", "src"])
def test_in_a_pack_it_goes_into_the_package(folder, source):
    (folder / "pyproject.toml").write_text(PACK)
    package = folder / source / "acme_rules"
    package.mkdir(parents=True)
    assert new_rule("hard-errors") == 0
    rule = (package / "hard_errors.py").relative_to(folder).as_posix()
    assert written(folder) == FILES | {rule, "pyproject.toml"}
    assert '"ACME001"' in (package / "hard_errors.py").read_text()
    for case in cases(folder / "fixtures"):
        check(case, rules=[package], select=[case.rule])


def test_codes_go_on_from_the_last_one(folder, monkeypatch):
    (folder / "pyproject.toml").write_text(PACK)
    topic = folder / "acme_rules/losses"
    topic.mkdir(parents=True)
    (folder / "acme_rules/one.py").write_text('@rule("LOSS041", level=Level.ERROR)\n')
    monkeypatch.chdir(topic)
    assert new_rule("hard-errors") == 0
    assert '"LOSS042"' in (topic / "hard_errors.py").read_text()
    assert (folder / "fixtures/hard-errors/silent.py").is_file()


@pytest.mark.parametrize("there", ["hard_errors.py", "fixtures/hard-errors/silent.py"])
def test_nothing_is_overwritten(folder, capfd, there):
    (folder / there).parent.mkdir(parents=True, exist_ok=True)
    (folder / there).write_text("mine")
    assert new_rule("hard-errors") == 2
    assert f"{there} exists already" in capfd.readouterr().err
    assert written(folder) == {there} and (folder / there).read_text() == "mine"


def test_a_test_of_all_fixtures_is_left_alone(folder):
    (folder / "tests").mkdir()
    (folder / "tests/test_ours.py").write_text("from nnlint.testing import check\n")
    assert new_rule("hard-errors") == 0
    assert "tests/test_rules.py" not in written(folder)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Hard_Errors"], "`Hard_Errors` is no name of a rule"),
        (["class"], "`class` is no name of a rule"),
        (["../outside"], "is no name of a rule"),
        (["hard-errors", "--code", "x1"], "`x1` is no code: write it like `ACME001`"),
        (["hard-errors", "--code", "NN301"], "there is a rule NN301 view-mixes-batch already"),
        (["view-mixes-batch"], "there is a rule NN301 view-mixes-batch already"),
    ],
)
def test_what_cannot_be_a_rule_is_told(folder, capfd, arguments, told):
    assert new_rule(*arguments) == 2
    assert told in capfd.readouterr().err
    assert written(folder) == set()


def test_a_pack_without_its_package_is_told(folder, capfd):
    (folder / "pyproject.toml").write_text(PACK)
    assert new_rule("hard-errors") == 2
    assert "names the package `acme_rules` of rules, which is not there" in capfd.readouterr().err
