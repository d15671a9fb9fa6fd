"""A page to look at or to attach to a build."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TextIO

from nnlint.finding import Finding
from nnlint.report import summary
from nnlint.report.concise import place
from nnlint.report.frame import source_lines

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1e21; background: #fff }
article { border-left: 4px solid #888; padding: .2rem 1rem; margin: 1.5rem 0 }
article.error { border-color: #c62828 } article.warning { border-color: #b26a00 }
article.advice { border-color: #1565c0 }
h2 { font-size: 1rem; margin: 0 } pre { background: #f4f5f7; padding: .6rem; overflow-x: auto }
.place { color: #5f6368; font-family: ui-monospace, monospace; font-size: .85rem }
"""


def write(findings: Sequence[Finding], stream: TextIO, *, color: bool, file_count: int) -> None:
    """Write one document that needs nothing else."""
    stream.write(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>nnlint</title>"
        f"<style>{_STYLE}</style><h1>nnlint</h1><p>{escape(summary(findings, file_count))}</p>\n"
    )
    for f in findings:
        code = "\n".join(text for _, text in source_lines(f, 1))
        stream.write(
            f'<article class="{f.level.value}"><h2>{f.code} {escape(f.name)}</h2>'
            f'<div class="place">{escape(place(f))}</div><p>{escape(f.message)}</p>'
            f"<pre>{escape(code)}</pre><p>{escape(f.help)}</p></article>\n"
        )
    stream.write("</html>\n")
