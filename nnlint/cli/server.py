"""`nnlint server`: the language server."""

from __future__ import annotations

import os
import sys

import click

from nnlint.cli.authors import local_rules_option
from nnlint.config import ConfigError


@click.command(short_help="Lint in an editor: a language server on stdin and stdout.")
@local_rules_option
def server(rules: tuple[str, ...]) -> int:
    """Serve an editor over the Language Server Protocol, on stdin and stdout.

    Editors start it themselves; docs/editors.md says how each is set up.
    """
    try:
        from nnlint.server.app import serve
    except ImportError as error:
        raise ConfigError("nnlint server needs pygls: `pip install nnlint[server]`") from error
    if sys.stdin.isatty():
        click.echo("nnlint server talks to an editor, which starts it itself", err=True)
    # what rules and processes print must not get among the messages
    read, write = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    serve(read, write)
    return 0
