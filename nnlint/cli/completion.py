"""`nnlint completion`: what makes a shell complete nnlint's commands and options."""

from __future__ import annotations

import click

VARIABLE = "_NNLINT_COMPLETE"


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that makes SHELL complete commands, options and rule names.

    \b
    bash: eval "$(nnlint completion bash)"          in ~/.bashrc
    zsh:  eval "$(nnlint completion zsh)"           in ~/.zshrc
    fish: nnlint completion fish | source           in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from nnlint.cli import commands

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(commands, {}, "nnlint", VARIABLE).source())
    return 0
