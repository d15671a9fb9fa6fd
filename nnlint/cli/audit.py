"""`nnlint audit TARGET`: look at a data set."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.output import stream_of, wants_color, width_of
from nnlint.cli.verification import tell_unguarded, time_limit_option
from nnlint.config import FAIL_ON, ConfigError
from nnlint.finding import Level
from nnlint.text import hint_or_choice, shown_path

if TYPE_CHECKING:
    from nnlint.audit.auditing import Audit, Wishes
    from nnlint.audit.samples import Reader, Roles

_FORMATS = ("full", "markdown", "json", "html")
_PACKAGES = (
    *("numpy", "pandas", "pyarrow", "sklearn", "scipy", "imagehash", "PIL", "cleanlab"),
    "matplotlib",
)
INSTALL = "pip install 'nnlint[audit]'"


@click.command(short_help="Look at a data set: duplicates, leaks, labels, broken samples.")
@click.argument("targets", metavar="TARGET", nargs=-1, required=True)
@click.option(
    "--args", "arguments", metavar="JSON", help="Arguments of the function by name, as an object."
)
@click.option("--label", metavar="COLUMN", help="The column that holds the label.")
@click.option(
    "--group",
    metavar="COLUMN",
    help="The column of groups that must not be in two splits; for pictures, a pattern over "
    "file names, as in 'patient(\\d+)'.",
)
@click.option("--time", "time_", metavar="COLUMN", help="The column by whose time splits are cut.")
@click.option(
    "--classes", type=click.IntRange(min=2), metavar="N", help="How many classes the head has."
)
@click.option(
    "--meant",
    type=click.Choice(["standard", "unit", "symmetric", "bytes"]),
    help="What inputs are meant to be: mean 0 and deviation 1, 0 to 1, -1 to 1, or 0 to 255.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50_000,
    show_default=True,
    metavar="N",
    help="Samples to read of each split.",
)
@click.option(
    "--select", multiple=True, metavar="KIND", help="Look for this kind only. Repeatable."
)
@click.option(
    "--ignore", multiple=True, metavar="KIND", help="Do not look for this kind. Repeatable."
)
@click.option("--output-format", type=click.Choice(_FORMATS), default="full")
@click.option("--output-file", "-o", metavar="FILE", help="Write the report there.")
@click.option(
    "--pictures",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write pictures there: the first batch as it enters the model, suspicious samples.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default="warning",
    show_default=True,
    help="Lowest level of findings that makes the exit status 1.",
)
@click.option("--python", metavar="PATH", help="Interpreter that has the project's torch.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=120.0,
    metavar="SECONDS",
    help="Longest time for loading the target, and for each batch.",
)
@time_limit_option(600.0, "Longest time for reading; what was read by then is looked at.")
@click.option(
    "--memory",
    type=click.FloatRange(min=0.5),
    default=8.0,
    metavar="GIB",
    help="Most memory for the process that runs the loader.",
)
@click.option("--allow-network", is_flag=True, help="Let the loader use the network.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="Seed of the loader.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def audit(targets: tuple[str, ...], **options: Any) -> int:
    """Look at a data set: what is in it twice, leaks, is labelled wrongly, or broken.

    TARGET is pkg.data:make_loader or path/data.py:make_loader, where make_loader is a function
    that gives a DataLoader, a Dataset, or a dictionary or tuple of them by split (a Dataset's
    class, a loader and a Lightning data module do as well), with arguments where it needs some:
    data.py:make_loader('songs', 32); or a folder of pictures by class, by split, or beside
    masks; or CSV or Parquet files, one for each split; or a data set of Hugging Face on disk.

    A function is run in a process of its own, in the project's interpreter, under limits of
    time, memory, file size and open files. It cannot open connections, start programs, or write
    outside a scratch folder that is thrown away. That guards against accidents; it is no
    security boundary. Files and folders are read without running any code of theirs.

    Exit status: 0 no finding of the level of --fail-on or above, 1 there are some, 2 nothing
    could be read.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"`nnlint audit` needs {', '.join(missing)}: {INSTALL}")
    from nnlint.audit.auditing import audit as audited
    from nnlint.audit.samples import AuditError

    wishes = _wishes(options)
    try:
        reader = _reader(targets, wishes.roles, options)
        with _progress(not options["quiet"]) as on_progress:
            report = audited(shown_target(targets), reader, wishes, on_progress)
    except AuditError as error:
        raise ConfigError(str(error)) from error
    _write(report, options)
    if report.data is None:
        return 2
    return _status(report, options["fail_on"])


def shown_target(targets: tuple[str, ...]) -> str:
    """The targets as the report calls them."""
    return " ".join(t if ":" in t else shown_path(t) for t in targets)


def _status(report: Audit, fail_on: str) -> int:
    if fail_on == "never":
        return 0
    lowest = Level(fail_on).severity
    return int(any(finding.level.severity <= lowest for finding in report.findings))


def _wishes(options: dict[str, Any]) -> Wishes:
    from nnlint.audit.auditing import Wishes
    from nnlint.audit.checks import kinds
    from nnlint.audit.samples import Roles

    known = kinds()
    for kind in (*options["select"], *options["ignore"]):
        if kind not in known:
            raise click.UsageError(f"there is no kind `{kind}`{hint_or_choice(kind, known)}")
    return Wishes(
        options["limit"],
        Roles(options["label"], options["group"], options["time_"]),
        options["classes"],
        options["meant"],
        options["seed"],
        options["select"],
        options["ignore"],
    )


def _reader(targets: tuple[str, ...], roles: Roles, options: dict[str, Any]) -> Reader:
    from nnlint.audit.readers import reader_for

    named = [t for t in targets if ":" in t and not Path(t).exists()]
    if not named:
        return reader_for(targets, roles, options["limit"])
    if len(targets) > 1:
        raise click.UsageError("a function is the only target: it may give several splits")
    from nnlint.audit.readers.programs import ProgramReader
    from nnlint.verify.environment import choose_python
    from nnlint.verify.loaders import read_loader
    from nnlint.verify.running import Conditions
    from nnlint.verify.session import Limits
    from nnlint.verify.targets import TargetError

    try:
        loader = read_loader(targets[0])
        arguments = _arguments(options["arguments"])
    except TargetError as error:
        raise click.UsageError(str(error)) from error
    loader = loader.called_with(arguments) if arguments else loader
    tell_unguarded(options)
    limits = Limits(options["timeout"], int(options["memory"] * 2**30), options["allow_network"])
    conditions = Conditions(
        choose_python(options["python"], Path.cwd()), limits, seed=options["seed"]
    )
    return ProgramReader(loader, conditions, options["limit"], options["time_limit"])


def _arguments(text: str | None) -> dict[str, Any]:
    from nnlint.verify.targets import TargetError

    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise TargetError(f"--args is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise TargetError("--args must be a JSON object")
    return value


@contextlib.contextmanager
def _progress(enabled: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} samples"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}

    def update(split: str, done: int, total: int | None) -> None:
        if split not in tasks:
            tasks[split] = bar.add_task(f"Reading {split}", total=total)
        bar.update(tasks[split], completed=done, total=total)

    with bar:
        yield update


def _write(report: Audit, options: dict[str, Any]) -> None:
    from nnlint.audit.report import write_json, write_markdown, write_terminal

    if options["pictures"]:
        from nnlint.audit.pictures import write_pictures

        for path in write_pictures(report, Path(options["pictures"])):
            click.echo(f"wrote {path}", err=True)
    file = options["output_file"]
    with stream_of(file, sys.stdout) as stream:
        if options["output_format"] == "json":
            write_json(report, stream)
        elif options["output_format"] == "markdown":
            write_markdown(report, stream)
        elif options["output_format"] == "html":
            from nnlint.audit.page import write_page

            write_page(report, stream)
        else:
            from nnlint.report.console import UNBROKEN

            color = not file and wants_color("auto", stream)
            write_terminal(report, stream, color, width_of(stream) or UNBROKEN)
