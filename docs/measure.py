"""Measure what rule pages show: the verifier, asked about fixtures of each rule that it can judge, and the example.

    python docs/measure.py

writes docs/measured.json, with the first confirmed finding of each rule; it takes minutes and torch.
Only the numbers and the lines around the finding are kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rule_pages import FIXTURES, MEASURED, ROOT

from nnlint.registry import load_rules
from nnlint.rule import Rule
from nnlint.verify.catalogue import OF_RULES

MOST_FILES = 2
"""Fixtures of a rule that are asked about."""
KEPT = ("matrices", "rates", "unit", "curves")
AROUND = 3
"""Lines around a finding that are kept."""


def judged() -> list[Rule]:
    """The rules that a probe can judge."""
    return [rule for rule in load_rules() if rule.probe or rule.name in OF_RULES]


def files_of(rule: Rule) -> Iterator[Path]:
    """Fixtures of one file in which a rule reports something."""
    for file in sorted((FIXTURES / rule.name).rglob("*.py")):
        wanted = f"# want: {rule.name}" in file.read_text(encoding="utf-8")
        if wanted and not file.name.endswith(".fixed.py"):
            yield file.relative_to(ROOT)


def measured(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """The first confirmed finding of each rule."""
    found: dict[str, Any] = {}
    for finding in findings:
        verdict = finding["verdict"]
        rule = finding["name"]
        if rule in found or not verdict or verdict["status"] != "CONFIRMED":
            continue
        if not finding["filename"].startswith((f"fixtures/{rule}/", "examples/")):
            continue
        evidence = verdict["evidence"]
        target = str(evidence.get("target", ""))
        found[rule] = {
            "probe": evidence.get("probe", "lr-schedule"),
            "name": target.rpartition(":")[2] or rule,
            "message": finding["message"],
            "summary": verdict["summary"].partition(" (seen in ")[0],
            "code": _excerpt(finding),
            "evidence": {key: evidence[key] for key in KEPT if key in evidence},
        }
    return dict(sorted(found.items()))


def _excerpt(finding: dict[str, Any]) -> str:
    lines = (ROOT / finding["filename"]).read_text(encoding="utf-8").splitlines()
    first = max(0, finding["location"]["row"] - 1 - AROUND)
    shown = [line.partition("  # want:")[0] for line in lines[first:][: 2 * AROUND + 1]]
    while shown and not shown[0].strip():
        del shown[0]
    return "\n".join(shown).rstrip()


def main() -> None:
    """Ask, and write what was confirmed."""
    rules = judged()
    files = [file for rule in rules for file in list(files_of(rule))[:MOST_FILES]]
    files.append(Path("examples"))
    options = ["--verify", "--isolated", "--no-cache", "--exit-zero", "--output-format", "json"]
    selected = ["--select", ",".join(rule.code for rule in rules)]
    program = [sys.executable, "-m", "nnlint", *map(str, files), *options, *selected]
    told = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = measured(json.loads(told.stdout))
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"measured {len(found)} of {len(rules)} rules")


if __name__ == "__main__":
    main()
