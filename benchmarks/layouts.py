"""Fixes in every layout that code is written in: `python -m benchmarks.layouts [FOLDER…]`.

Each file with a fix is written anew in many layouts that keep what Python makes of it, and in
some surroundings. In each the fix must hold or be refused: what it gives parses and means what
it means in every other layout, keeps all comments where they belong and every row that it does
not touch, leaves nothing to be done when it is made again, and its finding is gone with no
other in its place. Exit status 1 where one does not.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import multiprocessing
import os
import re
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.writing import LAYOUTS, SETTINGS, laid_out
from nnlint.config import Config, Selection
from nnlint.engine import Linter
from nnlint.finding import Finding
from nnlint.fixing import Outcome, fix, permits
from nnlint.rewriting import ChangeRefused
from nnlint.rewriting.oracles import Outline, outlines
from nnlint.source.discovery import Discovery, Roots
from nnlint.source.file import with_line_feeds
from nnlint.source.notebook import code_cells

FIXTURES = Path(__file__).parent.parent / "fixtures"
CONFIG = Config(selection=Selection(extend_select=("pedantic",)))
_OWN = re.compile(r"# (?:behind|above|between|argument|element|over|decorator) \d+")
"""Comments of a layout that belong to a statement, each of them one of a kind."""


@dataclass(slots=True)
class Trial:
    """What became of the fixes of a file in a layout."""

    layout: str
    refused: list[str] = field(default_factory=list)
    """Why a fix is not offered, for each that is not."""
    faults: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    """Fixes that did not hold, which is a fault unless it is so in the file as written."""
    tree: str = ""
    """What Python makes of the file afterwards."""


def trials(path: Path, layouts: Iterable[str]) -> Iterator[Trial]:
    """Fix a file in layouts; those that it cannot be written in, or not otherwise, are left out."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _trials(path.read_text(encoding="utf-8"), Path(folder, path.name), layouts)


def _trials(text: str, path: Path, layouts: Iterable[str]) -> Iterator[Trial]:
    linter = Linter(lambda folder: CONFIG, jobs=1)
    plain, codes = _trial(linter, path, "as written", text.encode())
    if not any(fixable for _, fixable in codes):
        # what it takes is in other files
        return
    plain.refused += plain.dropped.elements()
    seen = {text.encode()}
    for layout in layouts:
        raw = laid_out(text, layout)
        if layout == "as written":
            yield plain
        if raw is None or raw in seen:
            continue
        seen.add(raw)
        trial, own = _trial(linter, path, layout, raw)
        if layout in SETTINGS and own != codes:
            continue
        trial.refused += trial.dropped.elements()
        trial.faults += trial.dropped - plain.dropped
        if layout.startswith("notebook"):
            if own.keys().isdisjoint(code for code in codes if code[1]):
                # rules may hold other things against a notebook
                continue
        elif _codes(own) != _codes(codes):
            trial.faults.append(f"other findings: {_told(own - codes)} for {_told(codes - own)}")
        elif own != codes:
            trial.refused += [f"{code}: no remedy" for code, _ in (codes - own)]
        elif layout in LAYOUTS and not trial.refused and not plain.refused:
            if trial.tree != plain.tree:
                trial.faults.append("another program than in the file as written")
        yield trial


def _codes(found: Counter[tuple[str, bool]]) -> list[str]:
    return sorted(code for code, _ in found.elements())


def _told(codes: Counter[tuple[str, bool]]) -> str:
    return ", ".join(f"{code}{'' if fixable else ' (no fix)'}" for code, fixable in codes) or "none"


def _trial(
    linter: Linter, path: Path, layout: str, raw: bytes
) -> tuple[Trial, Counter[tuple[str, bool]]]:
    """A trial, and what was found before any fix, with whether it has one."""
    name = str(path.with_suffix(".ipynb" if layout.startswith("notebook") else ".py"))
    found = Discovery(Roots.of([name]), [name], {name})
    first = linter.run(found, {name: raw})
    outcome = fix(linter, found, {name: raw}, permits(unsafe=True), first=first)
    after = outcome.contents.get(name, raw)
    trial = Trial(layout)
    trial.dropped = Counter(f"{f.code} does not hold: {reason}" for f, reason in outcome.dropped)
    dropped = {(f.code, f.start) for f, _ in outcome.dropped}
    for finding in outcome.result.findings:
        if finding.fix is not None and (finding.code, finding.start) not in dropped:
            trial.refused += [refusal] if (refusal := _refusal(outcome, finding, after)) else []
            trial.faults += [] if refusal else [f"{finding.code} would change more"]
    trial.faults += _faults(raw, after, name)
    try:
        trial.tree = ast.dump(ast.parse(_text(after, name)))
    except SyntaxError as error:
        trial.faults.append(f"no Python afterwards: {error}")
    codes = Counter((f.code, f.fix is not None) for f in first.findings)
    return trial, codes


def _refusal(outcome: Outcome, finding: Finding, content: bytes) -> str:
    try:
        outcome.offers.edits(finding, {finding.filename: content})
    except ChangeRefused as refused:
        return f"{finding.name}: {re.sub(r'[0-9]+', 'N', str(refused))}"
    return ""


def _text(raw: bytes, name: str) -> str:
    """The program of a file, with line ends as Python sees them."""
    if name.endswith(".ipynb"):
        return "\n".join(text for _, text in code_cells(raw))
    cookie = raw.startswith(b"# -*- coding: latin-1")
    return with_line_feeds(raw.decode("latin-1" if cookie else "utf-8-sig"))


def _faults(before: bytes, after: bytes, name: str) -> Iterator[str]:
    """What is wrong with a changed file, but for what is found in it."""
    if before == after:
        return
    old, new = _text(before, name), _text(after, name)
    if name.endswith(".ipynb"):
        if _beside_code(before) != _beside_code(after):
            yield "what is no code in the notebook has changed"
    elif before[:3] == b"\xef\xbb\xbf" != after[:3]:
        yield "the byte-order mark is lost"
    elif _line_ends(before) != _line_ends(after):
        yield "other line ends afterwards"
    try:
        was, now = list(outlines(old)), list(outlines(new))
    except SyntaxError:
        return
    lost = _comments(old) - _comments(new)
    if lost:
        yield f"comments lost: {', '.join(lost)}"
    left = Counter(outline[-1] for outline, _ in now)
    gone = Counter(outline[-1] for outline, _ in was) - left
    yield from _strayed(old, new, was, now, gone)
    rows = Counter(row.strip(" \t") for row in new.split("\n"))
    lines = old.split("\n")
    sharing = Counter(row for _, span in was for row in span)
    for outline, span in was:
        if outline[-1] not in gone and all(sharing[row] == 1 for row in span):
            for row in span:
                if not rows[lines[row - 1].strip(" \t")]:
                    yield f"an untouched row has changed: {lines[row - 1].strip()}"


def _strayed(
    old: str,
    new: str,
    was: Sequence[tuple[Outline, range]],
    now: Sequence[tuple[Outline, range]],
    gone: Counter[str],
) -> Iterator[str]:
    """Comments that no longer stand with the statement that they belong to."""
    places = _owners(new, now)
    for comment, (owner, *_) in _owners(old, was).items():
        if owner not in gone and owner not in places.get(comment, (owner,)):
            yield f"a comment has left its statement: {comment}"


def _owners(text: str, statements: Sequence[tuple[Outline, range]]) -> dict[str, tuple[str, ...]]:
    """The statement that each comment of a layout stands behind or above, and what it may hold."""
    # of those that share a row the first one is what a comment above speaks of
    at = {row: o[-1] for o, span in sorted(statements, key=lambda s: -s[1].start) for row in span}
    rows = text.split("\n")
    at = {n: owner for n, owner in at.items() if not rows[n - 1].lstrip().startswith("#")}
    owners = {}
    for number, row in enumerate(rows, 1):
        for match in _OWN.finditer(row):
            alone = row.strip() == match[0]
            following = [at[n] for n in range(number, len(rows) + 1) if n in at]
            within = 2 if following and following[0].startswith("With(") else 1
            owners[match[0]] = tuple(following[: within if alone else 1]) or ("",)
    return owners


def _beside_code(raw: bytes) -> object:
    notebook = json.loads(raw)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            del cell["source"]
    return notebook


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT)


def _line_ends(raw: bytes) -> set[bytes]:
    return set(re.findall(rb"\r\n|\r|\n", raw))


def fixable(folders: Iterable[Path]) -> list[Path]:
    """The programs under folders in which something can be fixed: one of each folder first."""
    linter = Linter(lambda folder: CONFIG)
    result = linter.run(linter.discover([str(f) for f in folders]))
    names = dict.fromkeys(f.filename for f in result.findings if f.fix)
    files = [path for path in map(Path, names) if path.suffix == ".py"]
    turns: Counter[Path] = Counter()
    numbered = []
    for path in files:
        numbered.append((turns[path.parent], path))
        turns[path.parent] += 1
    return [path for _, path in sorted(numbered)]


def _all_trials(path: Path) -> tuple[Path, list[Trial]]:
    return path, list(trials(path, [*LAYOUTS, *SETTINGS]))


def main() -> int:
    """Try the fixes of files, and print a table of what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[FIXTURES])
    parser.add_argument("--first", type=int, default=0, help="files to leave out")
    parser.add_argument("--most", type=int, default=10**6, help="files to take")
    parser.add_argument("--jobs", type=int, default=2, help="processes to use")
    parser.add_argument("--verbose", action="store_true", help="tell each file that is done")
    options = parser.parse_args()
    files = fixable(options.folders)[options.first : options.first + options.most]
    counts: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    with context.Pool(options.jobs) as pool:
        for path, made in pool.imap_unordered(_all_trials, files):
            for trial in made:
                count = counts.setdefault(trial.layout, Counter())
                count["refused" if trial.refused else "fixed"] += 1
                count["faults"] += len(trial.faults)
                reasons.update(trial.refused)
                for fault in trial.faults:
                    print(f"{os.path.relpath(path)} ({trial.layout}): {fault}", flush=True)
            if options.verbose:
                print(f"{os.path.relpath(path)}: {len(made)} layouts", file=sys.stderr, flush=True)
    print(table(counts))
    print("\n".join(f"{number:>6}  {reason}" for reason, number in reasons.most_common()))
    return int(any(count["faults"] for count in counts.values()))


def table(counts: dict[str, Counter[str]]) -> str:
    """What became of fixes as a Markdown table, by layout and in all."""
    names = ("fixed", "refused", "faults")
    rows = [f"| layout | {' | '.join(names)} |", "|---|--:|--:|--:|"]
    order = [name for name in (*LAYOUTS, *SETTINGS) if name in counts]
    total = sum((counts[name] for name in order), Counter[str]())
    for name, count in [*((n, counts[n]) for n in order), ("in all", total)]:
        rows.append(f"| {name} | {' | '.join(str(count[n]) for n in names)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
