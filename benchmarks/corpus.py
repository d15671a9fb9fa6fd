"""Lint the pinned packages and compare the findings with the ledger.

`python -m benchmarks.corpus` fetches what is missing, lints every package, writes the
findings as JSON lines and says which are unjudged, which judged ones are gone, and how many
of each rule's findings are true. `python -m benchmarks.corpus judge` records a verdict.
Exit status: 0 all is judged and nothing true was lost, 1 otherwise, 2 a crash or timeout.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks import ledger
from benchmarks.ledger import VERDICTS, Judgement, Place
from benchmarks.packages import FOLDER, Package, fetch, packages

CRASH = "NN007"


@dataclass(slots=True)
class Outcome:
    """What linting one package gave."""

    package: Package
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    """Why nnlint did not get through, if so."""

    @property
    def crashes(self) -> list[str]:
        """Messages of rules and analyses that crashed."""
        found = [f for f in self.findings if f["code"] == CRASH]
        return [f"{f['filename']}: {f['message']}" for f in found]

    @property
    def places(self) -> set[Place]:
        """The identities of the findings."""
        return {place_of(f) for f in self.findings}


def place_of(finding: dict[str, Any]) -> Place:
    """The identity of a finding as JSON."""
    return Place(finding["filename"], finding["location"]["row"], finding["code"])


def lint(package: Package, folder: Path, limit: float) -> Outcome:
    """Lint one package in a process of its own."""
    command = [sys.executable, "-m", "nnlint", "check", ".", "--isolated", "--no-cache"]
    command += ["--no-respect-gitignore", "--exit-zero", "--quiet", "--output-format", "json-lines"]
    outcome = Outcome(package)
    started = time.perf_counter()
    try:
        process = subprocess.run(
            command, cwd=fetch(package, folder), capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        outcome.failure = f"took more than {limit:g} s"
        return outcome
    outcome.seconds = time.perf_counter() - started
    if process.returncode:
        outcome.failure = process.stderr.strip() or f"exit status {process.returncode}"
    else:
        outcome.findings = [json.loads(line) for line in process.stdout.splitlines()]
    return outcome


@click.group(invoke_without_command=True)
@click.option("--package", "names", multiple=True, help="Only this package; may be repeated.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--limit", default=300.0, show_default=True, help="Seconds for one package.")
@click.option("--fetch-only", is_flag=True, help="Download and unpack, lint nothing.")
@click.pass_context
def main(
    context: click.Context, names: Sequence[str], folder: Path, limit: float, fetch_only: bool
) -> None:
    """Lint the packages of corpus.toml and compare with the ledger."""
    if context.invoked_subcommand:
        return
    chosen = packages(names)
    for package in chosen:
        fetch(package, folder)
    if fetch_only:
        return
    outcomes = []
    for package in chosen:
        outcomes.append(lint(package, folder, limit))
        click.echo(_progress(outcomes[-1]), err=True)
    _write_findings(outcomes, folder / "findings.jsonl")
    sys.exit(report(outcomes))


def _progress(outcome: Outcome) -> str:
    name = f"{outcome.package.name} {outcome.package.version}"
    if outcome.failure:
        return f"{name}: {outcome.failure}"
    return f"{name}: {len(outcome.findings)} findings in {outcome.seconds:.1f} s"


def _write_findings(outcomes: Iterable[Outcome], file: Path) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for outcome in outcomes:
            package = {"package": outcome.package.name, "version": outcome.package.version}
            for finding in outcome.findings:
                stream.write(json.dumps({**package, **finding}, ensure_ascii=False) + "\n")
    click.echo(f"wrote {file}", err=True)


def report(outcomes: Sequence[Outcome], verdicts: Path = ledger.FOLDER) -> int:
    """Print the comparison with the ledger; returns the exit status."""
    failed, unsettled = False, False
    for outcome in outcomes:
        for problem in [outcome.failure, *outcome.crashes]:
            if problem:
                failed = True
                click.echo(f"crash    {outcome.package.name}: {problem}")
    for outcome in outcomes:
        if outcome.failure:
            continue
        judged = ledger.read(outcome.package, verdicts)
        for line, counts in _differences(outcome, judged):
            unsettled = unsettled or counts
            click.echo(line)
    click.echo()
    click.echo(_table(outcomes, verdicts))
    return 2 if failed else int(unsettled)


def _differences(outcome: Outcome, judged: dict[Place, Judgement]) -> Iterable[tuple[str, bool]]:
    """Lines on what changed, each with whether it needs somebody."""
    name = outcome.package.name
    for finding in outcome.findings:
        place = place_of(finding)
        if place not in judged and finding["code"] != CRASH:
            where = f"{place.file}:{place.line}"
            yield f"unjudged {name} {where} {place.code} {finding['message']}", True
    for place, judgement in judged.items():
        if place not in outcome.places:
            word = "fixed   " if judgement.verdict == "false" else "lost    "
            lost = judgement.verdict == "true"
            where = f"{place.file}:{place.line}"
            yield f"{word} {name} {where} {place.code} was {judgement.verdict}", lost


def _table(outcomes: Sequence[Outcome], verdicts: Path) -> str:
    """Findings by rule and by level: how many, how many judged, and how many of these true."""
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        judged = ledger.read(outcome.package, verdicts)
        for finding in outcome.findings:
            judgement = judged.get(place_of(finding))
            verdict = judgement.verdict if judgement else "unjudged"
            rule = (finding["code"], finding["name"], finding["level"])
            for key in (rule, ("all", "", finding["level"]), ("all", "", "")):
                counts[key][verdict] += 1
    rows = ["| rule | level | findings | true | false | arguable | unjudged | true rate |"]
    rows.append("|---|---|--:|--:|--:|--:|--:|--:|")
    for (code, name, level), count in sorted(counts.items(), key=lambda item: item[0]):
        judged_count = sum(count[v] for v in VERDICTS)
        rate = f"{count['true'] / judged_count:.0%}" if judged_count else "–"
        cells = [f"{code} {name}".strip(), level or "any", count.total()]
        cells += [count[v] for v in (*VERDICTS, "unjudged")]
        rows.append("| " + " | ".join(map(str, [*cells, rate])) + " |")
    return "\n".join(rows)


@main.command()
@click.argument("package")
@click.argument("place", metavar="FILE:LINE")
@click.argument("code")
@click.argument("verdict", type=click.Choice(VERDICTS))
@click.argument("reason")
def judge(package: str, place: str, code: str, verdict: str, reason: str) -> None:
    """Record the verdict on a finding, or change it."""
    file, _, line = place.rpartition(":")
    (pinned,) = packages([package])
    judgement = Judgement(pinned.version, file, int(line), code, verdict, reason)
    judged = ledger.read(pinned)
    ledger.write(pinned, {**judged, judgement.place: judgement}.values())


if __name__ == "__main__":
    main()
