"""The options of verification, shared by `check --verify` and `verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.progress import progress_bar
from nnlint.finding import Finding
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.cli.settings import Settings
    from nnlint.verify.attach import Verified
    from nnlint.verify.running import Conditions

_OPTIONS = (
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        help="Where to run models (default: the CPU, where results are exact).",
    ),
    click.option("--python", metavar="PATH", help="Interpreter that has the project's torch."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=120.0,
        metavar="SECONDS",
        help="Longest time for building, and for each probe.",
    ),
    click.option(
        "--memory",
        type=click.FloatRange(min=0.5),
        default=8.0,
        metavar="GIB",
        help="Most memory for a model's process.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**31), default=0, help="Seed of weights and inputs."
    ),
    click.option("--allow-network", is_flag=True, help="Let models use the network."),
    click.option(
        "--verify-output",
        type=click.Path(file_okay=False),
        metavar="DIR",
        help="Write pictures (SVG, and PNG where matplotlib is installed) and reproducers there.",
    ),
)


class _TimeLimit(click.Option):
    """An option whose second name is its former one: understood, and shown nowhere."""

    def get_help_record(self, context: click.Context) -> tuple[str, str] | None:
        """Its row in `--help`, by its first name alone."""
        names, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(context)
        finally:
            self.opts = names


def time_limit_option(default: float, help: str) -> Callable[..., Any]:
    """`--time-limit`: the longest time for all that a command runs.

    Parameters:
        default: in seconds.
    """
    return click.option(
        "--time-limit",
        "--total",
        "time_limit",
        cls=_TimeLimit,
        type=click.FloatRange(min=1),
        default=default,
        metavar="SECONDS",
        help=help,
    )


def verification_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextlib.contextmanager
def asked(
    findings: Sequence[Finding], settings: Settings, options: dict[str, Any]
) -> Iterator[tuple[Verified, Conditions]]:
    """The findings with verdicts, and the conditions while more can be asked under them.

    The only place from which linting runs any code.
    """
    from nnlint.verify.attach import verified
    from nnlint.verify.running import Conditions

    tell_unguarded(options)
    output = Path(options["verify_output"]) if options["verify_output"] else None
    with Conditions.of(options, dict(settings.config.verify)).working() as conditions:
        with progress_bar(enabled=not options["quiet"], what="Verifying") as on_progress:
            found = verified(findings, conditions, output, on_progress)
        _tell_no_interpreter(found.findings)
        yield found, conditions


def tell_unguarded(options: dict[str, Any]) -> None:
    """Say once what the process of a model is not kept from on this platform."""
    from nnlint.verify.environment import unguarded

    if not options.get("quiet") and (told := unguarded()):
        click.echo(f"warning: {told}", err=True)


def _tell_no_interpreter(findings: Sequence[Finding]) -> None:
    from nnlint.verify.environment import NAME_ANOTHER

    verdicts = (finding.verdict for finding in findings)
    reasons = {str(r) for v in verdicts if v and (r := v.evidence.get("no_interpreter"))}
    for reason in sorted(reasons):
        click.echo(f"warning: nothing was run: {plain(reason)}; {NAME_ANOTHER}", err=True)
