"""The options of `nnlint check`, in the groups that `--help` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from nnlint.cli.authors import local_rules_option
from nnlint.cli.machines import machines_options
from nnlint.cli.verification import verification_options
from nnlint.config import FAIL_ON, FORMATS, ConfigError
from nnlint.finding import Stage

GROUPS: Mapping[str, Sequence[str]] = {
    "Rules": (
        *("select", "extend_select", "ignore", "per_file_ignores", "fixable", "unfixable"),
        *("rules", "stage"),
    ),
    "Files": (
        *("exclude", "extend_exclude", "force_exclude", "respect_gitignore", "stdin_filename"),
        *("diff_base",),
    ),
    "Fixes": (
        *("fix", "unsafe_fixes", "show_fixes", "diff", "fix_only", "exit_non_zero_on_fix"),
        *("add_ignore", "reason"),
    ),
    "Report": (
        *("output_format", "output_file", "statistics", "show_files", "show_settings", "color"),
        *("quiet", "verbose", "watch"),
    ),
    "Exit status": ("fail_on", "exit_zero"),
    "Configuration": ("config", "isolated"),
    "Known findings": ("baseline", "write_baseline", "prune_baseline"),
    "Verification": (
        *("verify", "device", "python", "timeout", "memory", "seed", "allow_network"),
        *("verify_output",),
    ),
    "Speed": (*("no_cache", "cache_dir", "jobs", "shard", "write_results", "merge", "executor"),),
}
"""Titles of `--help`, and the options below each."""


class GroupedCommand(click.Command):
    """A command whose options are shown in groups."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each group under its title."""
        known = {p.name: p for p in self.get_params(context) if isinstance(p, click.Option)}
        groups = {title: [known.pop(name) for name in names] for title, names in GROUPS.items()}
        for title, parameters in {**groups, "Other": list(known.values())}.items():
            rows = [row for p in parameters if (row := p.get_help_record(context))]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _selectors(context: click.Context, parameter: click.Parameter, value: Any) -> tuple[str, ...]:
    return tuple(s.strip() for part in value for s in part.split(",") if s.strip())


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from nnlint.listing import every_name

    *before, last = incomplete.split(",")
    known = [n for rule in every_name() for n in (rule.name, rule.code)] + ["ALL"]
    return [",".join([*before, n]) for n in known if n.lower().startswith(last.lower())]


def _rules(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(
        name,
        multiple=True,
        callback=_selectors,
        metavar="RULES",
        help=text,
        shell_complete=_complete,
    )


def _flag(*names: str, help: str) -> Callable[[Any], Any]:
    return click.option(*names, is_flag=True, help=help)


def _file(*names: str, help: str) -> Callable[[Any], Any]:
    return click.option(*names, type=click.Path(dir_okay=False), help=help)


_OPTIONS = (
    _rules("--select", "Report only these rules: codes, prefixes, names, levels or ALL."),
    _rules("--extend-select", "Report these rules too."),
    _rules("--ignore", "Do not report these rules."),
    click.option(
        "--per-file-ignores",
        multiple=True,
        metavar="PATTERN:RULES",
        help="Do not report rules in files that match.",
    ),
    _rules("--fixable", "Offer and make fixes of these rules only."),
    _rules("--unfixable", "Neither offer nor make fixes of these rules."),
    local_rules_option,
    click.option(
        "--stage",
        type=click.Choice([s.value for s in Stage]),
        help="Stage of the recipe that the project is in.",
    ),
    click.option(
        "--fail-on", type=click.Choice(FAIL_ON), help="Lowest level that gives exit status 1."
    ),
    _flag("--fix", help="Apply safe fixes."),
    _flag("--unsafe-fixes", help="Apply fixes too that may change more."),
    _flag("--show-fixes", help="List what was fixed."),
    _flag("--diff", help="Show what --fix would change, and change nothing."),
    _flag("--fix-only", help="Apply fixes, and do not report what is left."),
    _flag("--exit-non-zero-on-fix", help="Exit with 1 if anything was fixed."),
    _flag("--add-ignore", help="Write a comment beside each finding that it is to be ignored."),
    click.option("--reason", metavar="TEXT", help="Why, to stand in these comments."),
    click.option("--output-format", type=click.Choice(FORMATS), help="How to report."),
    _file("--output-file", "-o", help="Write the report there."),
    _flag("--statistics", help="Count findings by rule instead."),
    _flag("--show-files", help="List the files that would be linted."),
    _flag("--show-settings", help="Show the settings in use."),
    _flag("--exit-zero", "-e", help="Exit with 0 even if there are findings."),
    click.option(
        "--config",
        multiple=True,
        metavar="FILE|KEY=VALUE",
        help="Configuration file, or a setting in TOML on top of it.",
    ),
    _flag("--isolated", help="Use no configuration file."),
    click.option(
        "--exclude", multiple=True, metavar="PATTERN", help="Leave out matching files too."
    ),
    click.option(
        "--extend-exclude", multiple=True, metavar="PATTERN", help="The same, as Ruff calls it."
    ),
    _flag("--force-exclude", help="Leave out excluded files even if they are named."),
    click.option(
        "--respect-gitignore/--no-respect-gitignore",
        default=None,
        help="Leave out what .gitignore names (default: yes).",
    ),
    click.option(
        "--diff-base",
        metavar="REV",
        help="Lint everything, report what is on lines changed since then; asks git.",
    ),
    _file("--baseline", help="Report only what is not in it."),
    _file("--write-baseline", help="Write the findings there, to be left out later."),
    _flag("--prune-baseline", help="Take out of the baseline what is found no more."),
    _flag("--no-cache", "-n", help="Neither read nor write the cache."),
    click.option(
        "--cache-dir",
        type=click.Path(file_okay=False),
        envvar="NNLINT_CACHE_DIR",
        show_envvar=True,
        help="Folder that the cache lies in (default: the top of the project).",
    ),
    click.option("--jobs", "-j", type=click.IntRange(min=1), help="Processes to use."),
    machines_options,
    click.option(
        "--stdin-filename", metavar="NAME", help="Name of the file given as `-` on stdin."
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="Whether to colour the report.",
    ),
    _flag(
        "--verify",
        help="Run the code to confirm or take back findings; with --fix, write only what is "
        "proven.",
    ),
    verification_options,
    _flag("--watch", "-w", help="Lint again whenever a file changes."),
    _flag("--quiet", "-q", help="Print findings only."),
    _flag("--verbose", "-v", help="Say what is done, on stderr."),
)


_APART: Mapping[str, Sequence[str]] = {
    "prune_baseline": ("diff", "write_baseline"),
    "add_ignore": (
        *("fix", "fix_only", "diff", "diff_base", "write_baseline", "verify", "shard"),
        *("statistics", "watch"),
    ),
    "diff_base": ("fix", "fix_only", "diff", "write_baseline"),
    "watch": ("fix_only", "diff", "write_baseline", "prune_baseline", "write_results"),
}
"""Options, and those that do not go with them."""
_ALONE = ("add_ignore", "diff_base", "watch")
"""Options that need files, and do not go with one from stdin."""


def check_combination(paths: Sequence[str], options: Mapping[str, Any]) -> None:
    """Make sure that options go together.

    Raises:
        ConfigError: they do not.
    """
    for name, others in _APART.items():
        for other in others:
            if options[name] and options[other]:
                raise ConfigError(f"{_written(name)} does not go with {_written(other)}")
    for name in _ALONE:
        if options[name] and "-" in paths:
            raise ConfigError(f"{_written(name)} does not go with a file from stdin")
    if options["reason"] is not None and not options["add_ignore"]:
        raise ConfigError("--reason goes with --add-ignore")


def _written(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def check_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
