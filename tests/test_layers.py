"""Imports point one way, and starting nnlint loads only what a command needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
OPEN_TO_RULES = ("nnlint.rule", "nnlint.questions", "nnlint.remedies", "nnlint.semantics")
"""What a rule may import of nnlint; everything else is the engine's own business."""


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the packages of another tree."""
    program = (
        "import sys; from importlinter.cli import lint_imports;"
        f"sys.exit(lint_imports({str(ROOT / 'pyproject.toml')!r}, no_cache=True, no_logo=True))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), str(tree / "rules")])}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=tree, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages, to break."""
    for folder in ("nnlint", "rules"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_contracts_hold() -> None:
    result = lint_imports(ROOT)
    advice = "a new module gets its place in [tool.importlinter] of pyproject.toml"
    assert result.returncode == 0, f"{result.stdout}{result.stderr}\n{advice}"


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("nnlint/semantics/values/basic.py", "import nnlint.engine", "layers see only those below"),
        (
            "nnlint/semantics/values/basic.py",
            "import nnlint.questions.participants",
            "layers see only those below",
        ),
        ("nnlint/source/file.py", "import nnlint.syntax.module", "layers see only those below"),
        ("nnlint/engine.py", "import nnlint_rules", "knows no rule"),
        ("nnlint/engine.py", "import torch", "Only what runs beside a model imports torch"),
        (
            "rules/nnlint_rules/data/augmentation_early.py",
            "import nnlint_rules.data.augmentation_in_eval",
            "Rules stand alone",
        ),
    ],
)
def test_a_wrong_import_breaks_its_contract(
    tree: Path, file: str, line: str, contract: str
) -> None:
    target = tree / file
    target.write_text(target.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint_imports(tree)
    assert result.returncode == 1
    broken = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert len(broken) == 1, result.stdout
    assert contract in broken[0]


def test_a_module_outside_the_layers_breaks_the_contract(tree: Path) -> None:
    (tree / "nnlint" / "newcomer.py").write_text("", encoding="utf-8")
    result = lint_imports(tree)
    assert result.returncode != 0
    assert "newcomer" in result.stdout


def test_rules_see_the_rule_api_and_the_semantic_model_only() -> None:
    graph = grimp.build_graph("nnlint", "nnlint_rules", cache_dir=None)
    rules = graph.find_descendants("nnlint_rules")
    assert len(rules) > 10
    forbidden = {
        f"{rule} imports {imported}"
        for rule in rules
        for imported in graph.find_modules_directly_imported_by(rule)
        if not imported.startswith(OPEN_TO_RULES)
    }
    assert not forbidden


def test_what_runs_beside_a_model_needs_nothing_of_nnlint() -> None:
    graph = grimp.build_graph("nnlint", cache_dir=None)
    runtime = {"nnlint.verify.runtime", *graph.find_descendants("nnlint.verify.runtime")}
    assert len(runtime) > 20
    imported = {i for m in runtime for i in graph.find_modules_directly_imported_by(m)}
    assert imported <= runtime


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--version"], {"rich", "nnlint_rules", "nnlint.engine", "nnlint.semantics.values"}),
        (["--help"], {"rich", "nnlint_rules", "nnlint.engine", "nnlint.semantics.values"}),
        (["rule", "NN401"], {"nnlint.engine", "nnlint.report", "torch"}),
        (["examples"], {"rich.progress", "nnlint.verify", "torch"}),
    ],
)
def test_a_command_loads_only_what_it_needs(
    tmp_path: Path, arguments: list[str], unused: set[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = (
        "import sys; from nnlint.cli import run; status = run(sys.argv[1:]);"
        "print(status, *sys.modules, sep='\\n', file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    status, *loaded = result.stderr.splitlines()
    assert status == ("1" if arguments == ["examples"] else "0"), result.stderr
    assert not unused & set(loaded)
