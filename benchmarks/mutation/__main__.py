"""`python -m benchmarks.mutation [PATHS]…`: the share of planted mistakes found, by rule.

Without paths it mutates the correct programs among the fixtures. A mutant counts as found
when the rule reports more in the mutated file than it did before.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutation.operators import OPERATORS
from benchmarks.mutation.program import Program, Replacement
from nnlint.config import Config, Selection
from nnlint.engine import lint
from nnlint.registry import load_rules

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


@dataclass(frozen=True)
class Mutant:
    """A file with a mistake planted."""

    rule: str
    operator: str
    file: Path
    row: int
    text: str


def main() -> int:
    """Measure, print a table and the mutants that nothing was said about."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--rule", action="append", help="these rules only")
    parser.add_argument("--most", type=int, default=25, help="mutants per rule at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    roots = options.paths or sorted(FIXTURES.glob("*/good_*")) + sorted(FIXTURES.glob("clean/*"))
    known = {rule.name for rule in load_rules()}
    found: Counter[str] = Counter()
    clean: dict[tuple[Path, str], int] = {}
    total: Counter[str] = Counter()
    missed: list[Mutant] = []
    for rule in options.rule or OPERATORS:
        if rule not in known:
            continue
        mutants = [(root, m) for root in roots for m in mutants_of(root, rule)]
        random.Random(options.seed).shuffle(mutants)
        for root, mutant in mutants[: options.most]:
            total[rule] += 1
            if (root, rule) not in clean:
                clean[root, rule] = findings(root, rule)
            if findings(root, rule, mutant) > clean[root, rule]:
                found[rule] += 1
            else:
                missed.append(mutant)
    print("| rule | mutants | found | share |\n|---|---|---|---|")
    for rule in total:
        print(f"| {rule} | {total[rule]} | {found[rule]} | {found[rule] / total[rule]:.0%} |")
    for mutant in missed:
        print(f"missed {mutant.rule}: {mutant.file}:{mutant.row} ({mutant.operator})")
    return 0


def mutants_of(root: Path, rule: str) -> Iterator[Mutant]:
    """Every mutant for a rule of the Python files at or below a path."""
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root] * (root.suffix == ".py")
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = Program(text, ast.parse(text))
        except (SyntaxError, ValueError, OSError):
            continue
        for operator in OPERATORS[rule]:
            for replacements in operator(program):
                changed = apply(text, replacements)
                row = getattr(replacements[0][0], "lineno", 1)
                if parses(changed):
                    yield Mutant(rule, operator.__name__, file, row, changed)


def apply(text: str, replacements: list[Replacement]) -> str:
    """The text with every node replaced."""
    raw = text.encode("utf-8")
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = sorted(
        (
            (
                starts[node.lineno - 1] + node.col_offset,  # type: ignore[attr-defined]
                starts[node.end_lineno - 1] + node.end_col_offset,  # type: ignore[attr-defined]
                content,
            )
            for node, content in replacements
        ),
        reverse=True,
    )
    for start, end, content in spans:
        raw = raw[:start] + content.encode("utf-8") + raw[end:]
    return raw.decode("utf-8")


def parses(text: str) -> bool:
    """Whether a mutant is Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def findings(root: Path, rule: str, mutant: Mutant | None = None) -> int:
    """How much the rule reports at or below a path, once a mistake is planted there."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / root.name
        if root.is_dir():
            shutil.copytree(root, target, ignore=shutil.ignore_patterns("*.ipynb"))
        else:
            shutil.copy(root, target)
        if mutant is not None:
            file = target / mutant.file.relative_to(root) if root.is_dir() else target
            file.write_text(mutant.text, encoding="utf-8")
        return count(target, rule)


def count(target: Path, rule: str) -> int:
    """Findings of one rule below a path."""
    config = Config(command_line=Selection(select=(rule,)))
    here = os.getcwd()
    os.chdir(target if target.is_dir() else target.parent)
    try:
        result = lint([str(target)], config, jobs=1, use_cache=False)
    finally:
        os.chdir(here)
    return len(result.findings)


if __name__ == "__main__":
    raise SystemExit(main())
