"""nnlint: the linter for people who train neural networks."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

DOCUMENTATION = "https://nnlint.readthedocs.io/en/latest"
"""Where the site that `docs/build.py` builds is published; `.readthedocs.yaml` says how."""


def page_of(rule: str) -> str:
    """The address of the page of a rule of nnlint's own, by its name."""
    return f"{DOCUMENTATION}/rules/{rule}/"


def load_ipython_extension(shell: Any) -> None:
    """What IPython calls for `%load_ext nnlint`: each cell that has run is linted."""
    from nnlint.ipython import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What IPython calls for `%unload_ext nnlint`."""
    from nnlint.ipython import unload

    unload(shell)
