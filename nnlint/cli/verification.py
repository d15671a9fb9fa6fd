"""The options of verification, shared by `check --verify` and `verify`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

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


def verification_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
