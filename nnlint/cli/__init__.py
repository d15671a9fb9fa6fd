"""The command line. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from nnlint import __version__

COMMANDS = {
    "check": "nnlint.cli.check",
    "rule": "nnlint.cli.others",
    "init": "nnlint.cli.others",
    "clean": "nnlint.cli.others",
}
"""Each command, and the module that defines it under its name."""


class DefaultGroup(click.Group):
    """A group whose default command is `check`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put `check` in front unless a command or a group option comes first."""
        if not args or (args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version")):
            args.insert(0, "check")
        return super().parse_args(context, args)

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Load one command's module only."""
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(COMMANDS[name]), name)
        return found


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnlint")
def commands() -> None:
    """Find the mistakes in PyTorch training code that raise no exception."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with status 0, 1 or 2."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    from nnlint.config import ConfigError
    from nnlint.source.discovery import MissingPathError

    try:
        status: Any = commands.main(args=arguments, standalone_mode=False, prog_name="nnlint")
        sys.stdout.flush()
        return int(status or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except (ConfigError, MissingPathError) as error:
        click.echo(f"error: {error}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 2
    except BrokenPipeError:
        # the reader has seen enough; closing stderr too keeps Python from complaining at exit
        sys.stderr.close()
        return 2
