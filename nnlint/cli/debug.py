"""`nnlint debug`: what is seen of a file, for whoever writes rules."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlint.cli.authors import local_rules_option
from nnlint.cli.output import wants_color
from nnlint.report.style import BOLD, DIM, GUTTER, Styler
from nnlint.source.file import SourceError
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.inspection import Inspection, Seen

_STYLES = {"operation": "36", "builds": "35", "value": "32"}
"""SGR codes; events stand out by nothing but their place."""


@click.command(short_help="Show what nnlint sees of a file, for authors of rules.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@local_rules_option
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Whether to colour the output.",
)
def debug(file: str, rules: tuple[str, ...], color: str) -> int:
    """Show the values, axes, operations, built objects and events that rules see of FILE.

    Line by line first, then each entry into the file with its timeline: one fact a line, with
    the place it is about.
    """
    # the interpreter, which a list of the commands does not need
    from nnlint.inspection import inspect_file

    try:
        inspection = inspect_file(str(Path(file)))
    except SourceError as error:
        row = f":{error.position.row}" if error.position else ""
        raise click.ClickException(f"{file}{row}: {error.message}") from error
    style = Styler(wants_color(color, sys.stdout))
    for line in _report(inspection, style):
        # colours are there only where they are wanted, and stay
        click.echo(line, color=True)
    return 0


def _report(inspection: Inspection, style: Styler) -> Iterator[str]:
    for line in inspection.lines:
        yield f"{style(plain(line.place), GUTTER)}: {style(plain(line.source), BOLD)}"
        yield from (f"    {fact}" for fact in _facts(line.seen, style))
    for headline, timeline in inspection.programs:
        yield ""
        yield style(plain(f"program {headline}"), BOLD)
        for seen in timeline:
            kind = style(f"{seen.sort:<10}", "36" if seen.is_event else DIM)
            place = f"{style(plain(seen.place), GUTTER)}: " if seen.place else ""
            yield f"    {'  ' * seen.depth}{kind} {place}{plain(seen.text)}".rstrip(": ")
    if inspection.skipped:
        yield ""
        yield style("not looked into", BOLD)
        yield from (
            f"    {style(plain(s.place), GUTTER)}: {plain(s.text)}" for s in inspection.skipped
        )


def _facts(seen: Iterable[Seen], style: Styler) -> Iterator[str]:
    for fact in seen:
        sort = style(f"{fact.sort:<10}", _STYLES.get(fact.sort, DIM))
        yield f"{sort} {style(plain(fact.place), GUTTER)}  {plain(fact.text)}"
