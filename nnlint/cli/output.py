"""Where a report goes, in which form."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TextIO

import click

from nnlint.finding import Level
from nnlint.report import Report, render
from nnlint.report.style import BOLD, LEVELS, Styler


def write_report(report: Report, format: str, options: dict[str, Any], stream: TextIO) -> None:
    """Write a report to a stream, as far as somebody reads it, or to a file.

    Raises:
        ClickException: the file cannot be written.
    """
    file = options["output_file"]
    with stream_of(file, stream) as target:
        color = options["color"] == "always" if file else wants_color(options["color"], stream)
        width = None if file else width_of(stream)
        _write(replace(report, color=color, width=width), format, options, target)


@contextlib.contextmanager
def stream_of(file: str | None, stream: TextIO) -> Iterator[TextIO]:
    """Where a report goes: to a file, or to a stream as far as somebody reads it.

    Raises:
        ClickException: the file cannot be written.
    """
    if file:
        try:
            with open(file, "w", encoding="utf-8", errors="backslashreplace") as target:
                yield target
        except OSError as error:
            raise click.FileError(file, error.strerror or str(error)) from error
        return
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        # the reader has seen enough; what is left in the buffer has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def width_of(stream: TextIO) -> int | None:
    """The columns of a terminal; None for any other stream."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def _write(report: Report, format: str, options: dict[str, Any], stream: TextIO) -> None:
    if options["statistics"]:
        _statistics(report, format, stream)
    else:
        render(report, format, stream)


def _statistics(report: Report, format: str, stream: TextIO) -> None:
    counts = Counter((f.code, f.name, f.level.value) for f in report.findings)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    fixable = Counter(f.code for f in report.findings if f.fix)
    if format in ("json", "json-lines"):
        records = [
            {"code": code, "name": name, "level": level, "count": n, "fixable": fixable[code]}
            for (code, name, level), n in rows
        ]
        lines = (
            [json.dumps(r) for r in records]
            if format == "json-lines"
            else [json.dumps(records, indent=2)]
        )
        stream.writelines(f"{line}\n" for line in lines)
        return
    style = Styler(report.color)
    stream.write(style("count  fixable  code    level     rule", BOLD) + "\n")
    for (code, name, level), number in rows:
        fixes = str(fixable[code] or "")
        shown = style(f"{code:<6}", LEVELS[Level(level)])
        stream.write(f"{number:>5}  {fixes:>7}  {shown}  {level:<8}  {name}\n")
    whole = f"{counts.total():>5}  {fixable.total():>7}  total"
    stream.write(style(whole, BOLD) + "\n")


def wants_color(wish: str, stream: TextIO) -> bool:
    """Whether to colour: as asked, else on a terminal unless NO_COLOR is set."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
