"""`nnlint recipe`: where a project stands in the recipe for training neural networks."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nnlint.cli.progress import progress_bar
from nnlint.finding import Stage
from nnlint.recipe.report import FORMATS


@click.command(short_help="Where a project stands in the recipe, with the evidence.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="terminal",
    help="How to show it.",
)
@click.option("--details", is_flag=True, help="Show all evidence, and what to do next.")
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in Stage]),
    help="Stage of the recipe that the project is in (default: the configuration's).",
)
@click.option(
    "--fail-on",
    type=click.Choice(["contradicted", "missing"]),
    help="Exit with status 1 where a bullet is contradicted, or also where one is missing.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def recipe(paths: tuple[str, ...], **options: Any) -> int:
    """Walk through the recipe and say for every bullet where PATHS stand, with the evidence.

    Done is what the default run, a test, a script or a named debugging configuration really
    does; contradicted is what the code does the other way round.

    Exit status: 0, 1 by `--fail-on`, 2 nnlint could not do its job.
    """
    from nnlint.config import Selection, config_for
    from nnlint.engine import Linter
    from nnlint.recipe.bullets import codes
    from nnlint.recipe.model import Status
    from nnlint.recipe.report import Style, render
    from nnlint.recipe.walking import walk_recipe
    from nnlint.text import plain

    given = list(paths) or ["."]
    config = config_for(Path(given[0]))
    if options["stage"]:
        config = replace(config, stage=Stage(options["stage"]))
    config = replace(config, selection=Selection(select=tuple(sorted(codes()))))
    linter = Linter(lambda folder: config, cache_dir=None, follows_edits=False)
    found = linter.discover(given)
    if not found.files:
        raise click.UsageError(f"there is no Python file under {plain(' '.join(given))}")
    with progress_bar(enabled=not options["quiet"], what="Reading") as on_progress:
        result = linter.run(found)
        report = walk_recipe(given, found, result.findings, config, on_progress)
    if options["output"]:
        with open(options["output"], "w", encoding="utf-8") as stream:
            render(report, options["output_format"], Style(details=options["details"]), stream)
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        style = Style(color, width, options["details"])
        render(report, options["output_format"], style, sys.stdout)
    failing = {
        None: (),
        "contradicted": (Status.CONTRADICTED,),
        "missing": (Status.CONTRADICTED, Status.MISSING),
    }[options["fail_on"]]
    return int(any(report.count(status) for status in failing))
