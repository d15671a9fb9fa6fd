"""The pages of rules: what the docstring says, with a fix, a measurement and how often it was right."""

from __future__ import annotations

import csv
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from nnlint.finding import Applicability
from nnlint.registry import TOOL_RULES, ToolRule
from nnlint.report.pictures import pictures_of
from nnlint.rule import Rule

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
MEASURED = ROOT / "docs" / "measured.json"
"""What the verifier showed of one fixture of each rule that it can judge (docs/measure.py)."""
TOPICS = {
    "data": "Data",
    "model": "Model",
    "loss": "Loss and metrics",
    "training": "Training loop",
    "optimisation": "Optimisation",
    "reproducibility": "Reproducibility",
}
FIXES = {
    Applicability.SAFE: "`--fix` makes it: a correct program goes on computing the same.",
    Applicability.UNSAFE: "`--fix --unsafe-fixes` makes it: it changes what is computed.",
}
MOST_LINES = 40
"""Lines of a diff that are shown."""


def topic_of(rule: Rule) -> str:
    """The folder that a rule is in."""
    return Path(rule.source).parent.name


def write_rule_pages(folder: Path, rules: Iterable[Rule]) -> None:
    """Write a page for each rule and for each finding of the tool itself, and an index."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = list(rules)
    for rule in rules:
        (folder / f"{rule.name}.md").write_text(page_of_rule(rule, folder), encoding="utf-8")
    for tool in TOOL_RULES:
        text = f"{_front(tool)}{tool.documentation}"
        (folder / f"{tool.name}.md").write_text(text, encoding="utf-8")
    (folder / "index.md").write_text(index(rules), encoding="utf-8")


def index(rules: list[Rule]) -> str:
    """All rules, by topic."""
    parts = [
        "# Rules\n\nnnlint has "
        f"{len(rules)} rules. Each has its code, its name and a level: **error**, training or "
        "evaluation is wrong; **warning**, almost always a mistake; **advice**, training works, "
        "and the recipe says how to do it better; **pedantic**, off unless selected. A page says "
        "what a rule reports, what the mistake does to the run, what to write instead, and how "
        "often the rule was right on public packages.\n"
    ]
    for topic, title in TOPICS.items():
        parts.append(f"## {title}\n\n| code | rule | level | fix | |\n|-|-|-|-|-|")
        for rule in rules:
            if topic_of(rule) == topic:
                fix = rule.fix.value if rule.fix else ""
                link = f"[{rule.name}]({rule.name}.md)"
                summary = " ".join(rule.summary.split())
                parts.append(f"| {rule.code} | {link} | {rule.level.value} | {fix} | {summary} |")
        parts.append("")
    parts.append("## nnlint itself\n\n| code | name | level | |\n|-|-|-|-|")
    parts += [
        f"| {tool.code} | [{tool.name}]({tool.name}.md) | {tool.level.value} | {tool.summary} |"
        for tool in TOOL_RULES
    ]
    return "\n".join(parts) + "\n"


def page_of_rule(rule: Rule, folder: Path) -> str:
    """The page of a rule.

    Parameters:
        folder: where its pictures are written, too.
    """
    head, *sections = re.split(r"^(?=## )", rule.documentation, flags=re.MULTILINE)
    parts = [_front(rule), head]
    added = {
        "Use instead": [_fix(rule), _measured(rule, folder)],
        "When not to use it": [_judged(rule)],
    }
    for section in sections:
        title = section.removeprefix("## ").partition("\n")[0].strip()
        parts += [section.rstrip() + "\n", *filter(None, added.get(title, ()))]
    return "\n".join(parts)


def _front(rule: Rule | ToolRule) -> str:
    summary = json.dumps(" ".join(rule.summary.split()), ensure_ascii=False)
    return f"---\ndescription: {summary}\n---\n\n"


def _fix(rule: Rule) -> str:
    if rule.fix is None:
        return ""
    told = f"## Fix\n\n{FIXES[rule.fix]}\n"
    twins = sorted((FIXTURES / rule.name).rglob("*.fixed.py"), key=lambda f: f.stat().st_size)
    for fixed in twins:
        before = fixed.with_name(fixed.name.replace(".fixed.py", ".py"))
        texts = [re.sub("  # want: .*", "", f.read_text(encoding="utf-8")) for f in (before, fixed)]
        old, new = (text.splitlines() for text in texts)
        lines = list(difflib.unified_diff(old, new, n=2, lineterm=""))[2:]
        if 0 < len(lines) <= MOST_LINES:
            return told + "\n```diff\n" + "\n".join(lines) + "\n```\n"
    return told


def _measured(rule: Rule, folder: Path) -> str:
    found = measurements().get(rule.name)
    if found is None:
        return ""
    pictures = []
    for extra, svg in pictures_of(
        found["probe"], found["name"], "CONFIRMED", found["summary"], found["evidence"]
    ):
        name = f"measured-{rule.name}{extra}.svg"
        (folder / name).write_text(svg, encoding="utf-8")
        pictures.append(f"![What the probe measured]({name})\n")
    return "\n".join(
        [
            f"## What running it shows\n\nThe probe `{found['probe']}` on this code:\n",
            f"```python\n{found['code']}\n```\n",
            f"> {found['message']}\n",
            f"**Confirmed:** {found['summary']}.\n",
            *pictures,
        ]
    )


@lru_cache(maxsize=1)
def measurements() -> dict[str, Any]:
    """What was measured, by rule."""
    return json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}


def _judged(rule: Rule) -> str:
    counts, packages = verdicts(), packages_judged()
    numbers = counts.get(rule.code, Counter())
    read = numbers.total()
    lines = ["## How often it was right\n"]
    if read:
        parts = [
            f"{numbers[kind]} {kind}" for kind in ("true", "arguable", "false") if numbers[kind]
        ]
        mended = "false ones are mended where that is possible; " if numbers["false"] else ""
        lines.append(
            f"In {packages} public packages, whose findings people read in their context, it "
            f"said something at {read} {'place' if read == 1 else 'places'}: {', '.join(parts)} "
            f"({mended}[how measured](../measured/README.md)).\n"
        )
    else:
        lines.append(
            f"It says nothing about the {packages} public packages whose findings are judged "
            "([how measured](../measured/README.md)).\n"
        )
    planted = planted_bugs().get(rule.code)
    if planted:
        lines.append(
            f"Of mistakes of its kind that were planted in public programs it found {planted} "
            "([planted bugs](../measured/mutation.md)).\n"
        )
    return "\n".join(lines)


@lru_cache(maxsize=1)
def verdicts() -> dict[str, Counter[str]]:
    """The verdicts of the ledger, by code."""
    found: dict[str, Counter[str]] = {}
    for file in sorted((ROOT / "benchmarks" / "ledger").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                found.setdefault(row["code"], Counter())[row["verdict"]] += 1
    return found


def packages_judged() -> int:
    """How many packages the ledger is of."""
    return len(list((ROOT / "benchmarks" / "ledger").glob("*.csv")))


@lru_cache(maxsize=1)
def planted_bugs() -> dict[str, str]:
    """The first figure of each code in benchmarks/mutation.md, as `22 of 25`."""
    text = (ROOT / "benchmarks" / "mutation.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for code, figure in re.findall(r"^\| (NN\d{3})[^|]*\| (\d+ of \d+) \|", text, re.MULTILINE):
        found.setdefault(code, figure)
    return found
