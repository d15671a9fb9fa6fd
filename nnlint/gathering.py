"""Findings that say the same thing about a project become one, with the other places beside it.

Two kinds do. A script and its notebook export, or its copy, are *twins*: what is found in both
is told once. And where a rule gathers (`Rule.gather`), and most of the places of a project that
it looks at have a finding, the project has one.

This comes last, behind suppressions, baselines and verdicts, so that what one of these leaves
out is no part of it.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from nnlint.finding import Finding, Related
from nnlint.listing import listed_rules
from nnlint.project.modules import PROJECT_MARKERS
from nnlint.source.file import SourceError
from nnlint.source.reading import read_source

ALIKE = 0.9
"""Part of their lines that a script and its notebook, or copies of one name, share."""
COMMON_NAMES = 0.8
"""Part of the names of functions and classes in two texts that twins share at least."""
SHORTEST = 8
"""Lines below which only equal code is the same."""

_DEFINITION = re.compile(rb"\b(?:def|class) +(\w+)")


def gathered(
    findings: Iterable[Finding],
    passed: Mapping[str, Sequence[str]] | None = None,
    texts: Mapping[str, bytes] | None = None,
) -> list[Finding]:
    """The findings as they are told, in the order of reports.

    Parameters:
        passed: for each file the codes of rules that gather, once for each place that a rule
            looked at and found in order.
        texts: the content of files, by absolute path, that is not what is on disk.
    """
    findings = list(findings)
    standing = [f for f in findings if not f.taken_back]
    told = _by_project(_without_twins(standing, texts or {}), passed or {})
    refuted = [f for f in findings if f.taken_back]
    return sorted([*told, *refuted], key=lambda f: f.sort_key)


def _without_twins(findings: Iterable[Finding], texts: Mapping[str, bytes]) -> list[Finding]:
    """The findings, those in the twin of a file folded into those in the file."""
    same: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=_scripts_first):
        same.setdefault((finding.code, finding.message), []).append(finding)
    codes = _Codes(texts)
    told: list[Finding] = []
    for alike in same.values():
        by_file: dict[str, list[Finding]] = {}
        for finding in alike:
            by_file.setdefault(finding.filename, []).append(finding)
        told += _folded(list(by_file.values()), codes)
    return told


def _folded(files: list[list[Finding]], codes: _Codes) -> list[Finding]:
    """What is told of findings with one message, given file by file."""
    kept: list[list[Finding]] = []
    for found in files:
        name = found[0].filename
        twin = next((k for k in kept if codes.are_twins(k[0].filename, name)), None)
        if twin is None:
            kept.append(list(found))
            continue
        for number, other in enumerate(found[: len(twin)]):
            twin[number] = _beside(twin[number], [_place(other, "the same code in another file")])
        if found[len(twin) :]:
            kept.append(found[len(twin) :])
    return [finding for found in kept for finding in found]


def _scripts_first(finding: Finding) -> tuple[object, ...]:
    return (finding.filename.endswith(".ipynb"), finding.sort_key)


class _Codes:
    """The code of files, without comments, layout and notebooks' magics, read when asked for."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._known: dict[str, tuple[str, ...]] = {}
        self._twins: dict[tuple[str, str], bool] = {}
        self._defined: dict[str, frozenset[bytes]] = {}

    def are_twins(self, left: str, right: str) -> bool:
        """Whether two files of a project hold the same code: all of it, or nearly so where one
        is made from the other by its name or kind."""
        pair = (left, right)
        if pair not in self._twins:
            same_project = _project_of(left) == _project_of(right)
            self._twins[pair] = same_project and self._compare(left, right)
        return self._twins[pair]

    def _compare(self, left: str, right: str) -> bool:
        names, others = self._names(left), self._names(right)
        if len(names & others) < COMMON_NAMES * len(names | others):
            # to parse every file with a finding would take longer than all the rest
            return False
        first, second = self._lines(left), self._lines(right)
        if not first or not second:
            return False
        if first == second:
            return True
        longer = max(len(first), len(second))
        related = left.endswith(".ipynb") != right.endswith(".ipynb") or _stem(left) == _stem(right)
        if not related or min(len(first), len(second)) < max(SHORTEST, ALIKE * longer):
            return False
        return (Counter(first) & Counter(second)).total() >= ALIKE * longer

    def _names(self, name: str) -> frozenset[bytes]:
        """The names after `def` and `class` in a file's text."""
        if name not in self._defined:
            path = os.path.abspath(name)
            try:
                raw = self._texts.get(path) or Path(path).read_bytes()
            except OSError:
                raw = b""
            self._defined[name] = frozenset(_DEFINITION.findall(raw))
        return self._defined[name]

    def _lines(self, name: str) -> tuple[str, ...]:
        if name not in self._known:
            self._known[name] = _code_lines(name, self._texts.get(os.path.abspath(name)))
        return self._known[name]


def _code_lines(name: str, raw: bytes | None) -> tuple[str, ...]:
    """The lines of a file as its tree is written out; none when it cannot be read."""
    from nnlint.syntax.module import parse_module

    try:
        source = read_source(Path(os.path.abspath(name)), name, raw)
        text = ast.unparse(parse_module(source, name, False).tree)
    except (SourceError, OSError, RecursionError):
        return ()
    # what stands for a magic in a notebook, and in what is exported from it
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line not in ("", "pass") and "get_ipython()" not in line)


def _stem(name: str) -> str:
    return Path(name).stem.lower()


def _by_project(findings: Iterable[Finding], passed: Mapping[str, Sequence[str]]) -> list[Finding]:
    """The findings, those of rules that gather made one for each project that most lack it."""
    nouns = {rule.code: rule.gather for rule in listed_rules() if rule.gather}
    in_order = Counter(
        (_project_of(name), code) for name, codes in passed.items() for code in codes
    )
    told: list[Finding] = []
    places: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.code in nouns:
            places.setdefault((_project_of(finding.filename), finding.code), []).append(finding)
        else:
            told.append(finding)
    for key, found in places.items():
        found.sort(key=lambda f: f.sort_key)
        if len(found) < 2 or len(found) <= in_order[key]:
            told += found
            continue
        first, *others = found
        number = f"{len(others)} other {nouns[key[1]]}{'s' if len(others) > 1 else ''}"
        message = f"{first.message}; the same holds for {number} of this project"
        told.append(
            _beside(replace(first, message=message), [_place(f, f.message) for f in others])
        )
    return told


def _project_of(name: str) -> str:
    """The folder of the project that a file belongs to; empty when nothing marks one."""
    return _project_at(os.path.dirname(os.path.abspath(name)))


@lru_cache(maxsize=4096)
def _project_at(folder: str) -> str:
    folders = (Path(folder), *Path(folder).parents)
    return next((str(f) for f in folders if any((f / m).exists() for m in PROJECT_MARKERS)), "")


def _beside(finding: Finding, places: Iterable[Related]) -> Finding:
    return replace(finding, related=(*finding.related, *places))


def _place(finding: Finding, message: str) -> Related:
    return Related(finding.filename, finding.start, finding.end, message, finding.cell)
