"""What reports with tables and margins are written on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

UNBROKEN = 10_000
"""Columns where a line is for a program to read, and nothing is broken."""


def console_on(stream: TextIO, color: bool, width: int | None) -> Console:
    """A console that adds no colour of its own.

    Parameters:
        width: columns there are; None for those of the terminal.
    """
    return Console(
        file=stream, force_terminal=color, no_color=not color, highlight=False, width=width
    )
