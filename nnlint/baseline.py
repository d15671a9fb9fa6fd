"""Baselines: known findings that a project does not want to see again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nnlint.config import ConfigError
from nnlint.finding import Finding
from nnlint.source.file import SourceError
from nnlint.source.reading import read_bytes
from nnlint.text import json_text


def identity(finding: Finding) -> tuple[str, str, str]:
    """What a baseline knows a finding by: not the row, so that lines may move."""
    return (finding.filename, finding.code, finding.message)


def write_baseline(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings so that `without_baseline` leaves them out."""
    entries = [
        {"filename": name, "code": code, "message": message}
        for name, code, message in sorted(map(identity, findings))
    ]
    path.write_text(json_text(entries, indent=1) + "\n", encoding="utf-8")


def read_baseline(path: Path) -> Counter[tuple[str, str, str]]:
    """How many findings of each file, code and message a baseline knows.

    Raises:
        ConfigError: the file cannot be read as a baseline.
    """
    try:
        entries = json.loads(read_bytes(path).decode("utf-8"))
        if not isinstance(entries, list):
            raise TypeError("it holds no list")
        return Counter((e["filename"], e["code"], e["message"]) for e in entries)
    except RecursionError as error:
        raise ConfigError(f"{path}: is no baseline: it is nested too deeply") from error
    except (OSError, SourceError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path}: is no baseline: {error}") from error


def without_baseline(path: Path, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that a baseline does not know, each entry standing for one finding.

    Raises:
        ConfigError: the file cannot be read as a baseline.
    """
    known = read_baseline(path)
    fresh = []
    for finding in findings:
        if known[identity(finding)] > 0:
            known[identity(finding)] -= 1
        else:
            fresh.append(finding)
    return fresh
