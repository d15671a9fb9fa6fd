"""`nnlint recipe`: where a project stands in the recipe for training neural networks."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.output import stream_of, wants_color, width_of
from nnlint.cli.progress import progress_bar
from nnlint.cli.verification import tell_unguarded, time_limit_option, verification_options
from nnlint.finding import Stage
from nnlint.recipe.report import FORMATS

if TYPE_CHECKING:
    from nnlint.config import Config
    from nnlint.recipe.measured import Measured
    from nnlint.source.discovery import Discovery


@click.command(short_help="Where a project stands in the recipe, with the evidence.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--output-format",
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
@click.option("--output-file", "-o", metavar="FILE", help="Write the report there.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option(
    "--run",
    is_flag=True,
    help="Also run the models that are trained, and measure what can be measured.",
)
@click.option(
    "--loader",
    metavar="NAME",
    help="With --run: where batches come from, as pkg.data:make_loader or "
    "data.py:make_loader('songs', 32) (default: what the program itself goes over).",
)
@time_limit_option(300.0, "With --run: longest time for all models.")
@verification_options
def recipe(paths: tuple[str, ...], **options: Any) -> int:
    """Walk through the recipe and say for every bullet where PATHS stand, with the evidence.

    Done is what the default run, a test, a script or a named debugging configuration really
    does; contradicted is what the code does the other way round.

    With `--run` the models run in a process of their own, in the project's interpreter, under
    limits of time, memory and files, as those of `nnlint verify` do. That guards against
    accidents; it is no security boundary: run no code so that you would not run.

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
    measured = _measured(given, found, config, options) if _runs(options) else None
    with progress_bar(enabled=not options["quiet"], what="Reading") as on_progress:
        result = linter.run(found)
        report = walk_recipe(given, found, result.findings, config, on_progress, measured=measured)
    file = options["output_file"]
    with stream_of(file, sys.stdout) as stream:
        color = not file and wants_color("auto", stream)
        style = Style(color, None if file else width_of(stream), options["details"])
        render(report, options["output_format"], style, stream)
    failing = {
        None: (),
        "contradicted": (Status.CONTRADICTED,),
        "missing": (Status.CONTRADICTED, Status.MISSING),
    }[options["fail_on"]]
    return int(any(report.count(status) for status in failing))


def _runs(options: dict[str, Any]) -> bool:
    if options["loader"] and not options["run"]:
        raise click.UsageError("--loader says what --run feeds the models with")
    return bool(options["run"])


def _measured(
    given: list[str], found: Discovery, config: Config, options: dict[str, Any]
) -> Measured:
    """What running the models shows; the only place from which `recipe` runs any code."""
    from nnlint.project.modules import ProjectModules
    from nnlint.recipe.running import measure
    from nnlint.verify.loaders import read_loader
    from nnlint.verify.report import Screen
    from nnlint.verify.running import Conditions
    from nnlint.verify.targets import TargetError

    folders = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in given]
    try:
        loader = read_loader(options["loader"], folders) if options["loader"] else None
    except TargetError as error:
        raise click.UsageError(str(error)) from error
    conditions = Conditions.of(options, dict(config.verify))
    modules = ProjectModules(found.roots, src=config.src)
    tell_unguarded(options)
    output = Path(options["verify_output"]) if options["verify_output"] else None
    with Screen("looking for models", quiet=options["quiet"]) as screen:
        measured = measure(
            found.files,
            modules,
            conditions,
            options["time_limit"],
            loader,
            screen.rename,
            screen.on_event,
            output,
        )
    for path in measured.written:
        click.echo(f"wrote {path}", err=True)
    return measured
