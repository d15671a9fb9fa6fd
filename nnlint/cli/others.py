"""The smaller commands: rule documentation, a first configuration, cleaning up."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

TEMPLATE = """\
# Configuration of nnlint. Every key is optional; these are the defaults.

# Rules to report: codes, prefixes ("NN3"), names, levels or "ALL".
# select = ["error", "warning", "advice"]
# extend-select = []
# ignore = []

# Where you are in "A Recipe for Training Neural Networks":
# data, skeleton, overfit, regularize, tune or squeeze. Makes advice fit the moment.
# stage = "skeleton"

# Lowest level that makes the exit status 1: error, warning, advice or never.
# fail-on = "advice"

# Files to leave out, as in .gitignore.
# exclude = []
# respect-gitignore = true

# [per-file-ignores]
# "scripts/*.py" = ["NN101"]
"""


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every rule.")
def rule(name: str | None, everything: bool) -> int:
    """Show the documentation of a rule, by code or name."""
    from nnlint.registry import find_rule, load_rules

    if everything:
        pages = [r.documentation for r in load_rules()]
    elif name:
        pages = [find_rule(name).documentation]
    else:
        for r in load_rules():
            click.echo(f"{r.code}  {r.level.value:<8} {r.name:<28} {r.summary}")
        return 0
    text = "\n".join(pages)
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text)
    return 0


@click.command()
@click.option("--force", is_flag=True, help="Overwrite an existing nnlint.toml.")
def init(force: bool) -> int:
    """Write a commented nnlint.toml into the current folder."""
    target = Path("nnlint.toml")
    if target.exists() and not force:
        raise click.UsageError("nnlint.toml exists already; --force overwrites it")
    target.write_text(TEMPLATE, encoding="utf-8")
    click.echo("wrote nnlint.toml")
    return 0


@click.command()
def clean() -> int:
    """Remove the cache of the current folder."""
    from nnlint.project.cache import FOLDER

    if Path(FOLDER).is_dir():
        shutil.rmtree(FOLDER)
        click.echo(f"removed {FOLDER}")
    return 0
