"""`python -m benchmarks.mutation [PATHS]…`: the share of planted mistakes found, by rule.

Without paths it mutates the correct programs among the fixtures. A mutant counts as found
when the rule says something in the mutated file that it did not say before.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutation.operators import OPERATORS
from benchmarks.mutation.program import Program
from nnlint.config import Config, Selection
from nnlint.engine import Linter
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
    parser.add_argument("--one", action="store_true", help="one mutant of each path at most")
    parser.add_argument("--show", action="store_true", help="show each miss as a difference")
    options = parser.parse_args()
    roots = options.paths or sorted(FIXTURES.glob("*/good_*")) + sorted(FIXTURES.glob("clean/*"))
    known = {rule.name for rule in load_rules()}
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    missed: list[Mutant] = []
    for rule in options.rule or OPERATORS:
        if rule not in known:
            continue
        mutants = [(root, m) for root in roots for m in mutants_of(root, rule)]
        random.Random(options.seed).shuffle(mutants)
        if options.one:
            mutants = list({root: (root, m) for root, m in reversed(mutants)}.values())[::-1]
        benches: dict[Path, Bench] = {}
        for root, mutant in mutants[: options.most]:
            total[rule] += 1
            if root not in benches:
                benches[root] = Bench(root, rule)
            if benches[root].finds(mutant):
                found[rule] += 1
            else:
                missed.append(mutant)
    print("| rule | mutants | found | share |\n|---|---|---|---|")
    for rule in total:
        print(f"| {rule} | {total[rule]} | {found[rule]} | {found[rule] / total[rule]:.0%} |")
    for mutant in missed:
        print(f"missed {mutant.rule}: {mutant.file}:{mutant.row} ({mutant.operator})")
        if options.show:
            print(show(mutant))
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
        if not any(name in text for name in ("torch", "sklearn")) or file.parent.name in (
            "test",
            "tests",
        ):
            continue
        for operator in OPERATORS[rule]:
            for replacements in operator(program):
                changed = program.with_replaced(replacements)
                row = getattr(replacements[0][0], "lineno", 1)
                if parses(changed):
                    yield Mutant(rule, operator.__name__, file, row, changed)


def parses(text: str) -> bool:
    """Whether a mutant is Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


class Bench:
    """Lints a folder again and again for one rule, each time with one file changed.

    Parameters:
        root: what is linted: a file, or a folder as a whole.
        rule: the name of the rule.
    """

    def __init__(self, root: Path, rule: str) -> None:
        self._root = root.resolve()
        config = Config(command_line=Selection(select=(rule,)))
        self._linter = Linter(lambda folder: config, jobs=1)
        self._before = self._said({})

    def finds(self, mutant: Mutant) -> bool:
        """Whether the rule says more, or something else, once the mistake is planted."""
        text = mutant.text.encode("utf-8")
        return bool(self._said({str(mutant.file.resolve()): text}) - self._before)

    def _said(self, overlay: dict[str, bytes]) -> Counter[tuple[str, str]]:
        here = os.getcwd()
        os.chdir(self._root if self._root.is_dir() else self._root.parent)
        try:
            found = self._linter.discover([str(self._root)])
            findings = self._linter.run(found, overlay).findings
            return Counter((finding.filename, finding.message) for finding in findings)
        finally:
            os.chdir(here)


def show(mutant: Mutant) -> str:
    """What a mutant changes, with a few lines around it."""
    lines = mutant.file.read_text(encoding="utf-8").splitlines()
    changes = difflib.unified_diff(lines, mutant.text.splitlines(), lineterm="", n=4)
    return "\n".join(list(changes)[2:])


if __name__ == "__main__":
    raise SystemExit(main())
