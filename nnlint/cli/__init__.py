"""The command line. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from nnlint import __version__
from nnlint.text import plain
from nnlint.trust import trusted_path

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "check": "nnlint.cli.check",
    "rule": "nnlint.cli.others",
    "init": "nnlint.cli.others",
    "clean": "nnlint.cli.others",
    "recipe": "nnlint.cli.recipe",
    "verify": "nnlint.cli.verify",
    "audit": "nnlint.cli.audit",
    "debug": "nnlint.cli.debug",
    "new-rule": "nnlint.cli.new_rule",
    "server": "nnlint.cli.server",
    "completion": "nnlint.cli.completion",
}
"""Each command, and the module that defines it under its name."""


class DefaultGroup(click.Group):
    """A group whose default command is `check`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put `check` in front unless a command or a group option comes first."""
        completing_first_word = context.resilient_parsing and not args
        own = (*COMMANDS, "--help", "-h", "--version")
        if not completing_first_word and (not args or args[0] not in own):
            args.insert(0, "check")
        return super().parse_args(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and what may follow the default command."""
        check = self.get_command(context, "check")
        assert check is not None
        inner = click.Context(check, context, "check", resilient_parsing=True)
        return [
            *super().shell_complete(context, incomplete),
            *check.shell_complete(inner, incomplete),
        ]

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Load one command's module only."""
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(
            importlib.import_module(COMMANDS[name]), name.replace("-", "_")
        )
        return found


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnlint")
def commands() -> None:
    """Find the mistakes in PyTorch training code that raise no exception.

    `nnlint PATHS` is short for `nnlint check PATHS`; `nnlint check --help` has its options.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with status 0, 1 or 2."""
    given = sys.argv[1:] if arguments is None else arguments
    # from here on, nothing is imported from where the linted code lies
    sys.path[:] = trusted_path(path for path in given if os.path.exists(path))
    status = run(arguments)
    # memory is given back at once; Python would look through all of it for garbage first
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # a name or a line that the terminal's encoding lacks is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: Any = commands.main(args=arguments, standalone_mode=False, prog_name="nnlint")
        sys.stdout.flush()
        return int(status or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(plain(told.getvalue(), lines=True), err=True, nl=False)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        message = _expected(error)
        if message is None:
            click.echo(plain(traceback.format_exc(), lines=True), err=True, nl=False)
            message = "this is a fault of nnlint itself: please report it with the lines above"
        click.echo(f"error: {plain(message)}", err=True)
        return 2


def _expected(error: Exception) -> str | None:
    """The message of an error that the user can mend; None for a fault of nnlint."""
    from nnlint.config import ConfigError
    from nnlint.packs import RulePackError
    from nnlint.sharding import ResultsError
    from nnlint.source.discovery import MissingPathError

    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    known = isinstance(error, ConfigError | RulePackError | MissingPathError | ResultsError)
    return str(error) if known else None
