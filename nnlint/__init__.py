"""nnlint: the linter for people who train neural networks."""

__version__ = "0.1.0"

DOCUMENTATION = "https://nnlint.readthedocs.io/en/latest"
"""Where the site that `docs/build.py` builds is published; `.readthedocs.yaml` says how."""


def page_of(rule: str) -> str:
    """The address of the page of a rule of nnlint's own, by its name."""
    return f"{DOCUMENTATION}/rules/{rule}/"
