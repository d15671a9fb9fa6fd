"""`--fix` and `--diff`."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.baseline import identity
from nnlint.cli.output import wants_color
from nnlint.finding import Finding
from nnlint.fixing import Outcome, fix, permits
from nnlint.report.concise import place
from nnlint.report.style import BOLD, Styler
from nnlint.report.summary import count
from nnlint.source.notebook import code_cells
from nnlint.source.reading import decode
from nnlint.source.rewrite import RewriteError, replace_file
from nnlint.text import plain, shown_path

if TYPE_CHECKING:
    from nnlint.cli.settings import Settings
    from nnlint.engine import Linter
    from nnlint.source.discovery import Discovery

ADDED, REMOVED, RANGE = "32", "31", "36"


def fix_files(
    linter: Linter,
    found: Discovery,
    overlay: Mapping[str, bytes],
    settings: Settings,
    options: dict[str, Any],
) -> Outcome:
    """Fix files, or show what fixing them would change."""
    wanted = _wanted(settings, options)
    if options["verify"]:
        outcome = _proven(linter, found, overlay, wanted, settings, options)
    else:
        outcome = fix(linter, found, overlay, wanted)
    for finding, reason in dict.fromkeys(outcome.dropped):
        where = f"{place(finding)}: {finding.code} {finding.name}"
        click.echo(f"warning: {plain(f'{where} is not fixed: {reason}')}", err=True)
    if options["diff"]:
        _show(outcome, options["color"])
    elif overlay:
        sys.stdout.buffer.write(next(iter({**overlay, **outcome.contents}.values())))
        sys.stdout.buffer.flush()
    else:
        outcome = _write(linter, found, outcome)
    return outcome


def show_fixes(outcome: Outcome, written: bool) -> None:
    """List what was fixed, or would be, by file and rule."""
    if not outcome.fixed:
        return
    verb = "Fixed" if written else "Would fix"
    click.echo(f"{verb} {count(len(outcome.fixed), 'finding')}:", err=True)
    for filename in sorted({f.filename for f in outcome.fixed}):
        click.echo(f"- {plain(filename)}:", err=True)
        rules = Counter((f.code, f.name) for f in outcome.fixed if f.filename == filename)
        for (code, name), number in sorted(rules.items()):
            click.echo(f"    {number} × {code} ({name})", err=True)


def _proven(
    linter: Linter,
    found: Discovery,
    overlay: Mapping[str, bytes],
    wanted: Callable[[Finding], bool],
    settings: Settings,
    options: dict[str, Any],
) -> Outcome:
    """Only fixes of findings that running the code confirms before, and no longer after."""
    from nnlint.cli.verification import asked
    from nnlint.verify.proving import Prover

    first = linter.run(found, overlay)
    with asked(first.findings, settings, options) as (verified, conditions):
        prover = Prover(verified, conditions)
        left = [f for f in first.findings if wanted(f) and prover.refusal(f)]
        outcome = fix(
            linter,
            found,
            overlay,
            lambda f: wanted(f) and not prover.refusal(f),
            prover,
            first,
        )
    outcome.verdicts = prover.verdicts
    outcome.dropped += [(f, prover.refusal(f)) for f in left if identity(f) in prover.verdicts]
    unknown = sum(identity(f) not in prover.verdicts for f in left)
    if not options["quiet"]:
        for finding, seen in prover.proofs:
            where = plain(f"{place(finding)}: {finding.code} {finding.name}")
            click.echo(f"{where}: confirmed before the fix, gone after it: {plain(seen)}", err=True)
    if outcome.dropped or unknown:
        fixes = count(unknown, "finding")
        no_probe = f"; {fixes} that no probe can prove are left alone" if unknown else ""
        click.echo(
            "only fixes that running the code proves are made, --fix without --verify makes "
            f"the others too{no_probe}",
            err=True,
        )
    return outcome


def _wanted(settings: Settings, options: dict[str, Any]) -> Any:
    from nnlint.baseline import Baseline

    path = options["baseline"] or settings.config.baseline
    baseline = Baseline(Path(path)) if path else None
    permitted = permits(options["unsafe_fixes"])

    def wanted(finding: Finding) -> bool:
        return permitted(finding) and not (baseline and baseline.knows(finding))

    return wanted


def _write(linter: Linter, found: Discovery, outcome: Outcome) -> Outcome:
    failed: set[str] = set()
    for path, content in sorted(outcome.contents.items()):
        try:
            replace_file(Path(path), outcome.originals[path], content)
        except (RewriteError, OSError) as error:
            failed.add(path)
            reason = getattr(error, "strerror", None) or error
            click.echo(f"error: {plain(f'{shown_path(path)} is not fixed: {reason}')}", err=True)
    if not failed:
        return outcome
    # what is reported is what is on disk
    result = replace(linter.run(found), failed=True)
    fixed = [f for f in outcome.fixed if os.path.abspath(f.filename) not in failed]
    contents = {path: text for path, text in outcome.contents.items() if path not in failed}
    return replace(outcome, result=result, fixed=fixed, contents=contents)


def _show(outcome: Outcome, color: str) -> None:
    style = Styler(wants_color(color, sys.stdout))
    escaped = []
    for path, content in sorted(outcome.contents.items()):
        name = shown_path(path)
        for label, before, after in _parts(name, outcome.originals[path], content):
            for line in _unified(label, before, after):
                shown = _harmless(line)
                escaped += [name] * (shown != line)
                sys.stdout.write(_colored(style, shown))
    sys.stdout.flush()
    for name in dict.fromkeys(escaped):
        click.echo(
            f"warning: {plain(name)} holds characters that the diff shows as escapes: "
            "it is no patch for this file",
            err=True,
        )
    fixes = count(len(outcome.fixed), "finding")
    where = count(len(outcome.contents), "file")
    click.echo(
        f"Would fix {fixes} in {where}." if outcome.fixed else "Would fix nothing.", err=True
    )


def _parts(name: str, before: bytes, after: bytes) -> Iterator[tuple[str, str, str]]:
    """The texts to compare: of a notebook, those of its cells."""
    if not name.endswith(".ipynb"):
        yield name, decode(before), decode(after)
        return
    for (number, old), (_, new) in zip(code_cells(before), code_cells(after), strict=True):
        if old != new:
            yield f"{name}:cell {number}", old, new


def _unified(label: str, before: str, after: str) -> Iterator[str]:
    old, new = (re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text) for text in (before, after))
    for line in difflib.unified_diff(old, new, label, label):
        yield line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"


def _harmless(line: str) -> str:
    """A line of a diff, which a terminal shows and does not obey."""
    end = next((e for e in ("\r\n", "\n") if line.endswith(e)), "")
    text = plain(line.removesuffix(end), lines=True)
    return text + (end or "\n")


def _colored(style: Styler, line: str) -> str:
    text = line.rstrip("\r\n")
    end = line[len(text) :]
    if text.startswith(("---", "+++")):
        return style(text, BOLD) + end
    kinds = {"+": ADDED, "-": REMOVED, "@": RANGE}
    return (style(text, kinds[text[0]]) if text[:1] in kinds else text) + end
