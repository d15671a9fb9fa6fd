"""The smaller commands: rule documentation, a first configuration, cleaning up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.authors import local_rules_option
from nnlint.text import plain

if TYPE_CHECKING:
    from nnlint.registry import ToolRule
    from nnlint.rule import Rule

TEMPLATE = """\
# Configuration of nnlint. Every key is optional; the values are the defaults, or examples
# where they say so. In pyproject.toml the table is called [tool.nnlint].

# A file whose settings these come on top of. Example:
# extend = "../nnlint.toml"

# Rules to report: codes, prefixes ("NN3"), names, levels or "ALL".
# select = ["error", "warning", "advice"]
# extend-select = []
# ignore = []

# Rules whose fixes are offered and made.
# fixable = ["ALL"]
# unfixable = []

# Where you are in "A Recipe for Training Neural Networks": data, skeleton, overfit,
# regularize, tune or squeeze. Makes advice fit the moment; unset by default.
# stage = "skeleton"

# Lowest level that makes the exit status 1: error, warning, advice or never.
# fail-on = "advice"

# How to report: full, concise, json, json-lines, github, gitlab, rdjson, sarif, junit or html.
# output-format = "full"

# Known findings that are not reported again; `--write-baseline FILE` writes them. Example:
# baseline = "nnlint-baseline.json"

# Files to leave out, in the syntax of .gitignore.
# exclude = []
# extend-exclude = []
# respect-gitignore = true

# Folders that imports start from, besides those that nnlint finds itself: the project's own, a
# uv, hatch, PDM or Rye workspace, what is installed as editable. Example:
# src = ["libs/*/src"]

# Rules to leave out in some files. Example:
# [per-file-ignores]
# "scripts/*.py" = ["missing-seed"]

# Levels that findings have instead of their own: error, warning, advice or pedantic. Example:
# [levels]
# "missing-seed" = "advice"

# What rules are told that have options; `nnlint rule NAME` names them. Example:
# [options]
# "my-rule" = { limit = 3 }
"""


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from nnlint.listing import every_name

    known = [n for rule in every_name() for n in (rule.name, rule.code)]
    return [n for n in known if n.lower().startswith(incomplete.lower())]


@click.command(short_help="Show the documentation of rules.")
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--all", "everything", is_flag=True, help="Every rule.")
@local_rules_option
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", help="How to show it."
)
def rule(name: str | None, everything: bool, rules: tuple[str, ...], output_format: str) -> int:
    """Show the documentation of a rule, by its code or name; without one, list all rules."""
    from nnlint.registry import every_rule, find_rule

    found = (find_rule(name),) if name and not everything else every_rule()
    if output_format == "json":
        records = [_record(r) for r in found]
        click.echo(json.dumps(records[0] if name and not everything else records, indent=2))
    elif name or everything:
        _show_pages("\n".join(r.documentation for r in found))
    else:
        width = max(len(r.name) for r in found)
        for r in found:
            click.echo(f"{r.code}  {r.level.value:<8}  {r.name:<{width}}  {r.summary}")
    return 0


def _show_pages(text: str) -> None:
    if not sys.stdout.isatty():
        click.echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    # colours of the terminal's own theme, and addresses that can be read on any terminal
    Console(width=min(100, Console().width)).print(
        Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    )


def _record(rule: Rule | ToolRule) -> dict[str, Any]:
    fix = getattr(rule, "fix", None)
    return {
        "code": rule.code,
        "name": rule.name,
        "level": rule.level.value,
        "summary": rule.summary,
        "stage": [stage.value for stage in getattr(rule, "stages", ())],
        "recipe": getattr(rule, "recipe", ""),
        "fix": fix and fix.value,
        "probe": getattr(rule, "probe", None),
        "url": getattr(rule, "url", None),
        "documentation": rule.documentation,
    }


@click.command(short_help="Write a commented configuration file.")
@click.option("--force", is_flag=True, help="Overwrite an existing nnlint.toml.")
def init(force: bool) -> int:
    """Write a commented nnlint.toml into the current folder."""
    target = Path("nnlint.toml")
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise click.UsageError("nnlint.toml exists already; --force overwrites it") from None
    except OSError as error:
        raise click.FileError(str(target), error.strerror or str(error)) from error
    click.echo("wrote nnlint.toml")
    return 0


@click.command(short_help="Remove the cache.")
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False),
    envvar="NNLINT_CACHE_DIR",
    show_envvar=True,
    help="Folder that the cache lies in (default: the top of the project).",
)
def clean(cache_dir: str | None) -> int:
    """Remove the cache of the project that the current folder belongs to.

    Nothing is removed but what nnlint wrote there.
    """
    from nnlint.config import find_config
    from nnlint.project.cache import FOLDER, home_of, refusal, remove

    if cache_dir:
        home = Path(cache_dir)
    else:
        config = find_config(Path.cwd())
        home = home_of(Path.cwd(), str(config) if config else None)
    own = plain(str(home / FOLDER))
    refused = refusal(home)
    if refused:
        raise click.ClickException(f"the cache is not removed: {refused}")
    try:
        removed = remove(home)
    except OSError as error:
        raise click.FileError(str(home / FOLDER), error.strerror or str(error)) from error
    if removed:
        left = ", except for what others put there" if (home / FOLDER).exists() else ""
        click.echo(f"removed {own}{left}")
    return 0
