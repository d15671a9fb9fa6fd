"""What the commands share that authors of rules use."""

from __future__ import annotations

from typing import Any

import click

from nnlint import packs


def _use(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    packs.use(value)
    return value


local_rules_option = click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    callback=_use,
    # before options whose completion lists rules
    is_eager=True,
    metavar="DIR",
    help="Folder of local rules and library rows to use too. Its code is run.",
)
