"""What the formats for other programs share."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from nnlint.finding import Finding, Position, Related
from nnlint.text import path_between

CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which GitHub and GitLab tell a job where its repository is checked out."""


def in_repository(filename: str) -> str:
    """A file's path from the root of its repository, wherever nnlint is run.

    A submodule belongs to the repository around it. Where no repository is to be seen, it is what
    the job of a build checked out, and else the name stays as it is.
    """
    path = os.path.abspath(filename)
    root = repository_of(os.path.dirname(path))
    if root is None:
        given = (os.environ.get(name) for name in CHECKOUTS)
        root = next((r for r in given if r and Path(path).is_relative_to(r)), None)
    return path_between(root, path) if root else filename.replace(os.sep, "/")


@lru_cache(maxsize=4096)
def repository_of(folder: str) -> str | None:
    """The root of the repository that a folder lies in, if there is one."""
    places = (Path(folder), *Path(folder).parents)
    roots = [place for place in places if (place / ".git").exists()]
    return next((str(root) for root in roots if root is roots[-1] or not _is_submodule(root)), None)


def _is_submodule(root: Path) -> bool:
    """Whether the folder of a repository is one within another: its `.git` says where it is kept."""
    try:
        kept = (root / ".git").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # a folder, as that of any other repository
        return False
    return "/modules/" in kept


def in_file(at: Finding | Related) -> tuple[Position, Position]:
    """Start and end as a place in the file itself.

    A row within a notebook's cell means nothing there: such a finding stands at the top.
    """
    if at.cell is not None:
        return Position(1, 1), Position(1, 1)
    return at.start, at.end


def whole_text(finding: Finding) -> str:
    """The message with what to write instead and what running the code showed.

    In a notebook, with the place in its cell.
    """
    verdict = finding.verdict
    shown = f" {verdict.status.capitalize()}: {verdict.summary}." if verdict else ""
    if finding.cell is None:
        return finding.text + shown
    return f"cell {finding.cell}, line {finding.start.row}: {finding.text}{shown}"
