"""A page to look at or to attach to a build."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import TextIO

from nnlint.finding import Finding, Related
from nnlint.report import Report
from nnlint.report.concise import place
from nnlint.report.frame import Sources, context_rows
from nnlint.report.summary import sentences
from nnlint.text import plain

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --soft: #5f6368; --code: #f4f5f7;
  --error: #c62828; --warning: #9a5b00; --advice: #1565c0; --pedantic: #5f6368; --mark: #ffe08a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --soft: #9aa0a6;
  --code: #22252a; --error: #ff8a80; --warning: #ffb74d; --advice: #82b1ff; --pedantic: #9aa0a6;
  --mark: #6b5500 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 0 }
article { border-left: 4px solid var(--level); padding: .1rem 1rem; margin: 1.8rem 0 }
.error { --level: var(--error) } .warning { --level: var(--warning) }
.advice { --level: var(--advice) } .pedantic { --level: var(--pedantic) }
.level { color: var(--level) }
pre { background: var(--code); padding: .6rem; overflow-x: auto; border-radius: 4px; tab-size: 4 }
pre, code, .place { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .85rem }
.place, .row, .why { color: var(--soft) } .row { user-select: none }
mark { background: var(--mark); color: inherit } p { margin: .4rem 0 }
table { border-collapse: collapse } td { padding: .1rem 1.2rem .1rem 0 }
td:first-child { text-align: right }
"""


def write(report: Report, stream: TextIO) -> None:
    """Write one document that needs nothing else."""
    stream.write(
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>nnlint</title>\n<style>{_STYLE}</style>\n<h1>nnlint</h1>\n"
        f"<p>{_prose(' '.join(sentences(report)))}</p>\n{_table(report.findings)}"
    )
    sources = Sources(report.texts)
    for finding in report.findings:
        stream.write("\n".join(_article(finding, sources)) + "\n")
    stream.write("</html>\n")


def _table(findings: Sequence[Finding]) -> str:
    counts = Counter((f.code, f.name, f.level.value) for f in findings)
    rows = (
        f'<tr class="{level}"><td>{number}</td><td class="level">{code}</td>'
        f"<td>{escape(name)}</td></tr>\n"
        for (code, name, level), number in counts.most_common()
    )
    return f"<table>\n{''.join(rows)}</table>\n" if counts else ""


def _article(finding: Finding, sources: Sources) -> Iterator[str]:
    level = finding.level.value
    yield f'<article class="{level}">'
    yield (
        f'<h2><span class="level">{level} {finding.code}</span> {escape(finding.name)}</h2>\n'
        f'<p class="place">{_text(place(finding))}</p>\n<p>{_prose(finding.message)}</p>'
    )
    lines = sources.lines(finding.filename, finding.cell)
    yield _code(finding, lines, sorted(context_rows(finding, lines)))
    for related in finding.related:
        yield f'<p class="place">{_text(place(related))}: {_prose(related.message)}</p>'
        lines = sources.lines(related.filename, related.cell)
        yield _code(related, lines, [related.start.row])
    if finding.help:
        yield f"<p>{_prose(finding.help)}</p>"
    if finding.verdict:
        verdict = f"{finding.verdict.status}: {finding.verdict.summary}"
        yield f"<p><strong>{_prose(verdict)}</strong></p>"
    if finding.explanation:
        yield f'<p class="why">{_prose(finding.explanation)}</p>'
    yield "</article>"


def _code(at: Finding | Related, lines: Sequence[str], rows: Sequence[int]) -> str:
    shown = [r for r in rows if 1 <= r <= len(lines)]
    if not shown:
        return ""
    width = len(str(shown[-1]))
    body = "\n".join(
        f'<span class="row">{r:>{width}} </span>{_marked(at, r, lines[r - 1])}' for r in shown
    )
    return f"<pre>{body}</pre>"


def _marked(at: Finding | Related, row: int, line: str) -> str:
    if row != at.start.row:
        return _text(line)
    start = at.start.column - 1
    end = at.end.column - 1 if at.end.row == row else len(line)
    return f"{_text(line[:start])}<mark>{_text(line[start:end])}</mark>{_text(line[end:])}"


def _text(text: str) -> str:
    return escape(plain(text))


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(text))
